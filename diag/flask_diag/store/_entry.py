"""What waits in the queue, and how it becomes a row: cleaned, cut to length, and folded by what it has in common."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple

from diag_exporters import Incident, event_id_of
from diag_rules.errors import Classification

from ._tables import BUCKET, incident
from ._types import microseconds

_LENGTHS: dict[str, int] = {
    column.name: column.type.length for column in incident.columns if hasattr(column.type, "length")
}
_FOLDED_BY = (
    "app",
    "bind",
    "subject",
    "subject_key",
    "category",
    "kind",
    "code",
    "broke",
    "endpoint",
    "deletion_of",
)


class Entry(NamedTuple):
    """What the store takes of an incident: nothing that holds the exception, whose stack would live on in the queue."""

    classification: Classification
    at: datetime
    app: str
    bind: str
    endpoint: str | None
    subject: str | None
    subject_key: str | None
    deletion_of: str | None
    request_id: str | None
    sentry_event_id: str | None


def entry_of(met: Incident) -> Entry:
    """Return the entry of an incident."""
    return Entry(
        met.classification,
        met.at,
        met.app,
        met.bind,
        met.endpoint,
        met.subject,
        met.subject_key,
        met.deletion_of,
        met.request_id,
        event_id_of(met.error),
    )


@dataclass(slots=True, eq=False)
class Fold:
    """Incidents that differ in nothing but their time and their request."""

    key: tuple[int, bytes]
    values: dict[str, Any]
    count: int
    first_seen: datetime
    last_seen: datetime
    request_id: str | None
    sentry_event_id: str | None

    def add(self, other: Fold) -> None:
        """Take in *other*, of the same key."""
        self.count += other.count
        self.first_seen = min(self.first_seen, other.first_seen)
        self.sentry_event_id = other.sentry_event_id or self.sentry_event_id
        if other.last_seen >= self.last_seen:
            self.last_seen, self.request_id = other.last_seen, other.request_id or self.request_id

    def row(self) -> dict[str, Any]:
        """Return the row as the table has it."""
        return {
            "bucket": self.key[0],
            "digest": self.key[1],
            **self.values,
            "total": self.count,
            "first_seen": self.first_seen,
            "last_seen": self.last_seen,
            "request_id": self.request_id,
            "sentry_event_id": self.sentry_event_id,
        }


def fold_of(entry: Entry) -> Fold:
    """Return an entry as a fold of one."""
    found = entry.classification
    found_values: dict[str, object] = {
        "app": entry.app,
        "bind": entry.bind,
        "subject": entry.subject,
        "subject_key": entry.subject_key,
        "category": found.category.value,
        "kind": found.kind.value,
        "code": found.sqlstate or found.vendor_code,
        "broke": broke(found),
        "endpoint": entry.endpoint,
        "deletion_of": entry.deletion_of,
    }
    values = {name: clean(value, _LENGTHS[name]) for name, value in found_values.items()}
    seconds = microseconds(entry.at) // 1_000_000
    mark = blake2b("\x1f".join(values[name] for name in _FOLDED_BY).encode(), digest_size=16).digest()
    return Fold(
        (seconds - seconds % BUCKET, mark),
        values,
        1,
        entry.at,
        entry.at,
        clean(entry.request_id, _LENGTHS["request_id"]) or None,
        clean(entry.sentry_event_id, _LENGTHS["sentry_event_id"]) or None,
    )


def broke(found: Classification) -> str:
    """Return what an error broke, as the schema names it: the constraint, else ``table.columns``, else nothing."""
    return found.constraint or ".".join(filter(None, (found.table, ",".join(found.columns))))


def clean(value: object, length: int) -> str:
    """Return *value* as text that every database takes: cut to *length*, printable, well-formed, empty for None."""
    if value is None:
        return ""
    text = str(value)[:length]
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return text
