"""PyMySQL, aiomysql, asyncmy, mysqlclient (the number first) and mysql-connector, mariadb (attributes)."""

from __future__ import annotations

from typing import Any

from diag_rules.errors._mysql_names import add_names
from diag_rules.errors._reading import Reading, sqlstate_of, text


def _reading(error: BaseException, driver: str, number: Any, sqlstate: str | None, message: str) -> Reading:
    code = number if type(number) is int and number > 0 else None
    reading = Reading(driver, "mysql", sqlstate, code, message, type(error).__name__)
    if code is not None:
        add_names(reading)
    return reading


def read_number_first(error: BaseException, driver: str) -> Reading:
    """Read ``args = (number, message)``; PyMySQL and its kin keep no SQLSTATE."""
    arguments = error.args
    number = arguments[0] if arguments else None
    if isinstance(number, (tuple, list)) and number:
        arguments, number = tuple(number), number[0]
    message = (
        text(arguments[1]) if len(arguments) > 1 else text(number) if isinstance(number, (str, bytes)) else ""
    )
    return _reading(error, driver, number, None, message)


def read_attributes(error: BaseException, driver: str) -> Reading:
    """Read ``errno``, ``sqlstate`` and ``msg`` or ``errmsg``; fall back on the arguments."""
    attributes: Any = error
    arguments = error.args
    number = getattr(attributes, "errno", None)
    if type(number) is not int and arguments and type(arguments[0]) is int:
        number = arguments[0]
    sqlstate = sqlstate_of(getattr(attributes, "sqlstate", None))
    if sqlstate is None and len(arguments) > 2:
        sqlstate = sqlstate_of(arguments[2])  # mysql-connector: (number, text, SQLSTATE)
    message = text(getattr(attributes, "msg", None) or getattr(attributes, "errmsg", None))
    if not message:
        message = next((text(each) for each in arguments if isinstance(each, (str, bytes))), "")
    return _reading(error, driver, number, sqlstate, message)
