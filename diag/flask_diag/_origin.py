"""Does an error come from one of the application's engines?"""

from __future__ import annotations

from collections.abc import Iterator
from types import FrameType
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from diag_rules.errors import Category, classify

from ._capture import incident_of
from ._state import State


def is_ours(state: State, error: BaseException) -> bool:
    """Tell whether *error* is a database error of the application *state* is of.

    One that an engine's listener heard is. Else a SQLAlchemy error is, unless its traceback shows another
    engine; anything else (a driver's bare exception, an OSError that an async driver lets through, the
    AssertionError of a blanked-out primary key) must have passed SQLAlchemy: a file of the application that is
    missing, and a SQLite file that it opens by itself, are none of our business.
    """
    if isinstance(error, HTTPException):
        return False
    if incident_of(error) is not None:
        return True
    frames = list(_frames(error))
    if isinstance(error, AssertionError):
        return bool(frames) and _is_sqlalchemy(frames[-1])
    passed = any(map(_is_sqlalchemy, frames))
    if not isinstance(error, SQLAlchemyError) and not passed:
        return False
    if isinstance(error, OSError) and classify(error).category is not Category.OUTAGE:
        return False
    return not _is_foreign(state, frames)


def _frames(error: BaseException) -> Iterator[FrameType]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def _is_sqlalchemy(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith("sqlalchemy.")


def _is_foreign(state: State, frames: list[FrameType]) -> bool:
    """Tell whether the traceback shows a connection or an engine that is not of the application."""
    dialects = [dialect for frame in frames if (dialect := _dialect(frame)) is not None]
    own = [engine.dialect for engine in state.engines.values()]
    return bool(dialects) and not any(dialect is mine for dialect in dialects for mine in own)


def _dialect(frame: FrameType) -> Any:
    if frame.f_globals.get("__name__") != "sqlalchemy.engine.base":
        return None
    return getattr(frame.f_locals.get("self"), "dialect", None)
