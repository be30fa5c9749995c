"""The log: one structured line an incident, by standard `logging`."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

from diag_rules.errors import Category

from ._incident import Incident, Recovery

LEVELS = {
    Category.OUTAGE: logging.ERROR,
    Category.CONTENTION: logging.WARNING,
    Category.BUSINESS_RULE: logging.INFO,
    Category.DEFECT: logging.ERROR,
    Category.UNKNOWN: logging.ERROR,
}


@dataclass(frozen=True, slots=True)
class LogExporter:
    """Writes a line for an incident, and one when an outage is over. An `Exporter` with ``recovered``."""

    logger: logging.Logger
    name: str = field(default="log", init=False)

    def __call__(self, incident: Incident) -> None:
        """Write *incident*; its fields are attributes of the record, ``diag_category`` and so on."""
        level = LEVELS[incident.classification.category]
        if self.logger.isEnabledFor(level):
            shown = fields(incident)
            self.logger.log(level, "%s", _line_of(shown), extra=shown)

    def recovered(self, recovery: Recovery) -> None:
        """Write that a database answers again, and after how many seconds."""
        seconds = (recovery.at - recovery.since).total_seconds()
        self.logger.warning(
            "outage over after %.1f s app=%s bind=%s",
            seconds,
            plain(recovery.app),
            plain(recovery.bind),
            extra={
                "diag_event": "recovery",
                "diag_app": recovery.app,
                "diag_bind": recovery.bind,
                "diag_outage_seconds": seconds,
            },
        )


def log(logger: str | logging.Logger = "flask_diag.incident") -> LogExporter:
    """Return an exporter that writes to *logger*.

    Levels: outage, defect and unknown are errors, contention is a warning, a business rule is information.
    """
    return LogExporter(logging.getLogger(logger) if isinstance(logger, str) else logger)


def line(incident: Incident) -> str:
    """Return the incident as one line: the category and kind, then ``key=value`` for what is known."""
    return _line_of(fields(incident))


def _line_of(shown: dict[str, Any]) -> str:
    words = [shown["diag_category"], shown["diag_kind"]]
    words += [f"{word}={plain(shown[key])}" for key, word in _SHOWN if shown[key] is not None]
    return " ".join(words)


def fields(incident: Incident) -> dict[str, Any]:
    """Return the incident flat, for ``extra=``: plain values, each key with ``diag_`` in front."""
    found = incident.classification
    columns = ",".join(found.columns) or None
    return {
        "diag_event": "incident",
        "diag_at": incident.at.isoformat(),
        "diag_category": str(found.category),
        "diag_kind": str(found.kind),
        "diag_sqlstate": found.sqlstate,
        "diag_vendor_code": found.vendor_code,
        "diag_dialect": found.dialect,
        "diag_driver": found.driver,
        "diag_constraint": found.constraint,
        "diag_table": found.table,
        "diag_columns": columns,
        "diag_retry": str(found.retry),
        "diag_evidence": found.evidence,
        "diag_app": incident.app,
        "diag_bind": incident.bind,
        "diag_endpoint": incident.endpoint,
        "diag_route": incident.route,
        "diag_method": incident.method,
        "diag_subject": incident.subject,
        "diag_subject_key": incident.subject_key,
        "diag_request_id": incident.request_id,
        "diag_deletion_of": incident.deletion_of,
        "diag_outage_id": incident.outage_id,
        "diag_trace_id": incident.trace_id,
    }


_SHOWN = [
    (f"diag_{word}", word)
    for word in (
        "sqlstate",
        "vendor_code",
        "dialect",
        "table",
        "columns",
        "constraint",
        "deletion_of",
        "subject",
        "subject_key",
        "method",
        "route",
        "bind",
        "outage_id",
        "request_id",
    )
]


def plain(value: object) -> str:
    """Return *value* as one printable word or a quoted text: a name can forge neither a second line nor another field."""
    text = str(value)[:200]
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else "?" for letter in text)
    if text and _UNSAFE.isdisjoint(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_UNSAFE = frozenset(' "=')
