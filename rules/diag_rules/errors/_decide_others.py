"""Codes of MySQL, MariaDB, SQL Server and ODBC that mean two things."""

from __future__ import annotations

import re
from functools import lru_cache

from ._classification import Category
from ._decide import Decider, Found, read_only, turned
from ._kinds import Kind
from ._reading import Reading

_ERRNO = {
    # numbers of the operating system, as client libraries put them behind "Can't connect"
    2: Kind.CONNECTION_REFUSED, 61: Kind.CONNECTION_REFUSED, 111: Kind.CONNECTION_REFUSED,
    10061: Kind.CONNECTION_REFUSED, 60: Kind.CONNECT_TIMEOUT, 110: Kind.CONNECT_TIMEOUT,
    10060: Kind.CONNECT_TIMEOUT, 101: Kind.NETWORK_UNREACHABLE, 113: Kind.NETWORK_UNREACHABLE,
    32: Kind.CONNECTION_FAILURE, 104: Kind.CONNECTION_FAILURE, 10065: Kind.NETWORK_UNREACHABLE, -2: Kind.HOST_UNKNOWN, -3: Kind.HOST_UNKNOWN,
    -5: Kind.HOST_UNKNOWN, 11001: Kind.HOST_UNKNOWN,
}  # fmt: skip

_ENGINE = {
    # numbers of storage engines behind "Got error": include/my_base.h of MariaDB 10.11, and errno.h
    12: Kind.OUT_OF_MEMORY, 28: Kind.DISK_FULL, 121: Kind.UNIQUE_VIOLATION, 126: Kind.INDEX_CORRUPTED,
    127: Kind.DATA_CORRUPTED, 128: Kind.OUT_OF_MEMORY, 131: Kind.FEATURE_NOT_SUPPORTED, 135: Kind.DISK_FULL,
    136: Kind.DISK_FULL, 141: Kind.UNIQUE_VIOLATION, 144: Kind.DATA_CORRUPTED, 145: Kind.DATA_CORRUPTED,
    146: Kind.LOCK_NOT_AVAILABLE, 149: Kind.DEADLOCK_DETECTED, 150: Kind.INVALID_FOREIGN_KEY,
    151: Kind.FOREIGN_KEY_VIOLATION, 152: Kind.FOREIGN_KEY_VIOLATION, 155: Kind.UNDEFINED_TABLE,
    165: Kind.READ_ONLY_SQL_TRANSACTION, 175: Kind.DATA_CORRUPTED, 192: Kind.QUERY_CANCELED,
}  # fmt: skip


@lru_cache(maxsize=1)
def _connect_number() -> re.Pattern[str]:
    # (111), ([Errno 111] ...), (Errno 111: ...), (111 "Connection refused"), system error: 111
    return re.compile(r"(?:\(|\[Errno |Errno |system error: )(-?\d+)")


@lru_cache(maxsize=1)
def _engine_number() -> re.Pattern[str]:
    # 'Got error 28 "No space ..." from ...', 'Error writing file ... (errno: 28 ...)': the number is in every language
    return re.compile(r"\((?:[Ee]rrno|[Ee]rrcode): (\d+)|^\D*(\d+)")


def _cannot_connect(reading: Reading, found: Found) -> Found:
    numbers = _connect_number().findall(reading.message)
    kind = _ERRNO.get(int(numbers[-1])) if numbers else None
    if "timed out" in reading.message[-30:]:
        kind = Kind.CONNECT_TIMEOUT
    return turned(found, "by the number of the operating system", kind=kind) if kind else found


def _engine(reading: Reading, found: Found) -> Found:
    number = _engine_number().search(reading.message)
    kind = _ENGINE.get(int(number[1] or number[2])) if number else None
    return turned(found, "by the storage engine's number", kind=kind) if kind else found


def _option(reading: Reading, found: Found) -> Found:
    """1290: an option of the server forbids it; which one is never translated."""
    if not reading.message or "read-only" in reading.message or "read_only" in reading.message:
        return read_only(reading, found)
    return turned(found, "an option of the server, but not read-only", kind=Kind.FEATURE_NOT_SUPPORTED)


def _in_statement(reading: Reading, found: Found) -> Found:
    """1044, 1049: of the connection settings an outage, of a statement a defect."""
    if reading.executing:
        return turned(found, "named by a statement, not by the connection settings", Category.DEFECT)
    return found


def _routine_or_savepoint(reading: Reading, found: Found) -> Found:
    """1305: a routine or a savepoint; a deadlock takes the savepoints with it, and the next error hides it."""
    if reading.message.startswith("SAVEPOINT "):
        why = "a savepoint: an earlier deadlock may have taken it"
        return turned(found, why, kind=Kind.INVALID_SAVEPOINT_SPECIFICATION)
    return found


def _query_timeout(reading: Reading, found: Found) -> Found:
    """3024: the server's max_execution_time; mysql-connector uses the number for its own read time-out."""
    if reading.name in {"ReadTimeoutError", "WriteTimeoutError", "ConnectionTimeoutError"}:
        return turned(found, "the client's own time-out on the socket", kind=Kind.CONNECTION_FAILURE)
    return found


def _incorrect_value(reading: Reading, found: Found) -> Found:
    """1292: a date, or a number that is none."""
    if re.match(r"Truncated incorrect (?!date|time)|Incorrect (?!date|time)", reading.message, re.IGNORECASE):
        return turned(found, "not a date", kind=Kind.INVALID_TEXT_REPRESENTATION)
    return found


def _reference_or_check(reading: Reading, found: Found) -> Found:
    """547: the keyword before the constraint's name tells, and is not translated."""
    before = re.split("[\"'\u00bb\u00ab\u201c]", reading.message, maxsplit=1)[0]
    if "CHECK" in before:
        return turned(found, "a CHECK constraint, by its keyword", kind=Kind.CHECK_VIOLATION)
    return found[
        0
    ], f"{found[1]}; a foreign key, by its keyword" if "KEY" in before or "REF" in before else found[1]


def _odbc_warning(reading: Reading, found: Found) -> Found:  # noqa: ARG001 - one signature for all deciders
    """01000: pyodbc raises a warning only where connecting failed: the driver's library is missing."""
    kind = Kind.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION
    return turned(found, "a driver that cannot be loaded", kind=kind)


def _odbc_timeout(reading: Reading, found: Found) -> Found:
    """HYT00: a time-out of the statement, or of the login."""
    if reading.message.startswith("Login") or reading.executing is False:
        return turned(found, "of the login", kind=Kind.CONNECT_TIMEOUT)
    return turned(found, "of the statement")


def _by_system_number(reading: Reading, found: Found) -> Found:
    """08001, 08S01 with a number that is none of the server's: the operating system's, as its client library saw it."""
    kind = _ERRNO.get(reading.code) if isinstance(reading.code, int) else None
    return turned(found, "by the number of the operating system", kind=kind) if kind else found


_MYSQL: dict[str | int, Decider] = {
    1003: _engine, 1004: _engine, 1025: _engine, 1026: _engine, 1030: _engine, 1180: _engine, 1181: _engine,
    1036: read_only, 1290: _option, 1836: read_only, 1874: read_only,
    1044: _in_statement, 1049: _in_statement, 1292: _incorrect_value, 1305: _routine_or_savepoint,
    2002: _cannot_connect, 2003: _cannot_connect, 3024: _query_timeout,
}  # fmt: skip
_ODBC: dict[str | int, Decider] = {
    "HYT00": _odbc_timeout, "01000": _odbc_warning, "08001": _by_system_number, "08S01": _by_system_number,
}  # fmt: skip

OTHERS: dict[str, dict[str | int, Decider]] = {
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
    "mssql": {547: _reference_or_check, 3906: read_only, **_ODBC},
    "oracle": {16000: read_only},
    "odbc": _ODBC,
}
