"""Say every so often that a scan goes on: one statement may take longer than its lease."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from flask_diag.store import ScanOvertaken, StoreError


@contextmanager
def beating(beat: Callable[[], object], seconds: float) -> Iterator[None]:
    """Call *beat* every *seconds* for this block, on a thread; it ends early where the scan was overtaken."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(seconds):
            try:
                beat()
            except ScanOvertaken:
                return  # who keeps the result will be told
            except (StoreError, SQLAlchemyError, OSError):
                continue  # the lease bears a few that fail

    thread = threading.Thread(target=run, name="flask-diag-scan-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
