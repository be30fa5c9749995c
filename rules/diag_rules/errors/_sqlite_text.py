"""Which error a SQLite text states: for result code 1, and for versions of Python that give no code."""

from __future__ import annotations

import re
from functools import lru_cache

from ._classification import Category
from ._decide import Decider, Found, read_only, turned
from ._kinds import Kind
from ._reading import Reading
from ._row import Row
from .tables.sqlite_texts import BEFORE_COLON, PATTERNS, WHOLE

_BY_CLASS = {
    # what each DBAPI class may mean: text never leads out of its class
    "IntegrityError": frozenset({"business_rule"}),
    "OperationalError": frozenset({"outage", "contention", "business_rule", "defect"}),
}


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[re.Pattern[str], Row]]:
    return [(re.compile(pattern, re.DOTALL), row) for pattern, row in PATTERNS]


def by_text(message: str) -> Row | None:
    """Return the row that SQLite's own *message* stands for, or None."""
    return _by_text(message) if len(message) <= _REMEMBERED else _by_text.__wrapped__(message)


_REMEMBERED = 1000  # characters: a longer text quotes a statement, and none of those comes twice


@lru_cache(maxsize=500)
def _by_text(message: str) -> Row | None:
    found = BEFORE_COLON.get(message.partition(": ")[0]) or WHOLE.get(message)
    if found is None:
        found = next((row for pattern, row in _patterns() if pattern.fullmatch(message)), None)
    return found


def judge(reading: Reading) -> tuple[Row, str] | None:
    """Return the row and the evidence of a *reading* without a code, or None where its text is unknown."""
    found = by_text(reading.message)
    allowed = _BY_CLASS.get(reading.name)
    if found is None or (allowed is not None and found.category.value not in allowed):
        return None
    return found, "text of SQLite, which gave no code"


_ERROR_EVIDENCE = "code SQLITE_ERROR; text of SQLite"


def _error(reading: Reading, found: Found) -> Found:
    """SQLITE_ERROR: everything in a statement; SQLite's fixed texts say what."""
    row = by_text(reading.message)
    if row is None:
        return found[0]._replace(
            kind=Kind.SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION
        ), f"{found[1]}; text not known"
    return row, _ERROR_EVIDENCE


def _constraint(reading: Reading, found: Found) -> Found:
    """SQLITE_CONSTRAINT without its extended code, from old versions: SQLite's fixed texts say which."""
    row = by_text(reading.message)
    if row is None or row.category is not Category.BUSINESS_RULE:
        return turned(found, "text not known", kind=Kind.RAISE_EXCEPTION)
    return row, f"{found[1]}; text of SQLite"


DECIDERS: dict[str | int, Decider] = {1: _error, 8: read_only, 19: _constraint}
"""SQLite's codes that mean several things."""
