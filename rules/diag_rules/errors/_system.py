"""Exceptions of SQLAlchemy itself, of the operating system and of Python, as they come up around a database."""

from __future__ import annotations

import errno
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ._classification import Category
from ._kinds import Kind
from ._row import Row, row

if TYPE_CHECKING:
    from ._classify import Candidate


def candidate(error: BaseException, wrapper: Any, parent: BaseException | None) -> Candidate | None:
    """Return what *error*, of no driver's class, says about the database; None: nothing."""
    found = _judge(error, wrapper, parent)
    if found is None:
        return None
    from ._classify import Candidate

    return Candidate(found[0], found[1], found[2], None, wrapper)


def _judge(error: BaseException, wrapper: Any, parent: BaseException | None) -> tuple[int, Row, str] | None:
    module = type(error).__module__ or ""
    if module.partition(".")[0] == "sqlalchemy":
        return _sqlalchemy(error)
    return None


def _sqlalchemy(error: BaseException) -> tuple[int, Row, str] | None:
    name = type(error).__name__
    if name == "TimeoutError":
        return 5, row("", Kind.POOL_TIMEOUT), "class sqlalchemy.exc.TimeoutError, of the pool"
    if name == "StaleDataError":
        return 5, row("", Kind.STALE_DATA), "class StaleDataError"
    return None
