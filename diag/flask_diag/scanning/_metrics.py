"""The metrics of scans: read from the store, so that each replica shows the same.

The store is asked on a thread, at most every `EVERY` seconds, and a scrape waits for it `WAIT` seconds at most: a store that
hangs costs a scrape its time once, and the figures stay those of the last answer.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import suppress
from weakref import WeakKeyDictionary, WeakSet

from diag_exporters._catalogue import BLOCKED_PROJECTS, SCAN_DURATION, SCAN_LAST_SUCCESS
from diag_exporters._metrics import Metrics
from flask_diag._guard import guarded
from flask_diag._state import State
from flask_diag.store import ScanSummary, StoreError

from ._read import default_way

EVERY = 15.0  # seconds
WAIT = 1.0  # seconds

_watched: WeakKeyDictionary[Metrics, _Feed] = WeakKeyDictionary()
_lock = threading.Lock()


def watch_scans(state: State, metrics: Metrics) -> None:
    """Show the last scan of *state* at each scrape of *metrics*, with those of the applications that share it."""
    if state.store is None or state.subject is None:
        return
    with _lock:
        feed = _watched.get(metrics)
        if feed is None:
            feed = _watched[metrics] = _Feed()
            metrics.on_scrape(metrics, feed.show)
        feed.states.add(state)


class _Feed:
    """Asks the stores of all applications that share a registry."""

    def __init__(self) -> None:
        self.states: WeakSet[State] = WeakSet()
        self._last: tuple[ScanSummary, ...] = ()
        self._asked_at = -EVERY
        self._asking: threading.Thread | None = None

    def show(self, metrics: Metrics) -> None:
        """Set the gauges."""
        self._refresh()
        blocked: Counter[str] = Counter()
        for summary in self._last:
            blocked.update({one.rule: one.subjects for one in summary.relations})
        metrics.replace(BLOCKED_PROJECTS, {(rule,): count for rule, count in blocked.items()})
        ended = [summary.finished.timestamp() for summary in self._last]
        metrics.set(SCAN_LAST_SUCCESS, min(ended, default=0.0))
        metrics.set(SCAN_DURATION, max((summary.seconds for summary in self._last), default=0.0))

    def _refresh(self) -> None:
        with _lock:
            due = time.monotonic() - self._asked_at >= EVERY
            if due and (self._asking is None or not self._asking.is_alive()):
                self._asked_at = time.monotonic()
                self._asking = threading.Thread(target=self._ask, name="flask-diag-scan-metrics", daemon=True)
                self._asking.start()
            asking = self._asking
        if asking is not None:
            asking.join(WAIT)

    def _ask(self) -> None:
        with guarded("reading the last scan for the metrics", but=StoreError), suppress(StoreError):
            self._last = tuple(self._found().values())

    def _found(self) -> dict[tuple[str, str, str], ScanSummary]:
        """Return the last scan of each application; raises StoreError, and then what was known stays."""
        found = {}
        for state in list(self.states):
            if state.store is not None and state.subject is not None:
                summary = state.store.scans.latest(state.subject.name, str(default_way(state)))
                if summary is not None:
                    mark = (state.app, state.subject.name, str(state.store.database.url))
                    found[mark] = summary
        return found
