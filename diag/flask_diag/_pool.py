"""The engines' connection pools, read when somebody looks: nothing is counted while connections come and go.

Where workers share a directory, the one that is scraped can't read the pools of the others, so each puts its
figures there every `EVERY` seconds, from a thread that starts with the worker's first request.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import Pool, QueuePool

from diag_exporters._catalogue import (
    POOL_IN_USE,
    POOL_LIMIT,
    POOL_OVERFLOW,
    POOL_SIZE,
    POOL_TIMEOUTS,
    POOL_WAITING,
    Metric,
)
from diag_exporters._metrics import Metrics

from ._guard import guarded
from ._state import State

EVERY = 5.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolReading:
    """A pool at one moment; None where it has no such figure.

    Attributes:
        size: connections that it keeps.
        limit: connections that it may have at once.
        in_use: connections handed out.
        overflow: connections open beyond its size.
        waiting: threads that wait for one.
    """

    size: int
    limit: int | None
    in_use: int
    overflow: int
    waiting: int | None


def read_pool(pool: Pool) -> PoolReading | None:
    """Return what *pool* is at, or None for one that does not limit connections (NullPool, one for each thread)."""
    if not isinstance(pool, QueuePool):
        return None
    size, more = pool.size(), getattr(pool, "_max_overflow", -1)
    return PoolReading(
        size=size,
        limit=size + more if size > 0 and more >= 0 else None,
        in_use=pool.checkedout(),
        overflow=max(0, pool.overflow()),
        waiting=_waiting(pool),
    )


def _waiting(pool: QueuePool) -> int | None:
    """Count the waiters in the pool's queue, for which SQLAlchemy has no public accessor."""
    queue = getattr(pool, "_pool", None)
    waiters = getattr(getattr(queue, "not_empty", None), "_waiters", None)
    if waiters is None:  # that of asyncio
        waiters = getattr(getattr(queue, "_queue", None), "_getters", None)
    return None if waiters is None else len(waiters)


_watched: WeakKeyDictionary[Metrics, WeakSet[State]] = WeakKeyDictionary()
_lock = threading.Lock()


def watch_pools(state: State, metrics: Metrics) -> None:
    """Show the pools of *state* at each scrape of *metrics*, summed with those of applications of the same name."""
    for bind in state.engines:
        metrics.child(POOL_TIMEOUTS, state.app, bind)
    with _lock:
        states = _watched.get(metrics)
        if states is None:
            states = _watched[metrics] = WeakSet()
            metrics.on_scrape(metrics, publish_pools)
        states.add(state)


def publish_pools(metrics: Metrics) -> None:
    """Set the gauges of every pool; a pool that several applications or binds share counts once a name."""
    sums: dict[Metric, dict[tuple[str, ...], float]] = defaultdict(lambda: defaultdict(float))
    seen: set[tuple[str, str, int]] = set()
    for state in list(_watched.get(metrics, ())):
        for bind, engine in state.engines.items():
            mark = (state.app, bind, id(engine.pool))
            reading = None if mark in seen else read_pool(engine.pool)
            seen.add(mark)
            if reading is not None:
                _sum(sums, (state.app, bind), reading)
    for metric, samples in sums.items():
        metrics.replace(metric, dict(samples))


def _sum(
    sums: dict[Metric, dict[tuple[str, ...], float]], labels: tuple[str, str], reading: PoolReading
) -> None:
    for metric, value in (
        (POOL_SIZE, reading.size),
        (POOL_LIMIT, reading.limit),
        (POOL_IN_USE, reading.in_use),
        (POOL_OVERFLOW, reading.overflow),
        (POOL_WAITING, reading.waiting),
    ):
        if value is not None:
            sums[metric][labels] += value


_samplers: WeakSet[Sampler] = WeakSet()


def _forked() -> None:
    """A child has none of its parent's threads. Asking for the process's id with each request would cost more."""
    for sampler in _samplers:
        sampler.started = False


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_forked)


class Sampler:
    """Does *work* with the metrics of this process every so often, on a thread that each process starts for itself.

    Args:
        every: seconds between two turns.
    """

    def __init__(self, metrics: Metrics, work: Callable[[Metrics], None], every: float = EVERY) -> None:
        self._metrics, self._work, self._every = weakref.ref(metrics), work, every
        self._stop = threading.Event()
        self.started = False
        _samplers.add(self)

    def start(self) -> None:
        """Start the thread, unless this process has it; called with each request."""
        if self.started:
            return
        with _lock:
            if self.started:
                return
            self.started = True
            self._stop = threading.Event()
        thread = threading.Thread(
            target=self._run, args=(self._stop,), name="flask-diag-sampler", daemon=True
        )
        with guarded("starting to sample the pools"):
            thread.start()

    def stop(self) -> None:
        """End the thread at its next turn."""
        self._stop.set()

    def _run(self, stop: threading.Event) -> None:
        while True:
            metrics = self._metrics()
            if metrics is None:
                return
            with guarded("sampling the pools"):
                self._work(metrics)
            del metrics  # it is to live no longer than its registry
            if stop.wait(self._every):
                return
