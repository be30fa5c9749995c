"""The scans of one application's store: ``store.scans``."""

from __future__ import annotations

from collections.abc import Iterable

from . import _scan_claims as claims
from . import _scan_read as reading
from . import _scan_write as writing
from ._asking import Asking
from ._database import Database
from ._scan_write import LEASE, Clock, Parts, Totals
from ._values import BlockedSubject, Page, ScanRun, ScanSummary


class Scans:
    """Begin, keep and read scans.

    A scan is begun (`begin`), each of its shards is kept once (`record_shard`), in any process that has the `ScanRun`,
    and it ends with `finish` or `fail`. While it goes on, no other of the same subject and way begins; it shows signs of
    life with each thousand subjects that it keeps, and with `renew`. One that shows none for *lease* seconds may be
    overtaken, and whatever it sends afterwards is refused with `ScanOvertaken`. Only finished scans are read.

    All methods raise StoreSchemaError where the schema is not ours. Those that write raise SQLAlchemyError where the
    store can't be written, and those that read StoreUnavailable where it can't be asked.

    Args:
        clock: the moment; aware.
    """

    def __init__(self, database: Database, asking: Asking, app: str, clock: Clock = writing.now) -> None:
        self._database, self._asking, self._app, self._clock = database, asking, app, clock

    def begin(
        self, subject: str, how: str, *, shards: int = 1, lease: float = LEASE, parts: Parts = ()
    ) -> ScanRun:
        """Begin a scan of *subject*, split into *shards*; raises ScanRunning while another goes on.

        *parts* are kept for those who join the scan: see `ScanRun.parts`.
        """
        if shards < 1 or lease <= 0:
            raise ValueError(
                f"shards={shards}, lease={lease}: give 1 shard or more, and a lease of some seconds."
            )
        return writing.begin(self._database, self._app, subject, how, shards, lease, self._clock, parts)

    def renew(self, run: ScanRun, *, lease: float = LEASE) -> None:
        """Show a sign of life; raises ScanOvertaken."""
        writing.renew(self._database, self._app, run, lease, self._clock)

    def record_shard(
        self,
        run: ScanRun,
        shard: int,
        subjects: Iterable[BlockedSubject],
        totals: Totals,
        *,
        lease: float = LEASE,
    ) -> bool:
        """Keep what shard number *shard*, from 0, found; return False where it was kept before, and changes nothing.

        *subjects*, those that are blocked or uncertain, are taken as they come, and never all in memory. *totals* is what
        the shard looked at, or a function that says it once *subjects* have come to their end.

        Raises:
            ScanOvertaken: the scan is over, or another has taken its place.
        """
        return writing.record_shard(
            self._database, self._app, run, shard, subjects, totals, lease, self._clock
        )

    def finish(self, run: ScanRun) -> ScanSummary:
        """End a scan and return its summary; raises ScanIncomplete where shards are missing, or ScanOvertaken."""
        return writing.finish(self._database, self._app, run, self._clock)

    def fail(self, run: ScanRun) -> None:
        """Give a scan up, so that another may begin at once; nothing happens where it is over."""
        writing.fail(self._database, self._app, run, self._clock)

    def running(self, subject: str, how: str) -> ScanRun | None:
        """Return the scan that goes on, for those who join it, or None; one whose lease has run out goes on no more."""
        asked = (self._app, subject, how, self._clock())
        return self._asking.ask(lambda connection: claims.running(connection, *asked))

    def claim(
        self, run: ScanRun, shard: int, holder: str, *, claim: float = LEASE, lease: float = LEASE
    ) -> bool:
        """Say that *holder* does a shard, or still does; False where it is kept already or another does it.

        Raises ScanOvertaken. A claim runs out after *claim* seconds; `disclaim` gives it back. It is a sign of life, too.
        """
        with self._database.write() as connection:
            writing.hold(connection, self._app, run, lease, self._clock)
            return claims.claim(connection, run, shard, holder, self._clock(), claim)

    def disclaim(self, run: ScanRun, shard: int, holder: str) -> None:
        """Give a claim back, so that others may do the shard at once."""
        with self._database.write() as connection:
            claims.disclaim(connection, run, shard, holder)

    def waiting(self, run: ScanRun) -> tuple[int, ...]:
        """Return the shards that are not kept and that nobody does, in order."""
        return self._asking.ask(lambda connection: claims.waiting(connection, run, self._clock()))

    def done(self, run: ScanRun) -> tuple[int, ...]:
        """Return the shards that are kept, in order."""
        return self._asking.ask(lambda connection: reading.done(connection, run.id))

    def latest(self, subject: str, how: str) -> ScanSummary | None:
        """Return the last finished scan, or None without any."""
        return self._asking.ask(lambda connection: reading.latest(connection, self._app, subject, how))

    def previous(self, summary: ScanSummary) -> ScanSummary | None:
        """Return the finished scan before *summary*, of the same subject and way, or None."""
        asked = (self._app, summary.subject, summary.how, summary.id)
        return self._asking.ask(lambda connection: reading.latest(connection, *asked))

    def blocked(
        self,
        summary: ScanSummary,
        *,
        rule: str | None = None,
        order: str = "key",
        after: str | None = None,
        limit: int = 50,
    ) -> Page[BlockedSubject]:
        """Return a page of the subjects that a finished scan found blocked or uncertain.

        With *rule*, only those that it blocks. The *order* is ``key``, or ``rows`` for those that most rows (of *rule*)
        block first; *after* is `Page.next` of the page before, *limit* is 1 to 500.

        Raises:
            ValueError: one of these can't be.
        """
        return self._asking.ask(
            lambda connection: reading.blocked_page(connection, summary.id, rule, order, after, limit)
        )

    def blocked_one(self, summary: ScanSummary, key: str) -> BlockedSubject | None:
        """Return what a finished scan found of one subject, or None where it was deletable, or not there."""
        sort = writing.sort_of(key)
        return self._asking.ask(lambda connection: reading.blocked_one(connection, summary.id, sort))
