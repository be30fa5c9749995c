"""From a reading to its row: the code's own row, else the row of its class."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any, TypeAlias

from ._decide import DECIDERS
from ._reading import Reading
from ._row import Row, Table

Found: TypeAlias = "tuple[Row, str]"

_registered: dict[tuple[str, str | int], Row] = {}


@lru_cache(maxsize=None)
def table_of(family: str) -> Any:
    """Return the module of a family's table; raises ImportError for a family that has none."""
    return import_module(f".tables.{family}", __package__)


@lru_cache(maxsize=None)
def _codes(family: str) -> Table:
    codes: Table = table_of(family).CODES
    return codes


def _sqlstate_class(sqlstate: str) -> Row | None:
    found: Row | None = table_of("postgresql").CLASSES.get(sqlstate[:2])
    return found


def _postgresql(reading: Reading) -> Found | None:
    sqlstate = reading.sqlstate
    if sqlstate is None:
        return None
    found = _codes("postgresql").get(sqlstate)
    if found is not None:
        return found, f"code {sqlstate}"
    found = _sqlstate_class(sqlstate)
    return (found, f"code {sqlstate}, by its class {sqlstate[:2]}") if found else None


def _sqlite(reading: Reading) -> Found | None:
    code = reading.code
    if not isinstance(code, int):
        return None
    found = _codes("sqlite").get(code)
    if found is not None:
        return found, f"code {found.symbol}"
    found = _codes("sqlite").get(code & 0xFF)
    return (found, f"code {code}, by its primary code {found.symbol}") if found else None


_FINDERS: dict[str, Callable[[Reading], Found | None]] = {"postgresql": _postgresql, "sqlite": _sqlite}


def find(reading: Reading) -> Found | None:
    """Return the row of the reading's code with the evidence, or None where it has no code that is known."""
    if _registered:
        for code in (reading.code, reading.sqlstate):
            mine = _registered.get((reading.family, code)) if code is not None else None
            if mine is not None:
                return mine, f"code {code}, registered"
    finder = _FINDERS.get(reading.family)
    found = finder(reading) if finder else None
    decide = DECIDERS.get((reading.family, found[0].code)) if found else None
    return decide(reading, found) if decide and found else found
