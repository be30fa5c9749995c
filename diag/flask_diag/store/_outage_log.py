"""The outages that this process sees: one row each, from the first incident to the first contact after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from diag_exporters import Recovery
from diag_rules.errors import Category

from ._entry import Entry, clean
from ._tables import outage

_MAX_KINDS = outage.c.kinds.type.length or 0  # type: ignore[attr-defined] # a String


@dataclass(slots=True, eq=False)
class _Seen:
    id: str
    app: str
    bind: str
    started: datetime
    last_seen: datetime
    ended: datetime | None = None
    kinds: set[str] = field(default_factory=set)
    count: int = 0


class OutageLog:
    """Follows one process's outages. Not for threads: the writer's own."""

    def __init__(self) -> None:
        self._open: dict[str, _Seen] = {}
        self._changed: dict[str, _Seen] = {}
        self._late: list[dict[str, Any]] = []
        self._count = 0

    @property
    def any_open(self) -> bool:
        """True while a database is out."""
        return bool(self._open)

    @property
    def changed(self) -> bool:
        """True while there is something to write."""
        return bool(self._changed or self._late)

    def met(self, entry: Entry, writer: str) -> None:
        """Note an incident, which may be of any category."""
        if entry.classification.category is not Category.OUTAGE:
            return
        found = self._open.get(entry.bind) or self._begin(entry.app, entry.bind, entry.at, writer)
        found.last_seen = max(found.last_seen, entry.at)
        found.count += 1
        found.kinds.add(entry.classification.kind.value)
        self._changed[found.id] = found

    def recovered(self, recovery: Recovery, writer: str) -> None:
        """Note the first contact after an outage; one whose incidents were dropped is noted all the same."""
        if recovery.bind not in self._open:
            self._begin(recovery.app, recovery.bind, recovery.since, writer)
        found = self._open.pop(recovery.bind)
        found.ended = max(recovery.at, found.last_seen)
        self._changed[found.id] = found

    def changes(self, writer: str) -> list[dict[str, Any]]:
        """Return the rows that differ from what was taken last."""
        late, changed, self._late, self._changed = self._late, self._changed, [], {}
        return [*late, *(_row(found, writer) for found in changed.values())]

    def put_back(self, rows: list[dict[str, Any]]) -> None:
        """Take rows again that could not be written."""
        self._late += rows

    def _begin(self, app: str, bind: str, at: datetime, writer: str) -> _Seen:
        self._count += 1
        found = _Seen(f"{writer}-{self._count}", app, bind, at, at)
        self._open[bind] = found
        return found


def _row(found: _Seen, writer: str) -> dict[str, Any]:
    return {
        "id": found.id,
        "app": clean(found.app, 100),
        "bind": clean(found.bind, 60),
        "writer": writer,
        "started": found.started,
        "last_seen": found.last_seen,
        "ended": found.ended,
        "kinds": ",".join(sorted(found.kinds))[:_MAX_KINDS],
        "total": found.count,
    }
