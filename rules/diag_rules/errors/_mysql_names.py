"""Names in the messages of MySQL and MariaDB, the only place where they have them."""

from __future__ import annotations

import re
from functools import lru_cache

from ._reading import Reading


@lru_cache(maxsize=1)
def _key() -> re.Pattern[str]:
    # "... for key 'users.email'" or "... for key 'email'": the last quoted part, in any language the message ends there
    return re.compile(r"['\u2018\u201c\u00ab\u300c\"`]([^'\u2018\u2019\u201c\u201d\u00ab\u00bb\"`]+)"
                      r"['\u2019\u201d\u00bb\u300d\"`][^'\"`\u2019\u201d\u00bb]*$")  # fmt: skip


@lru_cache(maxsize=1)
def _foreign_key() -> re.Pattern[str]:
    # the definition is SQL, so that it is the same in every language
    return re.compile(
        r"\(`(?P<schema>(?:[^`]|``)+)`\.`(?P<table>(?:[^`]|``)+)`(?:, CONSTRAINT `(?P<name>(?:[^`]|``)+)`)?"
        r" FOREIGN KEY (?:`(?:[^`]|``)*` )?\((?P<columns>[^)]*)\)"
        r" REFERENCES (?:`(?:[^`]|``)+`\.)?`(?P<parent>(?:[^`]|``)+)`"
    )


@lru_cache(maxsize=1)
def _check() -> re.Pattern[str]:
    # MariaDB: CONSTRAINT `name` failed for `schema`.`table`; MySQL: Check constraint 'name' is violated.
    return re.compile(r"[`'](?P<name>[^`']+)[`'](?:[^`']*`(?P<schema>[^`]+)`\.`(?P<table>[^`]+)`)?")


@lru_cache(maxsize=1)
def _first_quoted() -> re.Pattern[str]:
    return re.compile(r"['`\u2018\u201c\u00ab\"](?:`?(?P<table>[^'`.\s]+)`?\.)?(?P<column>[^'`\u2019\u201d\u00bb\"]+)['`\u2019\u201d\u00bb\"]")


def _unquote(columns: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("`") for part in columns.split(",") if part.strip())


def add_names(reading: Reading) -> None:
    """Complete *reading* with the names that its message holds, by its number."""
    code = reading.code
    if code in {1451, 1452, 1216, 1217}:
        _add_foreign_key(reading)
    elif code in {1062, 1586, 1169, 1761, 1762}:
        _add_key(reading)
    elif code in {3819, 4025}:
        _add_check(reading)
    elif code in {1048, 1364, 1263, 1138}:
        found = _first_quoted().search(reading.message)
        reading.columns = (found["column"],) if found else ()
    elif code in {1406, 1264, 1265, 1366, 1292}:
        _add_value_column(reading)


def _add_foreign_key(reading: Reading) -> None:
    found = _foreign_key().search(reading.message)
    if found:
        reading.constraint, reading.table = found["name"], found["table"]
        reading.columns, reading.referenced_table = _unquote(found["columns"]), found["parent"]


def _add_key(reading: Reading) -> None:
    found = _key().search(reading.message.rstrip())
    if found:
        # MySQL 8.0.19 and later write table.key, all others the key alone
        table, _, key = found[1].rpartition(".")
        reading.constraint, reading.table = key, table or None


def _add_check(reading: Reading) -> None:
    found = _check().search(reading.message)
    if found:
        reading.constraint, reading.table = found["name"], found["table"]


def _add_value_column(reading: Reading) -> None:
    pass
