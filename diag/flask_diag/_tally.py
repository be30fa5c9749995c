"""What all replicas met in the last days, by the half hour: read from the store once, and then only what is new.

A page of an outage is opened again and again, by everybody at once, and just then the store may be slow or gone
(it may share the server that is down). So one thread reads, whoever asks waits for it a limited time, and gets what was
read before where it is late.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ._guard import log_once
from .store import Outage, Store, StoreError, Top

SLOT = 1800  # seconds
SPAN = timedelta(days=9)  # the last 24 hours, and the week before them that says what is new
AGAIN = 2 * SLOT  # seconds of the newest incidents that are read each time
WHOLE = 600.0  # seconds until all is read again: a replica that lost its store writes late
FRESH = 1.0  # seconds
HOUR = timedelta(hours=1)


class Sort(NamedTuple):
    """One sort of error: a tuple, since it is a key that thousands of sums look up.

    Attributes:
        broke: the constraint, or ``table.columns``, or None.
    """

    category: str
    kind: str
    broke: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tallied:
    """What was read.

    Attributes:
        at: when, or None where nothing could be read yet.
        slots: by the start of each half hour that has any, how many of each sort.
        outages: those of `SPAN`, the latest first.
        subjects: whose errors they were in the last hour, the most frequent first.
        problem: why the store does not tell now, or None.
    """

    at: datetime | None = None
    slots: Mapping[datetime, Counter[Sort]] = field(default_factory=dict)
    outages: tuple[Outage, ...] = ()
    subjects: tuple[Top, ...] = ()
    problem: str | None = None


class Tally:
    """The tally of one application in one process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._read = Tallied()
        self._running: threading.Event | None = None
        self._tried = self._whole = float("-inf")  # by time.monotonic()

    def look(self, seconds: float) -> Tallied:
        """Return what is known, after at most *seconds*."""
        done = self._start()
        if done is not None and not done.wait(seconds):
            return replace(
                self._read, problem=f"The incident store did not answer within {seconds:g} seconds."
            )
        return self._read

    def _start(self) -> threading.Event | None:
        """Have it read, unless that is under way or was just done."""
        with self._lock:
            if self._running is None and time.monotonic() - self._tried >= FRESH:
                self._running = threading.Event()
                thread = threading.Thread(
                    target=self._run, args=(self._running,), name="flask-diag-tally", daemon=True
                )
                try:
                    thread.start()
                except RuntimeError:  # the process is shutting down
                    self._running = None
            return self._running

    def _run(self, done: threading.Event) -> None:
        """Read what is new, which is quick; where all is due to be read again, nobody waits for that."""
        try:
            self._read = self._tallied()
            if time.monotonic() - self._whole >= WHOLE:
                done.set()
                self._read = self._tallied(whole=True)
        except StoreError as error:
            self._read = replace(self._read, problem=str(error))
        except Exception as error:  # noqa: BLE001 the page stays up, and says what it lacks
            log_once("adding up the incidents", error)
            problem = f"The diagnostics failed ({type(error).__name__}); the application's log says more."
            self._read = replace(self._read, problem=problem)
        finally:
            with self._lock:
                self._running, self._tried = None, time.monotonic()
            done.set()

    def _tallied(self, *, whole: bool = False) -> Tallied:
        now, known = datetime.now(UTC), self._read
        first = since = start_of(now - SPAN, SLOT)
        if known.at is not None and not whole:
            since = max(first, start_of(known.at - timedelta(seconds=AGAIN), SLOT))
        kept = {at: met for at, met in known.slots.items() if first <= at < since}
        found = Tallied(
            at=now,
            slots={**kept, **self._counted(since, now)},
            outages=self._store.outages(first, now),
            subjects=self._store.top("subject_key", start_of(now - HOUR, SLOT), now, limit=1),
        )
        if since == first:
            self._whole = time.monotonic()
        return found

    def _counted(self, since: datetime, until: datetime) -> dict[datetime, Counter[Sort]]:
        found: dict[datetime, Counter[Sort]] = {}
        for one in self._store.totals(since, until, seconds=SLOT, by_broke=True):
            found.setdefault(one.start, Counter())[Sort(one.category, one.kind, one.broke)] += one.count
        return found


def start_of(moment: datetime, seconds: int) -> datetime:
    """Return the start of the slot of so many *seconds* into which *moment* falls; slots are counted from 1970 in UTC."""
    at = int(moment.timestamp())
    return datetime.fromtimestamp(at - at % seconds, UTC)
