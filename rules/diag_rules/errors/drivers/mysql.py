"""PyMySQL, aiomysql, asyncmy, mysqlclient (the number first) and mysql-connector, mariadb (attributes)."""

from __future__ import annotations

from typing import Any

from .._mysql_names import add_names
from .._reading import Reading, first_argument, sqlstate_of, text

_NAMED = frozenset({1062, 1586, 1169, 1451, 1452, 1216, 1217, 1761, 1762, 3819, 4025, 1048, 1364, 1406, 1264, 1265, 1366, 1292, 1263, 1690})


def _reading(error: BaseException, driver: str, number: Any, sqlstate: str | None, message: str) -> Reading:
    code = number if type(number) is int and number > 0 else None
    family = "mariadb" if driver == "mariadb" else "mysql"
    reading = Reading(driver, family, sqlstate, code, message, type(error).__name__)
    if code in _NAMED:
        add_names(reading)
    return reading


def read_number_first(error: BaseException, driver: str) -> Reading:
    """Read ``args = (number, message)``; PyMySQL and its kin keep no SQLSTATE."""
    arguments = error.args
    number = arguments[0] if arguments else None
    message = text(arguments[1]) if len(arguments) > 1 else text(number) if isinstance(number, str) else ""
    if isinstance(number, tuple) and number:
        number, message = number[0], text(number[1]) if len(number) > 1 else message
    return _reading(error, driver, number, None, message)


def read_attributes(error: BaseException, driver: str) -> Reading:
    """Read ``errno``, ``sqlstate`` and ``msg`` or ``errmsg``; fall back on the arguments."""
    attributes: Any = error
    number = getattr(attributes, "errno", None)
    sqlstate = sqlstate_of(getattr(attributes, "sqlstate", None))
    message = text(getattr(attributes, "msg", None) or getattr(attributes, "errmsg", None))
    arguments = error.args
    if type(number) is not int and arguments and type(arguments[0]) is int:
        number = arguments[0]
    if not message:
        message = next((text(each) for each in arguments if isinstance(each, str)), text(first_argument(error)))
    return _reading(error, driver, number, sqlstate, message)
