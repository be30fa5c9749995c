"""Names in the messages of MySQL and MariaDB, which send no fields: the message is the only place.

Identifiers stand where every language has them: the key is the last quoted part of a duplicate, a foreign key is
shown as its SQL definition, a constraint is the first part in backticks. Values come before them, so none can pass
for one. Definitions double a backtick of a name; names in straight quotes stand as they are (seen on MariaDB 10.11).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from ._reading import Reading

_NAME = "(?:[^`]|``)+"


@lru_cache(maxsize=1)
def _foreign_key() -> re.Pattern[str]:
    # (`db`.`child`, CONSTRAINT `name` FOREIGN KEY (`a`, `b`) REFERENCES `parent` (`c`, `d`) ...)
    return re.compile(
        rf"\(`{_NAME}`\.`(?P<table>{_NAME})`(?:, CONSTRAINT `(?P<name>{_NAME})`)?"
        rf" FOREIGN KEY (?:`{_NAME}` )?\((?P<columns>`{_NAME}`(?:, ?`{_NAME}`)*)\)"
        rf" REFERENCES (?:`{_NAME}`\.)?`(?P<parent>{_NAME})`"
    )


@lru_cache(maxsize=1)
def _quoted() -> re.Pattern[str]:
    return re.compile(f"`({_NAME})`")


@lru_cache(maxsize=1)
def _value_column() -> re.Pattern[str]:
    # ... for column `db`.`table`.`column` at row 1; MySQL: ... for column 'column' at row 1. The last that fits: values
    # come before it. Backticks of these names are not doubled.
    return re.compile(
        r".*[^`.]`.+?`\.`(?P<table>.+?)`\.`(?P<column>.+)`[^`']*$|.*for column '(?P<plain>[^']+)' at row \d+$",
        re.DOTALL,
    )


def _plain(name: str | None) -> str | None:
    """Return the name that a definition shows: ``c``x`` is c`x."""
    return name.replace("``", "`") if name else None


def _foreign_key_names(reading: Reading) -> None:
    found = _foreign_key().search(reading.message)
    if found:
        reading.constraint, reading.table = _plain(found["name"]), _plain(found["table"])
        reading.columns = tuple(name.replace("``", "`") for name in _quoted().findall(found["columns"]))
        reading.referenced_table = _plain(found["parent"])


def _key_name(reading: Reading) -> None:
    # in English the words before the key are known, so that it may have a quote of its own; elsewhere it is quoted last
    parts = reading.message.rsplit(" for key '", 1)
    shown = parts[1].rpartition("'")[0] if len(parts) == 2 else _last_in_quotes(reading.message)
    if shown:
        # MySQL 8.0.19 and later write 'table.key', all others the key alone
        table, _, key = shown.rpartition(".")
        reading.constraint, reading.table = key, table or None


def _last_in_quotes(message: str) -> str | None:
    parts = message.rsplit("'", 2)
    return parts[1] if len(parts) == 3 else None


def _check_name(reading: Reading) -> None:
    # MariaDB: CONSTRAINT `name` failed for `db`.`table`; MySQL: Check constraint 'name' is violated.
    shown = _quoted().findall(reading.message) if reading.code == 4025 else reading.message.split("'")[1::2]
    if shown:
        reading.constraint = _plain(shown[0]) if reading.code == 4025 else shown[0]
        reading.table = _plain(shown[2]) if len(shown) > 2 else None


def _only_column(reading: Reading) -> None:
    names = reading.message.split("'")[1::2]
    reading.columns = (names[0],) if names else ()


def _last_column(reading: Reading) -> None:
    found = _value_column().match(reading.message)
    if found:
        reading.table = found["table"]
        reading.columns = (found["column"] or found["plain"],)


_NAMES: dict[int, Callable[[Reading], None]] = {
    **dict.fromkeys((1216, 1217, 1451, 1452), _foreign_key_names),
    **dict.fromkeys((1022, 1062, 1169, 1586, 1761, 1762), _key_name),
    **dict.fromkeys((3819, 4025), _check_name),
    **dict.fromkeys((1048, 1263, 1264, 1265, 1364, 1406), _only_column),
    **dict.fromkeys((1292, 1366), _last_column),
}


def add_names(reading: Reading) -> None:
    """Complete *reading* with the names that its message holds, by its number."""
    read = _NAMES.get(reading.code) if isinstance(reading.code, int) else None
    if read is not None:
        read(reading)
