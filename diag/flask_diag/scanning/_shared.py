"""A scan that many workers share: its state is in the store alone, and messages only say where to look.

So nothing depends on a message: it may be lost, late or there twice, and its worker may be killed.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from diag_rules.deletion import How, ScanTimeout
from diag_rules.errors import Category, classify
from flask_diag._state import State
from flask_diag._verdicts import asked
from flask_diag.store import ScanIncomplete, ScanOvertaken, ScanRun, ScanRunning, Store
from flask_diag.store._scans import Scans

from ._heartbeat import beating
from ._keep import NotKept, keep_part
from ._read import Asked, ScanFailed, parts_of, reading
from ._run import within

logger = logging.getLogger("flask_diag.scan")

BEATS = 3  # signs of life in the time of one lease
_MAY_PASS = (Category.OUTAGE, Category.CONTENTION)
Send = Callable[[int, str, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """How a scan is shared.

    Attributes:
        parts: into how many parts it is split.
        timeout: seconds that one statement may take.
        claim: seconds without a sign of life after which a worker counts as dead, and others may do its part.
        give_up: how long a scan may take. So long it is the only one, whatever becomes of its workers: its parts are
            known, and whoever comes back goes on with them.
    """

    how: How
    parts: int
    timeout: float
    claim: float
    give_up: timedelta

    @property
    def lease(self) -> float:
        """Seconds after which another scan may begin, though this one has not ended."""
        return self.give_up.total_seconds()


class SharedScan:
    """What workers do.

    Args:
        subject: its name.
        send: has a worker call `part` with the scan's id, its owner's token and the number of the part.
        clock: the moment; aware.
    """

    def __init__(  # noqa: PLR0913, PLR0917 what a scan needs
        self,
        state: State,
        subject: str,
        store: Store,
        sharing: Sharing,
        send: Send,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._state, self._subject, self._store = state, subject, store
        self._is, self._send, self._clock = sharing, send, clock

    def scan(self) -> None:
        """Begin a scan, unless one goes on. Raises ScanFailed, StoreError, SQLAlchemyError."""
        parts = parts_of(self._state, self._is.parts, self._is.timeout)
        try:
            run = self._scans.begin(
                self._subject, self._is.how, shards=len(parts), parts=parts, lease=self._is.lease
            )
        except ScanRunning as error:
            logger.info("No scan begins. %s", error)
            return
        logger.info("Scan %d of %s begins in %d parts.", run.id, self._subject, run.shards)
        for shard in range(run.shards):
            self._send(run.id, run.owner, shard)

    def part(self, scan: int, owner: str, shard: int) -> None:
        """Do one part, unless it is kept or another worker does it; who has done the last one ends the scan.

        Raises:
            ScanFailed: the application's database can't be scanned, and time will not mend it: the scan is given up.
            NotKept, StoreError, SQLAlchemyError: the store fails; `tend` has the part done again.
        """
        run = self._running()
        if run is None or (run.id, run.owner) != (scan, owner):
            logger.info("Scan %d is over: part %d of it is not done.", scan, shard)
            return
        holder = uuid.uuid4().hex
        try:
            if self._claim(run, shard, holder):
                self._claimed(run, shard, holder)
        except ScanOvertaken as error:
            logger.info("%s", error)

    def tend(self) -> None:
        """Send the parts that nobody does, end a scan whose parts are all kept, give up one that takes too long."""
        run = self._running()
        if run is None:
            return
        if self._clock() - run.started > self._is.give_up:
            logger.error("Scan %d is given up: it takes longer than %s.", run.id, self._is.give_up)
            self._scans.fail(run)
            return
        try:
            self._scans.renew(run, lease=self._is.lease)
        except ScanOvertaken:
            return
        self._finish(run)
        for shard in self._scans.waiting(run):
            logger.info("Part %d of scan %d is nobody's: it is sent again.", shard, run.id)
            self._send(run.id, run.owner, shard)

    @property
    def _scans(self) -> Scans:
        return self._store.scans  # those of this process: a fork makes new ones

    def _running(self) -> ScanRun | None:
        run = self._scans.running(self._subject, self._is.how)
        return run if run is not None and run.parts else None

    def _claim(self, run: ScanRun, shard: int, holder: str) -> bool:
        return self._scans.claim(run, shard, holder, claim=self._is.claim, lease=self._is.lease)

    def _claimed(self, run: ScanRun, shard: int, holder: str) -> None:
        logger.info("Part %d of scan %d begins.", shard, run.id)
        try:
            with beating(lambda: self._claim(run, shard, holder), self._is.claim / BEATS):
                asked(lambda: self._read(run, shard), self._state.engine())
        except ScanFailed as error:
            self._failed(run, shard, error)
        except NotKept as error:
            if not isinstance(error.__cause__, ScanOvertaken):
                raise
            logger.info("%s", error)
        else:
            logger.info("Part %d of scan %d is kept.", shard, run.id)
            self._finish(run)
        finally:
            self._scans.disclaim(run, shard, holder)

    def _read(self, run: ScanRun, shard: int) -> None:
        wanted = within(Asked(how=self._is.how, timeout=self._is.timeout), run.parts[shard])
        with reading(self._state, wanted) as found:
            keep_part(self._scans, run, shard, found, self._is.lease)

    def _finish(self, run: ScanRun) -> None:
        try:
            summary = self._scans.finish(run)
        except (ScanIncomplete, ScanOvertaken):  # others are at it, or have ended it
            return
        logger.info("Scan %d is finished: %d of %d blocked.", run.id, summary.blocked, summary.subjects)

    def _failed(self, run: ScanRun, shard: int, error: ScanFailed) -> None:
        cause = error.__cause__ or error
        meaning = classify(cause)
        if isinstance(cause, ScanTimeout) or meaning.category in _MAY_PASS:
            logger.warning("Part %d of scan %d failed: %s. It is tried again.", shard, run.id, meaning.kind)
            return
        self._scans.fail(run)
        raise error
