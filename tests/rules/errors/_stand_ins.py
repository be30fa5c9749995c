"""Exceptions that only look like a driver's: the same module, name, attributes and arguments, no class of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import exc


def stand_in(name: str, *arguments: Any, **attributes: Any) -> Exception:
    """Return an exception whose class has the full *name*, ``pyodbc.IntegrityError``."""
    module, _, class_name = name.rpartition(".")
    kind = type(class_name, (Exception,), {"__module__": module})
    error: Exception = kind(*arguments)
    for attribute, value in attributes.items():
        setattr(error, attribute, value)
    return error


def wrapped(orig: BaseException, *, statement: str | None = "SELECT 1", lost: bool = False) -> exc.DBAPIError:
    """Return *orig* in SQLAlchemy's wrapper, as its engine raises it."""
    kind = getattr(exc, type(orig).__name__, exc.DBAPIError)
    if not (isinstance(kind, type) and issubclass(kind, exc.DBAPIError)):
        kind = exc.DBAPIError
    error: exc.DBAPIError = kind(statement, (), orig, connection_invalidated=lost)
    error.__cause__ = orig
    return error
