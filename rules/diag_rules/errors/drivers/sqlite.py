"""sqlite3, aiosqlite and pysqlcipher: the extended result code, and the names in SQLite's fixed texts."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from diag_rules.errors._reading import Reading, text

_UNIQUE = "UNIQUE constraint failed: "
_NOT_NULL = "NOT NULL constraint failed: "
_CHECK = "CHECK constraint failed: "
_INDEX = "index '"
_NAMES = frozenset({275, 1299, 1555, 2067, 2579, 19, None})
"""Codes whose texts name something; a RAISE has 1811."""


def read_sqlite(error: BaseException, driver: str) -> Reading:
    """Read ``sqlite_errorcode`` (Python 3.11 and later) and the message; SQLite's texts are never localised."""
    attributes: Any = error
    code = getattr(attributes, "sqlite_errorcode", None)
    if type(code) is not int:
        code = None
    arguments = error.args
    message = arguments[0] if arguments else ""
    if type(message) is not str:
        message = text(message)
    reading = Reading(driver, "sqlite", None, code, message, type(error).__name__)
    if code in _NAMES and "constraint failed: " in message:
        reading.constraint, reading.table, reading.columns = _names(message)
    return reading


@lru_cache(maxsize=500)
def _names(message: str) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Return constraint, table and columns where the message is one of SQLite's own three, which hold no values."""
    if message.startswith(_UNIQUE):
        rest = message[len(_UNIQUE) :]
        if rest.startswith(_INDEX):
            return rest[len(_INDEX) :].rstrip("'"), None, ()
        return (None, *_columns(rest))
    if message.startswith(_NOT_NULL):
        return (None, *_columns(message[len(_NOT_NULL) :]))
    if message.startswith(_CHECK):
        # an unnamed CHECK shows its expression, which is no name
        name = message[len(_CHECK) :]
        return name if name.replace("_", "a").isalnum() else None, None, ()
    return None, None, ()


def _columns(listed: str) -> tuple[str | None, tuple[str, ...]]:
    """Read ``table.column, table.column``."""
    parts = [part.rpartition(".") for part in listed.split(", ")]
    return parts[0][0] or None, tuple(column for _, _, column in parts)
