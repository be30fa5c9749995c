"""Names in the messages of MySQL and MariaDB, which send no fields: the message is the only place.

Identifiers stand where every language has them: the key is the last quoted part of a duplicate, a foreign key is
shown as its SQL definition, a constraint is the first part in backticks. Values come before them, so none can pass
for one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from ._reading import Reading


@lru_cache(maxsize=1)
def _foreign_key() -> re.Pattern[str]:
    # (`db`.`child`, CONSTRAINT `name` FOREIGN KEY (`a`, `b`) REFERENCES `parent` (`c`, `d`) ...)
    name = "(?:[^`]|``)+"
    return re.compile(
        rf"\(`{name}`\.`(?P<table>{name})`(?:, CONSTRAINT `(?P<name>{name})`)?"
        rf" FOREIGN KEY (?:`{name}` )?\((?P<columns>[^)]*)\)"
        rf" REFERENCES (?:`{name}`\.)?`(?P<parent>{name})`"
    )


@lru_cache(maxsize=1)
def _value_column() -> re.Pattern[str]:
    # ... for column `db`.`table`.`column` at row 1; MySQL: ... for column 'column' at row 1
    return re.compile(
        r"`[^`]*`\.`(?P<table>[^`]*)`\.`(?P<column>[^`]*)`[^`']*$|for column '(?P<plain>[^']+)' at row \d+$"
    )


def _foreign_key_names(reading: Reading) -> None:
    found = _foreign_key().search(reading.message)
    if found:
        reading.constraint, reading.table = found["name"], found["table"]
        reading.columns = tuple(part.strip().strip("`") for part in found["columns"].split(","))
        reading.referenced_table = found["parent"]


def _key_name(reading: Reading) -> None:
    parts = reading.message.rsplit("'", 2)
    if len(parts) == 3:
        # MySQL 8.0.19 and later write 'table.key', all others the key alone
        table, _, key = parts[1].rpartition(".")
        reading.constraint, reading.table = key, table or None


def _check_name(reading: Reading) -> None:
    quote = "`" if "`" in reading.message else "'"
    names = reading.message.split(quote)[1::2]
    if names:
        reading.constraint = names[0]
        reading.table = names[2] if len(names) > 2 else None


def _only_column(reading: Reading) -> None:
    names = reading.message.split("'")[1::2]
    reading.columns = (names[0],) if names else ()


def _last_column(reading: Reading) -> None:
    found = _value_column().search(reading.message)
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
