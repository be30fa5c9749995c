"""A SQLite file of our own that is corrupt is moved aside, kept for who wants to look, and made anew."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

fcntl: Any = import_module("fcntl") if find_spec("fcntl") else None  # Windows has none
_CORRUPT, _NOT_A_DATABASE = 11, 26  # https://www.sqlite.org/rescode.html


def set_aside(path: Path) -> Path | None:
    """Move the file at *path* aside and return where to; None where it is sound, or another process was first.

    Raises:
        OSError: it can't be moved.
    """
    with _alone(path):
        if not path.exists() or not _is_corrupt(path):
            return None
        target = path.with_name(f"{path.name}.corrupt-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
        path.rename(target)
        for end in ("-wal", "-shm"):
            if (beside := path.with_name(path.name + end)).exists():
                beside.rename(target.with_name(target.name + end))
        return target


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep the other processes of this machine from mending the same file; one that is sound by then stays."""
    handle = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _is_corrupt(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path, timeout=1)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",))
    except sqlite3.DatabaseError as error:  # a lock that is held says nothing
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in {_CORRUPT, _NOT_A_DATABASE}
