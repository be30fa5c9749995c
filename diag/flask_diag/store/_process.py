"""The ends and the forks of the process: the last incidents are written, within a time limit.

The host's signal handlers stay the host's. Only where SIGTERM would end the process on the spot, because nobody
handles it, a handler of ours writes what waits and then lets the signal do just that.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
import weakref
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING

from flask_diag._guard import guarded

if TYPE_CHECKING:
    from ._store import Store

_stores: weakref.WeakSet[Store] = weakref.WeakSet()
_installed: list[bool] = []


def attend(store: Store) -> None:
    """See to *store* at the process's forks and at its end."""
    _stores.add(store)
    if not _installed:
        _installed.append(True)
        atexit.register(close_all)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_forked)
    if store.drain > 0:
        _handle_sigterm()


def close_all() -> None:
    """Write what waits in every store; the slowest one's limit is the limit for all."""
    stores = list(_stores)
    until = time.monotonic() + max((store.drain for store in stores), default=0.0)
    for store in stores:
        with guarded("writing the last incidents"):
            store.close(max(0.0, min(store.drain, until - time.monotonic())))


def _handle_sigterm() -> None:
    if threading.current_thread() is threading.main_thread():
        with suppress(ValueError, OSError):  # an interpreter within another's process
            if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
                signal.signal(signal.SIGTERM, _terminated)


def _terminated(number: int, _frame: FrameType | None) -> None:
    close_all()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _forked() -> None:
    for store in list(_stores):
        with guarded("beginning anew after a fork"):
            store.forked()
