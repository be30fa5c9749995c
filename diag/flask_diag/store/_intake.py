"""Where incidents come in: in the request nothing but an append; one thread takes them out again.

The thread starts with the first incident of a process and ends by itself when nothing came for a while. After a
fork the child begins anew: what waits in the queue is the parent's to write.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from diag_exporters import Incident, Recovery
from flask_diag._guard import guarded

from ._entry import Entry, entry_of
from ._writer import Writer

IDLE = 60.0  # seconds without an incident until the thread ends
HEARTBEAT = 30.0  # seconds between two signs of life while a database is out
BACKOFF = (0.5, 1.0, 2.0, 5.0, 10.0)  # seconds between tries while the store is down
MAX_BATCH = 5_000  # incidents that are taken out before they are written


class Flush:
    """Asks the thread to write what came before it, and to say when it has tried."""

    def __init__(self, *, ended: bool = False) -> None:
        self.tried, self.ended = threading.Event(), ended


Item = Entry | Recovery | Flush


class Intake:
    """The store's side of `publish`: an exporter with ``recovered``. Safe for threads.

    Args:
        writer_of: makes the writer of a process.
        limit: incidents that may wait in the queue.
        interval: seconds that incidents are gathered for before they are written.
        dropped: told the reason and the number of incidents that are dropped.
        upkeep: called on the thread when it has nothing else to do; retention.
        turned: called on the thread each time that it has written, or tried to.
    """

    name = "store"

    def __init__(  # noqa: PLR0913 each is a part of its own
        self,
        writer_of: Callable[[], Writer],
        *,
        limit: int,
        interval: float,
        dropped: Callable[[str, int], None],
        upkeep: Callable[[], None],
        turned: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._writer_of, self._limit, self._interval = writer_of, limit, interval
        self._dropped, self._upkeep, self._turned, self._clock = dropped, upkeep, turned, clock
        self._crowd = max(1, min(limit, MAX_BATCH) // 2)  # as many do not wait for the interval's end
        self._begin()
        self._wait_for_the_first()

    def _wait_for_the_first(self) -> None:
        """Begin anew with this process's first incident.

        gunicorn's gevent worker replaces threads, locks and queues after ``--preload`` has made ours, and a greenlet that
        waited at a queue of before would hold up all others.
        """
        self._pid, self._first = 0, threading.RLock()

    def _begin(self) -> None:
        self._lock = threading.RLock()  # a signal handler of the host may meet an incident within an append
        self._queue: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None
        self._writer: Writer | None = None
        self._accepted = self._refused = 0
        self._hand: Item | None = (
            None  # taken out, while others are waited for; kept here should the thread be ended
        )
        self._retry_at, self._tries = 0.0, 0
        self._pid = os.getpid()  # at last: other threads wait until then

    @property
    def waiting(self) -> int:
        """Incidents of this process that were accepted, and neither written nor dropped."""
        writer = self._writer
        return 0 if writer is None else self._accepted - writer.written - writer.dropped

    def __call__(self, incident: Incident) -> None:
        """Put *incident* into the queue; one that finds it full is dropped and counted."""
        if self._pid != os.getpid():
            self._anew()
        with self._lock:
            waiting = self._queue.qsize()
            if waiting < self._limit:
                self._accepted += 1
                self._ready().ledger.accepted(self._accepted)
                self._queue.put(entry_of(incident))
                if waiting == self._crowd:
                    self._hurry.set()
                return
            self._refused += 1
            self._ready().refused = self._refused
        self._dropped("queue_full", 1)

    def recovered(self, recovery: Recovery) -> None:
        """Put the end of an outage into the queue."""
        if self._pid != os.getpid():
            self._anew()
        with self._lock:
            if self._queue.qsize() < 2 * self._limit:  # few, and worth more than one incident more
                self._ready()
                self._queue.put(recovery)

    def flush(self, seconds: float, *, ended: bool = False) -> bool:
        """Have all that waits written; False where that was not done within *seconds*."""
        with self._lock:
            if self._writer is None:
                return True
            marker = Flush(ended=ended)
            self._queue.put(marker)
            self._hurry.set()
            started = self._start()
        if not started:  # the interpreter is shutting down, and lets no thread begin
            return self._drain_here()
        return marker.tried.wait(seconds) and self.waiting == 0

    def close(self, seconds: float) -> bool:
        """Write all that waits and say goodbye; False where some was left after *seconds*, which is counted."""
        writer = self._writer
        if writer is None:
            return True
        self.flush(seconds, ended=True)
        with self._lock:  # what comes from here on begins anew, and is none of these
            left = self.waiting
            self._begin()
        if left:
            writer.ledger.told(left)
            self._dropped("process_end", left)
        writer.ledger.close(settled=not left)
        return not left

    def forked(self) -> None:
        """Begin anew in the child of a fork."""
        writer = self._writer
        self._begin()
        if writer is not None:
            writer.ledger.forget()
            writer.leave()
        self._wait_for_the_first()

    def _anew(self) -> None:
        """Begin with the first incident of this process; of a fork that told nobody, too."""
        with self._first:
            if self._pid != os.getpid():
                writer = self._writer
                self._begin()
                if writer is not None:
                    writer.ledger.forget()
                    writer.leave()

    def _ready(self) -> Writer:
        """Return the writer, with a thread that lives."""
        if self._writer is None:
            self._writer = self._writer_of()
            self._writer.ledger.open()
        if self._thread is None or not self._thread.is_alive():
            self._start()
        return self._writer

    def _start(self) -> bool:
        if self._thread is not None and self._thread.is_alive():
            return True
        self._thread = threading.Thread(target=self._run, name="flask-diag-store", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self._thread = None
            return False
        return True

    def _run(self) -> None:
        writer = self._writer
        while writer is not None and self._thread is threading.current_thread():
            going = None
            with guarded("keeping the incident store"):
                going = self._turn(writer)
            if going is False:
                return
            if going is None:  # a fault of ours: not again at once, and for ever
                self._retry_at = self._clock() + BACKOFF[-1]
        if writer is not None:  # the store was closed while this thread was at work
            writer.leave()

    def _turn(self, writer: Writer) -> bool:
        """Take what came, write it, tidy up; False where the thread may end."""
        came, markers = self._gather(writer)
        if markers or self._clock() >= self._retry_at:
            self._write(writer, markers)
        self._settle(writer)
        self._turned()
        ended = any(marker.ended for marker in markers)
        if ended:
            writer.leave()
        for marker in markers:
            marker.tried.set()
        if ended:
            return False
        if self._queue.empty() and writer.empty:
            self._upkeep()
        return came or not self._ends(writer)

    def _settle(self, writer: Writer) -> None:
        """Count as lost what a thread had just taken out when it was ended from outside (a greenlet may be)."""
        with self._lock:
            if self.waiting and self._queue.empty() and writer.empty:
                writer.lost("killed", self.waiting)

    def _gather(self, writer: Writer) -> tuple[bool, list[Flush]]:
        """Wait for the first item, let more come for the interval, and take them; say whether any came.

        Meanwhile nobody waits at the queue: an append that wakes a thread costs its request several times as much.
        """
        markers: list[Flush] = []
        item = self._hand
        if item is None:
            try:
                item = self._hand = self._queue.get(timeout=self._patience(writer))
            except queue.Empty:
                return False, markers
        if not isinstance(item, Flush) and self._queue.qsize() < self._crowd:
            self._hurry.wait(self._interval)
        self._hurry.clear()
        self._hand = None
        self._sort(writer, markers, item)
        with suppress(queue.Empty):
            for _ in range(MAX_BATCH - 1):
                self._sort(writer, markers, self._queue.get_nowait())
        return True, markers

    @staticmethod
    def _sort(writer: Writer, markers: list[Flush], item: Item) -> None:
        if isinstance(item, Flush):
            markers.append(item)
        else:
            writer.take(item)

    def _patience(self, writer: Writer) -> float:
        """Return the seconds to wait for the first item."""
        if not writer.empty:
            return max(0.0, self._retry_at - self._clock())
        return HEARTBEAT if writer.outages.any_open else IDLE

    def _write(self, writer: Writer, markers: list[Flush]) -> None:
        ended = any(marker.ended for marker in markers)
        if writer.empty and not ended and not writer.outages.any_open:
            return
        passed = writer.write(ended=ended)
        if passed and not writer.empty:  # what had waited was one batch, what came meanwhile is the next
            passed = writer.write(ended=ended)
        if passed:
            self._tries, self._retry_at = 0, 0.0
        else:
            self._retry_at = self._clock() + BACKOFF[min(self._tries, len(BACKOFF) - 1)]
            self._tries += 1

    def _ends(self, writer: Writer) -> bool:
        """End the thread after a wait in which nothing came; the next incident starts another."""
        with self._lock:
            if self._queue.empty() and self._hand is None and writer.empty and not writer.outages.any_open:
                self._thread = None
                return True
        return False

    def _drain_here(self) -> bool:
        writer = self._writer
        if writer is not None:
            with guarded("writing the last incidents"):
                _, markers = self._gather(writer)
                self._write(writer, markers)
                writer.leave()
        return self.waiting == 0
