"""Call a function on another thread, and wait for it as long as one likes.

A thread that is done waits for the next call for a while: to start one takes several times as long as to hand it a call.
Threads, locks and queues are looked up when they are made, since gevent may have put its own in their place by then.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from contextvars import Context
from typing import Generic, TypeVar

T = TypeVar("T")
KEPT = 60.0  # seconds that a thread waits for the next call
NAME = "flask-diag-question"


class Aside(Generic[T]):
    """What another thread is called for."""

    __slots__ = ("_call", "_done", "_error", "_over", "_value")

    def __init__(self, call: Callable[[], T], over: Callable[[], object]) -> None:
        self._call, self._over, self._done = call, over, threading.Lock()
        self._value: T | None = None
        self._error: BaseException | None = None
        self._done.acquire()  # a lock, since an Event takes several times as long to tell of itself

    def run(self) -> None:
        """Make the call; never raises."""
        try:
            self._value = self._call()
        except BaseException as error:  # noqa: BLE001 it is raised where the answer is waited for
            self._error = error
        finally:
            self._over()
            self._done.release()

    def within(self, seconds: float) -> bool:
        """Wait; False where it is not done within *seconds*. Asked once."""
        return self._done.acquire(timeout=max(0.0, seconds))

    def answer(self) -> T:
        """Return what the call returned, or raise what it raised; for one that is done."""
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value] # without an error it was set


class _Helper:
    """A thread that makes one call after another."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=NAME, daemon=True).start()

    def hand(self, call: Callable[[], None]) -> None:
        self._calls.put(call)

    def _run(self) -> None:
        while (call := self._awaited()) is not None:
            Context().run(call)
            del call  # nor what it holds
            _idle.append(self)

    def _awaited(self) -> Callable[[], None] | None:
        """Return the next call, or None where none comes."""
        try:
            return self._calls.get(timeout=KEPT)
        except queue.Empty:
            try:
                _idle.remove(self)
            except ValueError:  # just taken from there, by one who hands a call over now
                return self._calls.get()
            return None


_idle: list[_Helper] = []
if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_idle.clear)  # the parent's threads


def aside(call: Callable[[], T], over: Callable[[], object]) -> Aside[T]:
    """Have *call* made on another thread, in a context of its own, and *over* after it, whether anybody waits or not.

    Raises:
        RuntimeError: no thread can be started, since the process is shutting down.
    """
    found = Aside(call, over)
    try:
        helper = _idle.pop()
    except IndexError:
        helper = _Helper()
    helper.hand(found.run)
    return found
