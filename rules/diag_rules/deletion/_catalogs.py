"""The catalogs of each engine's database: read once, and again when they are old."""

from __future__ import annotations

import threading
import time
import weakref

import sqlalchemy as sa

from ._catalog import read_catalog
from ._judge import Known

LIFETIME = 300.0  # seconds


class Catalogs:
    """What was read of each engine's database.

    A migration is not seen at once, but within *lifetime* seconds: no database but SQLite tells cheaply that its schema
    changed, and to ask the catalogs at each check would cost as much as the check.
    """

    def __init__(self, lifetime: float | None) -> None:
        """*lifetime* None keeps them until `forget`."""
        self._lifetime = lifetime
        self._found: weakref.WeakKeyDictionary[sa.Engine, Known] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def of(self, connection: sa.Connection) -> Known:
        """What is known of the connection's database."""
        engine = connection.engine
        found = self._found.get(engine)
        if found is None or self._old(found):
            found = Known(read_catalog(connection))
            with self._lock:
                self._found[engine] = found
        return found

    def forget(self) -> None:
        """Read them anew next time."""
        with self._lock:
            self._found.clear()

    def _old(self, known: Known) -> bool:
        return self._lifetime is not None and time.monotonic() - known.read_at > self._lifetime
