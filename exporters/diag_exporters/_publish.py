"""Hand a value to every exporter, and keep a failing one from harming the request."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from diag_rules.deletion import Verdict

from ._incident import Exporter, Incident, Recovery

logger = logging.getLogger("flask_diag")

_logged: set[tuple[str, str]] = set()  # bounded by the exporters of the process times the classes they raise


def publish(incident: Incident, exporters: Iterable[Exporter]) -> None:
    """Give *incident* to each of *exporters*; one that fails is logged and counted, never raised."""
    everyone = tuple(exporters)
    for exporter in everyone:
        try:
            exporter(incident)
        except Exception as error:  # noqa: BLE001 whatever an exporter raises, the request goes on
            _report(exporter, error, everyone)


def publish_recovery(recovery: Recovery, exporters: Iterable[Exporter]) -> None:
    """Tell each of *exporters* that has ``recovered`` that an outage is over."""
    _tell(tuple(exporters), "recovered", recovery)


def publish_verdict(verdict: Verdict, exporters: Iterable[Exporter]) -> None:
    """Tell each of *exporters* that has ``judged`` what the answer to a refused deletion says."""
    _tell(tuple(exporters), "judged", verdict)


def publish_request_finished(exporters: Iterable[Exporter]) -> None:
    """Tell each of *exporters* that has ``request_finished`` to forget the request that met an incident."""
    _tell(tuple(exporters), "request_finished")


def name_of(exporter: Exporter) -> str:
    """Return the name that a failure of *exporter* is counted under: its ``name``, else its function's."""
    named = getattr(exporter, "name", None) or getattr(exporter, "__name__", None) or type(exporter).__name__
    return str(named)[:60]


def _tell(everyone: tuple[Exporter, ...], method: str, *values: Any) -> None:
    for exporter in everyone:
        action = getattr(exporter, method, None)
        if action is not None:
            try:
                action(*values)
            except Exception as error:  # noqa: BLE001 as above
                _report(exporter, error, everyone)


def _report(failed: Exporter, error: Exception, everyone: tuple[Exporter, ...]) -> None:
    name = name_of(failed)
    _log_once(name, error)
    for exporter in everyone:
        count = getattr(exporter, "exporter_failed", None)
        if count is not None:
            try:
                count(name)
            except Exception:  # the counter itself is broken: the log line above is all that is left
                logger.debug("A failure of exporter %s was not counted.", name, exc_info=True)


def _log_once(name: str, error: Exception) -> None:
    """Log the first failure of a cause; the rest are counted, so that a broken exporter floods no log."""
    cause = (name, type(error).__qualname__)
    if cause not in _logged:
        _logged.add(cause)
        # The error's text is left out: it may quote the incident's exception and so SQL parameters.
        logger.warning(
            "Exporter %s failed with %s; the request goes on. Further failures are only counted.",
            name,
            type(error).__name__,
            exc_info=logger.isEnabledFor(logging.DEBUG),
        )
