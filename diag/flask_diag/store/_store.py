"""The incident store of one application."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy import URL, Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from flask_diag._address import shown_url

from . import _incidents as reading
from ._asking import Asking
from ._database import Database
from ._errors import StoreError, StoreSchemaError, StoreUnavailable
from ._intake import Intake
from ._ledger import Ledger, folder_for
from ._outages import outages
from ._process import attend
from ._prune import prune
from ._scans import Scans
from ._schema import CURRENT, told
from ._tables import incident, writer
from ._types import moment
from ._values import History, IncidentFilter, Outage, Page, StoredIncident, StoreStatus, Top, Total
from ._writer import Writer

PRUNE_SECONDS = 3600.0  # between two rounds of retention in one process
FLUSH_SECONDS = 10.0


def _nobody(_reason: str, _count: int) -> None:
    """Count nothing."""


class Store:
    """Keeps incidents and scans, and answers what was met.

    All that reads raises StoreUnavailable where the store does not answer, and StoreSchemaError where its schema is
    not ours; both are a StoreError with a sentence for people. Moments are aware.

    Args:
        url: SQLite in a file, PostgreSQL or MariaDB.
        app: whose incidents these are; several applications may share a store and see their own only.
        queue: incidents that may wait in memory, and rows that may while the store is down.
        interval: seconds that incidents are gathered for before they are written.
        drain: seconds that the process's end may wait for what is not yet written.
        own_file: the SQLite file is nobody's but ours: where it is corrupt it is moved aside, and another is made.
        days: how long incidents, outages and scans are kept.
        rows: how many rows of incidents are kept.
        dropped: told why and how many incidents the store will never get.
        lasting: what *dropped* is told at the process's end is still known after it.
        turned: called on the writer's thread each time that it has written, or tried to.

    Attributes:
        intake: the exporter.
        scans: begin, keep and read scans.
    """

    def __init__(  # noqa: PLR0913 each is a setting of its own, by keyword
        self,
        url: str | URL,
        app: str,
        *,
        queue: int = 10_000,
        interval: float = 1.0,
        drain: float = 2.0,
        own_file: bool = False,
        days: float = 90,
        rows: int = 1_000_000,
        dropped: Callable[[str, int], None] = _nobody,
        lasting: bool = False,
        turned: Callable[[], None] = lambda: None,
    ) -> None:
        self.app, self.drain, self._days, self._rows = app, drain, days, rows
        self.database = Database(url, own_file=own_file)
        self._asking = Asking(self.database)
        folder, named = folder_for(self.database.path), f"{self.database.url}#{app}"
        self.intake = Intake(
            lambda: Writer(
                self.database,
                app,
                lambda own: Ledger(folder, named, own, lasting=lasting),
                queue,
                dropped,
            ),
            limit=queue,
            interval=interval,
            dropped=dropped,
            upkeep=self._upkeep,
            turned=turned,
        )
        self.scans = Scans(self.database, self._asking, app)
        self._prune_at = time.monotonic() + PRUNE_SECONDS * random.random()  # noqa: S311 replicas that take turns
        attend(self)

    @property
    def queue_length(self) -> int:
        """Incidents of this process that wait to be written."""
        return self.intake.waiting

    def history(
        self,
        subject: str,
        key: str | Sequence[str],
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
    ) -> History:
        """Return what one subject met, the latest first, and whether its database was out then.

        *subject* is the name of its class (``Project``); *key* its key as text (``42``, ``7,de``), as
        `Incident.subject_key` has it, or several: a route may have told its name. *limit* is 1 to 500 incidents.
        """
        now, keys = datetime.now(UTC), (key,) if isinstance(key, str) else tuple(key)
        return self._asking.ask(
            lambda connection: reading.history(connection, self.app, subject, keys, now, since, until, limit)
        )

    def incidents(
        self, wanted: IncidentFilter | None = None, *, after: str | None = None, limit: int = 50
    ) -> Page[StoredIncident]:
        """Return a page of incidents, the latest bucket first; *after* is `Page.next` of the page before."""
        asked = wanted or IncidentFilter()
        return self._asking.ask(
            lambda connection: reading.incidents(connection, self.app, asked, after, limit)
        )

    def outages(self, since: datetime, until: datetime, *, bind: str | None = None) -> tuple[Outage, ...]:
        """Return the outages that fall into the time from *since* to *until*, the latest first."""
        now = datetime.now(UTC)
        return self._asking.ask(lambda connection: outages(connection, self.app, since, until, now, bind))

    def totals(
        self, since: datetime, until: datetime, *, seconds: int = 3600, by_broke: bool = False
    ) -> tuple[Total, ...]:
        """Return incidents by time, category and kind, for charts, with *by_broke* by what they broke, too.

        *seconds* is a multiple of 300.
        """
        return self._asking.ask(
            lambda connection: reading.totals(connection, self.app, since, until, seconds, by_broke=by_broke)
        )

    def top(
        self, field: str, since: datetime, until: datetime, *, category: str | None = None, limit: int = 10
    ) -> tuple[Top, ...]:
        """Return the most frequent values of *field*: broke, endpoint, kind, category, subject_key or code."""
        return self._asking.ask(
            lambda connection: reading.top(connection, self.app, field, since, until, category, limit)
        )

    def status(self) -> StoreStatus:
        """Return how the store is; never raises."""
        url = shown_url(self.database.url)
        queued = self.queue_length
        try:
            state, version = self._asking.within(self.database.schema)
            if state != CURRENT:
                message = told(state, version, self.database.url)
                return StoreStatus(url=url, schema=state, version=version, queued=queued, message=message)
            return self._asking.ask(lambda connection: self._counted(connection, url, version, queued))
        except (StoreError, SQLAlchemyError, OSError) as error:
            known = isinstance(error, StoreUnavailable | StoreSchemaError)
            message = str(error) if known else f"The store can't be reached: {type(error).__name__}."
            return StoreStatus(url=url, schema="unreachable", queued=queued, message=message)

    def upgrade(self) -> None:
        """Make or upgrade the schema; raises StoreSchemaError where it is newer than we are, or foreign."""
        self.database.upgrade()

    def prune(self, *, days: float | None = None, rows: int | None = None) -> int:
        """Delete what is older than *days*, and the oldest incidents above *rows*; return how many rows went.

        0 where another process is at it. Raises StoreSchemaError, SQLAlchemyError.
        """
        return prune(
            self.database,
            self.app,
            f"{id(self)}-{time.monotonic_ns()}",
            datetime.now(UTC),
            days=self._days if days is None else days,
            rows=self._rows if rows is None else rows,
            goes_on=lambda: True,
        )

    def flush(self, seconds: float = FLUSH_SECONDS) -> bool:
        """Have all that waits written; False where that was not done within *seconds*."""
        return self.intake.flush(seconds)

    def close(self, seconds: float = FLUSH_SECONDS) -> bool:
        """Have all that waits written, and say goodbye; an incident that comes later begins anew."""
        done = self.intake.close(seconds)
        self.database.close()  # but for what a thread that was too slow still holds
        return done

    def forked(self) -> None:
        """Begin anew in the child of a fork: what waits, and the connections, are the parent's."""
        self.database.forget()
        self._asking = Asking(self.database)
        self.scans = Scans(self.database, self._asking, self.app)
        self.intake.forked()

    def _upkeep(self) -> None:
        if time.monotonic() < self._prune_at:
            return
        self._prune_at = time.monotonic() + PRUNE_SECONDS
        self.prune()

    def _counted(self, connection: Connection, url: str, version: str | None, queued: int) -> StoreStatus:
        rows, oldest = connection.execute(select(func.count(), func.min(incident.c.bucket))).one()
        sums = [func.coalesce(func.sum(writer.c[name]), 0) for name in ("written", "dropped", "lost")]
        writers, written, dropped, lost = connection.execute(select(func.count(), *sums)).one()
        return StoreStatus(
            url=url,
            schema=CURRENT,
            version=version,
            incidents=rows,
            oldest=None if oldest is None else moment(oldest * 1_000_000),
            writers=writers,
            written=int(written),
            dropped=int(dropped),
            lost=int(lost),
            queued=queued,
        )
