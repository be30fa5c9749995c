"""Exceptions of SQLAlchemy itself, of the operating system and of Python, as they come up around a database."""

from __future__ import annotations

import errno
import re
from functools import lru_cache
from typing import Any

from . import _orm, _registry
from ._candidate import Candidate, Weight
from ._drivers import reader_of
from ._kinds import Kind
from ._pending import cause_of
from ._row import row

_NETWORK_MODULES = frozenset(
    {"builtins", "socket", "_socket", "ssl", "_ssl", "asyncio.exceptions", "concurrent.futures._base"}
)

_BY_ERRNO = {
    errno.ECONNREFUSED: Kind.CONNECTION_REFUSED,
    errno.ECONNRESET: Kind.CONNECTION_FAILURE,
    errno.ECONNABORTED: Kind.CONNECTION_FAILURE,
    errno.EPIPE: Kind.CONNECTION_FAILURE,
    errno.ENOTCONN: Kind.CONNECTION_FAILURE,
    errno.ESHUTDOWN: Kind.CONNECTION_FAILURE,
    errno.ETIMEDOUT: Kind.CONNECT_TIMEOUT,
    errno.EHOSTUNREACH: Kind.NETWORK_UNREACHABLE,
    errno.EHOSTDOWN: Kind.NETWORK_UNREACHABLE,
    errno.ENETUNREACH: Kind.NETWORK_UNREACHABLE,
    errno.ENETDOWN: Kind.NETWORK_UNREACHABLE,
}

_BY_CLASS = {
    "ConnectionRefusedError": Kind.CONNECTION_REFUSED,
    "ConnectionResetError": Kind.CONNECTION_FAILURE,
    "ConnectionAbortedError": Kind.CONNECTION_FAILURE,
    "BrokenPipeError": Kind.CONNECTION_FAILURE,
    "IncompleteReadError": Kind.CONNECTION_FAILURE,
    "ConnectionError": Kind.CONNECTION_FAILURE,
    "gaierror": Kind.HOST_UNKNOWN,
    "herror": Kind.HOST_UNKNOWN,
    "timeout": Kind.CONNECT_TIMEOUT,
    "TimeoutError": Kind.CONNECT_TIMEOUT,
    "SSLError": Kind.TLS_FAILURE,
    "SSLCertVerificationError": Kind.TLS_FAILURE,
    "SSLZeroReturnError": Kind.CONNECTION_FAILURE,
    "SSLEOFError": Kind.CONNECTION_FAILURE,
    "SSLWantReadError": Kind.TLS_FAILURE,
    "SSLSyscallError": Kind.TLS_FAILURE,
    "CertificateError": Kind.TLS_FAILURE,
}


def wraps(error: BaseException) -> bool:
    """Return whether *error* is SQLAlchemy's wrapper of a driver's exception."""
    kind = type(error)
    return kind.__module__ == "sqlalchemy.exc" and hasattr(kind, "connection_invalidated")


def look(error: BaseException, wrapper: Any, parent: BaseException | None) -> Candidate | None:
    """Return what *error*, of no driver's class, says about the database; None: nothing."""
    kind = type(error)
    mine = _registry.find_class(kind)
    if mine is not None:
        return Candidate(Weight.STRONG, mine[0], mine[1], None, wrapper)
    module = str(kind.__module__)
    if module.partition(".")[0] == "sqlalchemy":
        return _sqlalchemy(error, kind.__name__)
    if module in _NETWORK_MODULES and isinstance(error, OSError):
        return _system(error, kind.__name__, wrapper, parent)
    return _python(error, wrapper, parent) if module in {"builtins", "decimal"} else None


_OWN: dict[str, tuple[Kind, str]] = {
    "TimeoutError": (Kind.POOL_TIMEOUT, "of the pool"),
    "StaleDataError": (Kind.STALE_DATA, "of the ORM"),
    "NoResultFound": (Kind.NO_DATA_FOUND, "of one()"),
    "MultipleResultsFound": (Kind.TOO_MANY_ROWS, "of one()"),
    "NoSuchTableError": (Kind.UNDEFINED_TABLE, "of the reflection"),
    "NoSuchColumnError": (Kind.UNDEFINED_COLUMN, "of the result"),
    "DisconnectionError": (Kind.CONNECTION_FAILURE, "of the pool"),
    "InvalidatePoolError": (Kind.CONNECTION_FAILURE, "of the pool"),
}
_WRAPPING = frozenset({"StatementError", "DBAPIError"})
_HARMLESS = frozenset({"ObjectDeletedError"})


def _sqlalchemy(error: BaseException, name: str) -> Candidate | None:
    own = _OWN.get(name)
    if own is not None:
        return Candidate(Weight.STRONG, row("", own[0]), f"class sqlalchemy {name}, {own[1]}")
    if name == "PendingRollbackError" or _invalidated(error):
        return cause_of(error)
    if name == "ObjectDeletedError":
        return Candidate(Weight.STRONG, row("", Kind.STALE_DATA), "class ObjectDeletedError: the row is gone")
    if wraps(error) or name in _WRAPPING:
        return None if _orig_says(error) else _unread(error, name)
    by_the_orm = _orm.look(error, name)
    return by_the_orm or Candidate(Weight.FOLLOW_UP, row("", Kind.ORM_MISUSE), f"class sqlalchemy {name}")


def _invalidated(error: BaseException) -> bool:
    # SQLAlchemy's text, English always; sqlalche.me/e/8s2b
    return str(error.args[0] if error.args else "").startswith("Can't reconnect until invalid transaction")


def _orig_says(error: BaseException) -> bool:
    """Return whether the driver's exception behind a wrapper is of a class that we can read."""
    orig = getattr(error, "orig", None)
    if not isinstance(orig, BaseException):
        return False
    module = type(orig).__module__ or ""
    return (
        reader_of(type(orig)) is not None
        or isinstance(orig, OSError)
        or module.startswith(("builtins", "sqlalchemy"))
    )


_BY_WRAPPER = {
    "IntegrityError": Kind.INTEGRITY_CONSTRAINT_VIOLATION,
    "DataError": Kind.DATA_EXCEPTION,
    "ProgrammingError": Kind.SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION,
    "NotSupportedError": Kind.FEATURE_NOT_SUPPORTED,
}


def _unread(error: BaseException, name: str) -> Candidate | None:
    """Return what SQLAlchemy's own class says where the driver is unknown: the flag first, then the class."""
    if getattr(error, "connection_invalidated", False) is True:
        return Candidate(
            Weight.FLAG, row("", Kind.CONNECTION_FAILURE), "flag connection_invalidated", None, error
        )
    kind = _BY_WRAPPER.get(name)
    if kind is not None:
        return Candidate(Weight.WEAK, row("", kind), f"class {name}: the driver is not known", None, error)
    why = f"none: class {name} says too little, and the driver is not known"
    return Candidate(Weight.FOLLOW_UP, row("", Kind.UNRECOGNISED), why, None, error)


def _system(error: OSError, name: str, wrapper: Any, parent: BaseException | None) -> Candidate | None:
    """Judge an error of the network: alone, or behind a driver's exception, but not behind a stranger's."""
    if parent is not None and wrapper is None and not _lets_through(parent):
        return None
    kind = _BY_CLASS.get(name) if type(error) is not OSError else None
    kind = kind or _BY_ERRNO.get(error.errno or 0) or _by_text(error)
    if kind is None:
        return None
    return Candidate(Weight.SPECIFIC, row("", kind), f"class {name}")


def _lets_through(parent: BaseException) -> bool:
    kind = type(parent)
    known = reader_of(kind) is not None or isinstance(parent, (OSError, BaseExceptionGroup))
    return known or (kind.__module__ or "").startswith(("sqlalchemy.", "asyncio."))


@lru_cache(maxsize=1)
def _multiple() -> re.Pattern[str]:
    return re.compile(r"Multiple exceptions: |Connect call failed|\[Errno (\d+)\] Connect call failed")


def _by_text(error: OSError) -> Kind | None:
    # asyncio gathers the failures of several addresses in one OSError without errno
    message = str(error)
    if _multiple().match(message):
        found = re.search(r"\[Errno (\d+)\]", message)
        return _BY_ERRNO.get(int(found[1]), Kind.CONNECTION_REFUSED) if found else Kind.CONNECTION_REFUSED
    return None


_PYTHON_TEXTS: tuple[tuple[str, Kind], ...] = (
    # what drivers and the ORM raise as plain Python exceptions; anchored at the start
    (r"Python int too large to convert to SQLite INTEGER|Python int too large to convert to C|int too (large|big) to",
     Kind.NUMERIC_VALUE_OUT_OF_RANGE),
    (r"(A string literal cannot contain NUL|embedded null (character|byte)|'[\w-]+' codec can't encode character)",
     Kind.CHARACTER_NOT_IN_REPERTOIRE),
    (r"'.*' is not among the defined enum values", Kind.INVALID_TEXT_REPRESENTATION),
    (r"Couldn't parse (date|time|datetime) string|Invalid isoformat string|badly formed hexadecimal UUID",
     Kind.INVALID_DATETIME_FORMAT),
    ((r"SQLite (Date|Time|DateTime) type only accepts Python|Not a boolean value|Value .* is not None, True, or False|"
     r"not enough arguments for format string|not all arguments converted|expected string or bytes-like object"),
     Kind.WRONG_PARAMETERS),
    (r"'cryptography' package is required", Kind.DRIVER_MISUSE),
    (r"(no active connection|Connection closed|the connection is closed)", Kind.CONNECTION_DOES_NOT_EXIST),
)  # fmt: skip


@lru_cache(maxsize=1)
def _python_patterns() -> list[tuple[re.Pattern[str], Kind]]:
    return [(re.compile(pattern), kind) for pattern, kind in _PYTHON_TEXTS]


def _python(error: BaseException, wrapper: Any, parent: BaseException | None) -> Candidate | None:
    """Judge a plain Python exception: by the few texts that drivers and the ORM raise with it, or as a bad parameter."""
    by_the_orm = _orm.look(error, type(error).__name__)
    if by_the_orm is not None:
        return by_the_orm
    message = str(error)
    for pattern, kind in _python_patterns():
        if pattern.match(message):
            return Candidate(Weight.SPECIFIC, row("", kind), f"text of {type(error).__name__}", None, wrapper)
    if (
        parent is not None
        and type(parent).__name__ == "StatementError"
        and getattr(parent, "orig", None) is error
    ):
        return _of_a_parameter(error)
    return None


def _of_a_parameter(error: BaseException) -> Candidate:
    """Judge what converting a bound parameter raised: a value that cannot be converted, or one of the wrong type."""
    bad_value = isinstance(error, (ValueError, ArithmeticError, LookupError)) and not isinstance(
        error, KeyError
    )
    kind = Kind.DATA_EXCEPTION if bad_value else Kind.WRONG_PARAMETERS
    return Candidate(Weight.SPECIFIC, row("", kind), f"class {type(error).__name__}, of a bound parameter")
