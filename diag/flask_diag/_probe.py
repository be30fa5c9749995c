"""Ask a database for nothing: does it answer, and how fast?

One probe a database at a time: who asks while one is under way waits for that. A probe that a silent server
keeps is given up after its time, and no second is started as long as it hangs.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.pool import SingletonThreadPool, StaticPool

from diag_exporters._catalogue import PROBE_DURATION, PROBE_SUCCESS, PROBE_TIME
from diag_rules.errors import Category, classify

from ._guard import log_once

if TYPE_CHECKING:
    from ._state import State

SCRAPE_WAIT = 1.0  # seconds that a scrape waits for all probes together


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What a probe found.

    Attributes:
        ok: the database answered in time.
        seconds: how long it took, or had taken when it was given up.
        at: when it ended; aware, UTC.
        category: what the error means, None where there was none or the time was up.
        kind: its exact sort, likewise.
    """

    ok: bool
    seconds: float
    at: datetime
    category: str | None = None
    kind: str | None = None


@dataclass(slots=True)
class _Work:
    began: float
    done: threading.Event = field(default_factory=threading.Event)
    found: Probed | None = None


class Prober:
    """The probes of one application."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._running: dict[str, _Work] = {}
        self.last: dict[str, Probed] = {}
        self._ended: dict[str, float] = {}  # by a clock that nobody sets back

    def ask(self, bind: str, seconds: float | None = None) -> Probed:
        """Probe *bind* now and wait at most *seconds*, by default ``DIAG_CHECK_TIMEOUT``."""
        work = self._start(bind)
        limit = self._state.settings.check_timeout if seconds is None else seconds
        work.done.wait(limit)
        return work.found or self._given_up(bind, work)

    def recent(self, max_age: float, wait: float) -> dict[str, Probed]:
        """Return the last result of each bind, of at most *max_age* seconds; waits *wait* seconds for all together.

        A database that one can't ask from here (in memory, and in use just now) has none.
        """
        deadline = time.monotonic() + wait
        old = [bind for bind in self._state.engines if self._age(bind) > max_age]
        works = {bind: self._start(bind) for bind in old}
        for bind, work in works.items():
            if not work.done.wait(max(0.0, deadline - time.monotonic())) and self._late(work):
                self._given_up(bind, work)
        return dict(self.last)

    def _age(self, bind: str) -> float:
        return time.monotonic() - self._ended.get(bind, float("-inf"))

    def _late(self, work: _Work) -> bool:
        return time.monotonic() - work.began >= min(SCRAPE_WAIT, self._state.settings.check_timeout)

    def _start(self, bind: str) -> _Work:
        with self._lock:
            work = self._running.get(bind)
            if work is not None:
                return work
            work = self._running[bind] = _Work(time.monotonic())
        if isinstance(self._state.engines[bind].pool, StaticPool | SingletonThreadPool):
            self._run(bind, work)  # a thread of its own would see another database, or the host's connection
            return work
        try:
            threading.Thread(
                target=self._run, args=(bind, work), name="flask-diag-probe", daemon=True
            ).start()
        except RuntimeError:  # no thread can be started: the process is shutting down
            self._end(bind, work, None)
        return work

    def _run(self, bind: str, work: _Work) -> None:
        found: Probed | None = None
        try:
            found = self._found(bind, work)
        finally:
            self._end(bind, work, found)

    def _end(self, bind: str, work: _Work, found: Probed | None) -> None:
        work.found = found
        with self._lock:
            self._running.pop(bind, None)
            if found is not None:
                self._keep(bind, found)
        work.done.set()

    def _found(self, bind: str, work: _Work) -> Probed | None:
        from ._capture import answered  # they know the state, which knows us
        from ._verdicts import asked, own_connection, unused

        engine = self._state.engines[bind]
        category = kind = None

        def ask() -> None:
            with own_connection(engine, self._state.settings.check_timeout) as connection:
                connection.execute(select(1))

        try:
            if not unused(engine):
                return None
            asked(ask, engine)
            answered(self._state, bind)
        except Exception as error:  # noqa: BLE001 whatever it is, the database did not answer
            meaning = classify(error)
            category, kind = str(meaning.category), str(meaning.kind)
            if meaning.category is Category.UNKNOWN:
                log_once(f"probing the database {bind}", error)
        seconds = time.monotonic() - work.began
        return Probed(ok=kind is None, seconds=seconds, at=datetime.now(UTC), category=category, kind=kind)

    def _given_up(self, bind: str, work: _Work) -> Probed:
        found = Probed(ok=False, seconds=time.monotonic() - work.began, at=datetime.now(UTC))
        with self._lock:
            if self._running.get(bind) is work:
                self._keep(bind, found)
        return found

    def _keep(self, bind: str, found: Probed) -> None:
        self.last[bind], self._ended[bind] = found, time.monotonic()


def show(state: State) -> None:
    """Set the gauges, from probes of at most ``DIAG_PROBE_INTERVAL`` seconds."""
    metrics, interval = state.metrics, state.settings.probe_interval
    if metrics is None or interval is None:
        return
    for bind, one in state.prober.recent(interval, SCRAPE_WAIT).items():
        metrics.set(PROBE_SUCCESS, 1 if one.ok else 0, state.app, bind)
        metrics.set(PROBE_DURATION, one.seconds, state.app, bind)
        metrics.set(PROBE_TIME, one.at.timestamp(), state.app, bind)
