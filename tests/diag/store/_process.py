"""Processes that write to a store: run as ``python _process.py WHAT URL ...``; each prints a line when it is ready."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from diag.store._incidents import met
from flask_diag.store import Store


def say(*words: object) -> None:
    """Tell the test."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def put(store: Store, count: int, start: int = 0) -> None:
    """Put incidents of ten subjects into the queue."""
    for number in range(start, start + count):
        store.intake(met(at=datetime.now(UTC), subject="Project", subject_key=str(number % 10)))


def end(url: str) -> None:
    """Meet incidents and end, as a script does."""
    put(Store(url, "shop", interval=60.0, drain=20.0), 100)
    say("ready")


def terminated(url: str) -> None:
    """Meet incidents and wait for SIGTERM, which nobody handles."""
    store = Store(url, "shop", interval=60.0, drain=20.0)
    put(store, 100)
    say("ready")
    threading.Event().wait()


def handled(url: str) -> None:
    """As above, in a host that has a handler of its own, which ends with code 7."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    terminated(url)


def forking(url: str) -> None:
    """Fork with incidents in the queue; parent and child meet more."""
    store = Store(url, "shop", interval=60.0, drain=20.0)
    put(store, 30)
    child = os.fork()
    if child == 0:
        put(store, 5)
        say("child", store.close(20))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    put(store, 7)
    say("ready", status)


def stream(url: str) -> None:
    """Meet incidents until killed; say how many were put, a line for each hundred."""
    store = Store(url, "shop", interval=0.0, drain=20.0)
    done = 0
    while True:
        put(store, 100, done)
        done += 100
        say(done)
        while store.queue_length > 3_000:
            store.flush(10)


def swarm(url: str, count: str, each: str) -> None:
    """Fork *count* processes that all write at once; the odd ones end after *each* incidents, the even ones never."""
    store = Store(url, "shop", interval=0.0, drain=60.0)
    children = [os.fork() or _member(store, number, int(each)) for number in range(int(count))]
    for child in children:
        os.waitpid(child, 0)


def _member(store: Store, number: int, each: int) -> int:
    done = 0
    while number % 2 == 0 or done < each:
        put(store, 100, done)
        done += 100
        say(number, os.getpid(), done)
        while store.queue_length > 1_000:
            store.flush(60)
    store.close(60)
    os._exit(0)


WHAT: dict[str, Callable[..., None]] = {
    one.__name__: one for one in (end, terminated, handled, forking, stream, swarm)
}

if __name__ == "__main__":
    WHAT[sys.argv[1]](*sys.argv[2:])
