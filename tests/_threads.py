"""The plugin's own threads, which outlive the request that asked."""

from __future__ import annotations

import threading

from flask_diag import _aside

_ASKING = ("flask-diag-probe", _aside.NAME)


def finish_late_questions() -> None:
    """Wait for the threads whose answer came too late: they hold connections of the test's engine."""
    kept, _aside.KEPT = _aside.KEPT, 0.0
    try:
        _wait()
    finally:
        _aside.KEPT = kept


def _wait() -> None:
    while _aside._idle:
        _aside._idle.pop().hand(lambda: None)
    for thread in threading.enumerate():
        if thread.name in _ASKING:
            thread.join(10)
