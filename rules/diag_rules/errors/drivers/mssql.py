"""pyodbc (``args = (SQLSTATE, text)``, sometimes reversed) and pymssql (``args = (number, bytes)``)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from diag_rules.errors._reading import Reading, sqlstate_of, text

_TAGS = (
    # what a driver writes in brackets, and whose numbers follow
    ("SQL Server", "mssql"),
    ("SQL Azure", "mssql"),
    ("FreeTDS", "mssql"),
    ("MySQL", "mysql"),
    ("MariaDB", "mysql"),
    ("ma-", "mysql"),
    ("DB2", "db2"),
    ("IBM", "db2"),
    ("Oracle", "oracle"),
    ("SQLite", "sqlite"),
    ("PostgreSQL", "postgresql"),
    ("psqlODBC", "postgresql"),
)


@lru_cache(maxsize=1)
def _native() -> re.Pattern[str]:
    # "... (547) (SQLExecDirectW)": pyodbc itself writes both, behind the server's text
    return re.compile(r"\((-?\d+)\) \(SQL[A-Za-z]+\)")


@lru_cache(maxsize=1)
def _last_number() -> re.Pattern[str]:
    return re.compile(r"\((-?\d+)\)\s*$")


@lru_cache(maxsize=1)
def _brackets() -> re.Pattern[str]:
    return re.compile(r"\s*(?:\[[^\]]*\]\s*)+")


@lru_cache(maxsize=1)
def _quoted() -> re.Pattern[str]:
    return re.compile(
        "\"([^\"]+)\"|'([^']+)'|\u00bb([^\u00ab\u00bb]+)\u00ab|\u00ab\\s?([^\u00ab\u00bb]+?)\\s?\u00bb|\u201c([^\u201c\u201d]+)\u201d"
    )


def read_odbc(error: BaseException, driver: str) -> Reading:
    """Read the SQLSTATE and the native number; whose number it is, the driver's tag in brackets tells."""
    state, message = _state_and_text(error.args)
    tags = _brackets().match(message)
    head = tags[0] if tags else ""
    family = next((family for tag, family in _TAGS if tag in head), "mssql" if not head else "odbc")
    numbers = _native().findall(message) or _last_number().findall(message)
    number = int(numbers[-1]) if numbers else 0
    reading = Reading(driver, family, state, number or None, message[len(head) :], type(error).__name__)
    if family == "postgresql":
        reading.code = state
    elif family == "mssql":
        _add_names(reading)
    elif family in {"mysql", "mariadb"}:
        from diag_rules.errors._mysql_names import add_names

        add_names(reading)
    return reading


def _state_and_text(arguments: tuple[Any, ...]) -> tuple[str | None, str]:
    texts = [text(each) for each in arguments[:2]]
    if len(texts) == 2 and sqlstate_of(texts[0]) is None and sqlstate_of(texts[1]) is not None:
        texts.reverse()
    if len(texts) == 1:
        # one argument: "('08001', '[08001] ...')" or "[08001] ..."
        found = re.match(r"\W*([0-9A-Z]{5})\b", texts[0])
        return sqlstate_of(found[1]) if found else None, texts[0]
    return (sqlstate_of(texts[0]), texts[1]) if texts else (None, "")


def read_pymssql(error: BaseException, driver: str) -> Reading:
    """Read ``(number, bytes)``, which connecting wraps in one more tuple."""
    arguments = error.args
    if arguments and isinstance(arguments[0], (tuple, list)):
        arguments = tuple(arguments[0])
    number = arguments[0] if arguments else None
    message = text(arguments[1]) if len(arguments) > 1 else text(number)
    code = number if type(number) is int and number != 0 else None
    reading = Reading(driver, "mssql", None, code, message.partition("DB-Lib error message")[0] or message,
                      type(error).__name__)  # fmt: skip
    _add_names(reading)
    return reading


def _add_names(reading: Reading) -> None:
    """Read the names of a constraint error: identifiers come before the first value in every language."""
    if reading.code not in {515, 547, 2601, 2627, 2628}:
        return
    names = [next(filter(None, groups), "") for groups in _quoted().findall(reading.message)]
    if reading.code == 547 and names:
        reading.constraint = names[0]
        reading.table = names[2] if len(names) > 2 else None
        reading.columns = (names[3],) if len(names) > 3 else ()
    elif reading.code == 2627 and names:
        reading.constraint, reading.table = names[0], names[1] if len(names) > 1 else None
    elif reading.code == 2601 and len(names) > 1:
        reading.table, reading.constraint = names[0], names[1]
    elif reading.code == 515 and names:
        reading.columns, reading.table = (names[0],), names[1] if len(names) > 1 else None
    elif reading.code == 2628 and len(names) > 1:
        reading.table, reading.columns = names[0], (names[1],)
