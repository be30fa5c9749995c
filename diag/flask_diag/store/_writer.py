"""Batches: what was taken is folded here, and written in one transaction each, exactly once.

Not for threads: all of it happens on the store's one writer thread.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from diag_exporters import Recovery
from diag_rules.errors import Category, Kind, classify
from flask_diag._guard import guarded, log_once

from . import _tables as tables
from ._database import Database
from ._entry import Entry, Fold, fold_of
from ._errors import StoreSchemaError
from ._ledger import Ledger, Remains
from ._outage_log import OutageLog
from ._upsert import fold_incident, put_outage

logger = logging.getLogger("flask_diag")

REFUSED = frozenset((Category.BUSINESS_RULE,))  # for what a row is; anything else is worth another try
LOOK = 60.0  # seconds between two looks for processes that were killed
Dropped = Callable[[str, int], None]


@dataclass(slots=True, eq=False)
class Batch:
    """What one transaction writes.

    Attributes:
        number: of this writer, from 1; none is written twice.
        rows: with the outages' rows, as the tables have them.
        count: the incidents in *rows*.
    """

    number: int
    rows: list[dict[str, Any]]
    outages: list[dict[str, Any]]
    remains: list[Remains] = field(default_factory=list)
    count: int = 0


class Writer:
    """Folds and writes.

    Args:
        limit: rows that may wait in memory while the store is down; incidents of further ones are dropped.
        dropped: told the reason and the number of incidents that the store will never get.
    """

    def __init__(
        self, database: Database, app: str, ledger_of: Callable[[str], Ledger], limit: int, dropped: Dropped
    ) -> None:
        self.id = uuid.uuid4().hex
        self.ledger = ledger_of(self.id)
        self.outages = OutageLog()
        self._database, self._app, self._limit, self._tell = database, app, limit, dropped
        self._folds: dict[tuple[int, bytes], Fold] = {}
        self._flying: Batch | None = None
        self._number = 0
        self._look_at = 0.0
        self.written = 0
        self.dropped = 0  # of the accepted
        self.refused = 0  # before they were accepted: the queue was full

    @property
    def empty(self) -> bool:
        """True where nothing is left to write."""
        return self._flying is None and not self._folds and not self.outages.changed

    def take(self, item: Entry | Recovery) -> None:
        """Fold one item in; an incident that finds no place is dropped."""
        if isinstance(item, Recovery):
            self.outages.recovered(item, self.id)
            return
        self.outages.met(item, self.id)
        fold = fold_of(item)
        known = self._folds.get(fold.key)
        if known is not None:
            known.add(fold)
        elif len(self._folds) < self._limit:
            self._folds[fold.key] = fold
        else:
            self.lost("store_down", 1)

    def write(self, *, ended: bool = False) -> bool:
        """Write one batch; False where the store did not take it, which then waits as it is.

        With *ended* it says goodbye: this process writes no more.
        """
        if self._flying is None:
            self._flying = self._next()
        batch = self._flying
        try:
            with self._database.write() as connection:
                self._put(connection, batch, ended=ended)
        except StoreSchemaError as error:
            _log_schema(error)
            return False
        except Exception as error:  # noqa: BLE001 whatever a store raises, its thread goes on
            return self._failed(batch, error)
        self._written(batch)
        return True

    def _next(self) -> Batch:
        # sorted: replicas that lock the same rows in the same order wait for each other, and never deadlock
        folds = sorted(self._folds.values(), key=lambda fold: fold.key)
        self._folds = {}
        self._number += 1
        return Batch(
            self._number,
            [fold.row() for fold in folds],
            self.outages.changes(self.id),
            self._remains(),
            sum(fold.count for fold in folds),
        )

    def _remains(self) -> list[Remains]:
        """Return what dead processes have left; looked for once in `LOOK` seconds."""
        now = time.monotonic()
        if now < self._look_at:
            return []
        self._look_at = now + LOOK
        return list(self.ledger.dead())

    def _written(self, batch: Batch) -> None:
        self._flying = None
        self.written += batch.count
        for found in batch.remains:
            found.release(counted=True)
            if found.lost > found.told:
                self._tell("killed", found.lost - found.told)

    def _failed(self, batch: Batch, error: Exception) -> bool:
        found = classify(error)
        if found.category not in REFUSED:
            log_once("writing to the incident store (incidents wait in memory)", error)
            if found.kind is Kind.DATA_CORRUPTED:
                with guarded("moving a corrupt incident store aside"):
                    self._database.mend()
            return False
        if len(batch.rows) + len(batch.outages) > 1:
            _release(batch)
            return self._one_by_one(batch)
        # a single row that the database refuses for what it is would stop all that follow
        log_once("writing an incident that the store refuses", error)
        _release(batch)
        self._flying = None
        self.lost("refused", batch.count)
        return True

    def _one_by_one(self, batch: Batch) -> bool:
        """Write a batch that was refused row by row, so that only the row to blame is dropped."""
        parts = [Batch(0, [row], [], count=row["total"]) for row in batch.rows]
        parts += [Batch(0, [], [row]) for row in batch.outages]
        for done, part in enumerate(parts):
            part.number = batch.number + done
            self._flying, self._number = part, part.number
            if not self.write():
                self._put_back(parts[done + 1 :])
                return False
        return True

    def _put_back(self, parts: list[Batch]) -> None:
        """Let the rows that follow one that waits wait with it."""
        for part in parts:
            for row in part.rows:
                fold = _unrow(row)
                known = self._folds.get(fold.key)
                if known is None:
                    self._folds[fold.key] = fold
                else:
                    known.add(fold)
            self.outages.put_back(part.outages)

    def leave(self) -> None:
        """Let go of what dead processes have left and is not counted yet: this one will not do so any more."""
        if self._flying is not None:
            _release(self._flying)

    def lost(self, reason: str, count: int) -> None:
        """Count incidents that were accepted and will never be written."""
        if count:
            self.dropped += count
            self.ledger.dropped(self.dropped)
            self._tell(reason, count)

    def _put(self, connection: Connection, batch: Batch, *, ended: bool) -> None:
        if not self._claim(connection, batch, ended=ended):
            return  # its COMMIT had passed, though we never heard so
        dialect = self._database.dialect
        if batch.rows:
            connection.execute(fold_incident(dialect), batch.rows)
        if batch.outages:
            connection.execute(put_outage(dialect), batch.outages)
        for found in batch.remains:
            _bury(connection, found, self._app)

    def _claim(self, connection: Connection, batch: Batch, *, ended: bool) -> bool:
        """Note that this batch is written; False where it is noted already."""
        now = datetime.now(UTC)
        values = {
            "seen": now,
            "ended": now if ended else None,
            "batch": batch.number,
            "written": self.written + batch.count,
            "dropped": self.dropped + self.refused,
        }
        mine = tables.writer.c.id == self.id
        last = connection.execute(select(tables.writer.c.batch).where(mine).with_for_update()).scalar()
        if last is None:
            row = {"id": self.id, "app": self._app, "started": now, "lost": 0, **values}
            connection.execute(insert(tables.writer).values(row))
        elif last >= batch.number:
            return False
        else:
            connection.execute(update(tables.writer).where(mine).values(values))
        return True


def _bury(connection: Connection, found: Remains, app: str) -> None:
    """Count what a dead process had in its memory; doing so twice changes nothing."""
    theirs = tables.writer.c.id == found.writer
    written = connection.execute(select(tables.writer.c.written).where(theirs)).scalar()
    now = datetime.now(UTC)
    found.lost = max(0, found.accepted - found.dropped - (written or 0))
    values = {"ended": now, "lost": found.lost}
    if written is None:
        zero = {"id": found.writer, "app": app, "started": now, "seen": now, "batch": 0, "written": 0}
        connection.execute(insert(tables.writer).values({**zero, **values, "dropped": found.dropped}))
    else:
        connection.execute(update(tables.writer).where(theirs).values(values))


def _release(batch: Batch) -> None:
    """Leave the remains to the next who looks."""
    while batch.remains:
        batch.remains.pop().release(counted=False)


def _unrow(row: dict[str, Any]) -> Fold:
    own = ("bucket", "digest", "total", "first_seen", "last_seen", "request_id", "sentry_event_id")
    return Fold(
        (row["bucket"], row["digest"]),
        {name: value for name, value in row.items() if name not in own},
        *(row[name] for name in own[2:]),
    )


_told: set[str] = set()


def _log_schema(error: StoreSchemaError) -> None:
    """Log what is wrong with the schema, once each: it says what to do, and nothing private."""
    if str(error) not in _told and len(_told) < 100:
        _told.add(str(error))
        logger.error("%s Incidents are counted as lost until then; the application goes on.", error)
