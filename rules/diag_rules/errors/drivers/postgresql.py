"""psycopg2, psycopg, asyncpg and pg8000, bare or behind SQLAlchemy's adapters."""

from __future__ import annotations

from typing import Any

from diag_rules.errors._postgresql_names import add_names
from diag_rules.errors._reading import DBAPI_CLASSES, Reading, field, first_argument, sqlstate_of, text

_FATAL = frozenset({"FATAL", "PANIC"})


def read_libpq(error: BaseException, driver: str) -> Reading:
    """Read psycopg2 (``pgcode``, ``diag``) or psycopg (``sqlstate``, ``diag``)."""
    attributes: Any = error
    code = getattr(attributes, "pgcode", None) or getattr(attributes, "sqlstate", None)
    diag = getattr(attributes, "diag", None)
    if code is None:
        code = field(diag, "sqlstate")
    sqlstate = sqlstate_of(code) or _sqlstate_of_class(error)
    if sqlstate is None:
        return Reading(driver, "postgresql", None, None, text(first_argument(error)), type(error).__name__)
    reading = Reading(driver, "postgresql", sqlstate, sqlstate, "", type(error).__name__)
    if sqlstate[:2] == "42" and sqlstate != "42501":
        # nothing that the fields say would change the meaning of class 42, and each costs a call
        reading.message = text(first_argument(error)).partition("\n")[0]
        return reading
    return _with_fields(reading, sqlstate, {} if diag is None else diag, error)


def _with_fields(reading: Reading, sqlstate: str, diag: Any, error: BaseException) -> Reading:
    if sqlstate[:2] == "23":
        return _with_names(reading, sqlstate, diag, error)
    message = field(diag, "message_primary")
    reading.message = message or text(first_argument(error)).partition("\n")[0]
    severity = field(diag, "severity_nonlocalized") or field(diag, "severity")
    reading.fatal = severity in _FATAL if severity else None
    reading.routine = field(diag, "source_function")
    return reading


def _with_names(reading: Reading, sqlstate: str, diag: Any, error: BaseException) -> Reading:
    """Add the names of a constraint: from the fields, and the first two lines of the text where a field is missing."""
    lines = text(first_argument(error)).split("\n", 2)
    reading.message = lines[0]
    detail = field(diag, "message_detail") or (lines[1].partition(":  ")[2] if len(lines) > 1 else None)
    column = field(diag, "column_name") if sqlstate == "23502" else None
    reading.constraint = field(diag, "constraint_name")
    reading.table = field(diag, "table_name")
    add_names(reading, detail, column, field(diag, "schema_name"))
    return reading


def _sqlstate_of_class(error: BaseException) -> str | None:
    """Return the SQLSTATE that a class is made for (``UniqueViolation``), where the exception itself has lost it."""
    name = type(error).__name__
    if name in DBAPI_CLASSES:
        return None
    from diag_rules.errors._postgresql_text import sqlstate_of_class

    return sqlstate_of_class(name)


def read_asyncpg(error: BaseException, driver: str) -> Reading:  # noqa: ARG001 - one signature for all readers
    """Read asyncpg's exception, or SQLAlchemy's adapter of it, whose names are on the exception behind it."""
    attributes: Any = error
    sqlstate = sqlstate_of(getattr(attributes, "sqlstate", None) or getattr(attributes, "pgcode", None))
    message = text(getattr(attributes, "message", None)) or text(first_argument(error))
    name = type(error).__name__
    if message.startswith("<class '"):
        # the adapter's text: "<class 'asyncpg.exceptions.X'>: message"
        inner, _, message = message[8:].partition("'>: ")
        name = inner.rpartition(".")[2]
    sqlstate = sqlstate or _sqlstate_of_class(_innermost(error))
    reading = Reading("asyncpg", "postgresql", sqlstate, sqlstate, message.partition("\n")[0], name)
    if sqlstate is not None:
        _asyncpg_fields(reading, _innermost(error))
    return reading


def _innermost(error: BaseException) -> BaseException:
    """Return the asyncpg exception behind an adapter: its ``orig`` (SQLAlchemy 2.1) or its cause."""
    if getattr(error, "constraint_name", None) or getattr(error, "severity", None):
        return error
    for behind in (getattr(error, "orig", None), error.__cause__, error.__context__):
        if isinstance(behind, BaseException) and behind is not error and _is_asyncpg(behind):
            return behind
    return error


def _is_asyncpg(error: BaseException) -> bool:
    return hasattr(error, "sqlstate") or str(type(error).__module__).startswith("asyncpg")


def _asyncpg_fields(reading: Reading, source: BaseException) -> None:
    severity = field(source, "severity_en") or field(source, "severity")
    reading.fatal = severity in _FATAL if severity else None
    reading.routine = field(source, "server_source_function")
    if reading.sqlstate and reading.sqlstate[:2] == "23":
        reading.constraint = field(source, "constraint_name")
        reading.table = field(source, "table_name")
        add_names(
            reading, field(source, "detail"), field(source, "column_name"), field(source, "schema_name")
        )


def read_pg8000(error: BaseException, driver: str) -> Reading:
    """Read pg8000, whose only argument is the dict of the server's fields."""
    fields = first_argument(error)
    if not isinstance(fields, dict):
        return Reading(driver, "postgresql", None, None, text(fields), type(error).__name__)
    sqlstate = sqlstate_of(fields.get("C"))
    reading = Reading(driver, "postgresql", sqlstate, sqlstate, text(fields.get("M")), type(error).__name__)
    severity = field(fields, "V") or field(fields, "S")
    reading.fatal = severity in _FATAL if severity else None
    reading.routine = field(fields, "R")
    if sqlstate and sqlstate[:2] == "23":
        reading.constraint = field(fields, "n")
        reading.table = field(fields, "t")
        add_names(reading, field(fields, "D"), field(fields, "c"), field(fields, "s"))
    return reading
