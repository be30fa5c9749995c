"""sqlite3, aiosqlite and pysqlcipher: the extended result code, and the names in SQLite's fixed texts."""

from __future__ import annotations

from typing import Any

from diag_rules.errors._reading import Reading, first_argument, text

_UNIQUE = "UNIQUE constraint failed: "
_NOT_NULL = "NOT NULL constraint failed: "
_CHECK = "CHECK constraint failed: "
_INDEX = "index '"


def read_sqlite(error: BaseException, driver: str) -> Reading:
    """Read ``sqlite_errorcode`` (Python 3.11 and later) and the message; SQLite's texts are never localised."""
    attributes: Any = error
    code = getattr(attributes, "sqlite_errorcode", None)
    message = text(first_argument(error))
    reading = Reading(
        driver, "sqlite", None, code if type(code) is int else None, message, type(error).__name__
    )
    if "constraint failed: " in message and reading.code not in {1811, 19}:
        add_names(reading)
    return reading


def add_names(reading: Reading) -> None:
    """Read table, columns or constraint where the message is one of SQLite's own three."""
    message = reading.message
    if message.startswith(_UNIQUE):
        rest = message[len(_UNIQUE) :]
        if rest.startswith(_INDEX):
            reading.constraint = rest[len(_INDEX) :].rstrip("'")
        else:
            _columns(reading, rest)
    elif message.startswith(_NOT_NULL):
        _columns(reading, message[len(_NOT_NULL) :])
    elif message.startswith(_CHECK):
        # an unnamed CHECK shows its expression, which is no name
        name = message[len(_CHECK) :]
        reading.constraint = name if name.replace("_", "a").isalnum() else None


def _columns(reading: Reading, listed: str) -> None:
    """Read ``table.column, table.column``."""
    parts = [part.rpartition(".") for part in listed.split(", ")]
    reading.table = parts[0][0] or None
    reading.columns = tuple(column for _, _, column in parts)
