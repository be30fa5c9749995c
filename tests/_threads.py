"""The plugin's own threads, which outlive the request that asked."""

from __future__ import annotations

import threading

_ASKING = ("flask-diag-probe", "flask-diag-verdict")


def finish_late_questions() -> None:
    """Wait for the threads whose answer came too late: they hold connections of the test's engine."""
    for thread in threading.enumerate():
        if thread.name in _ASKING:
            thread.join(10)
