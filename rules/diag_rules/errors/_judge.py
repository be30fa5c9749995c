"""From what one driver's exception says to a candidate: by code, then by flag, class and text."""

from __future__ import annotations

from typing import Any

from ._candidate import Candidate, Weight
from ._classification import Category
from ._kinds import Kind
from ._lookup import find
from ._reading import Reading
from ._row import row
from ._text import judge as judge_text

FOLLOWING = frozenset({"in_failed_sql_transaction", "pending_rollback", "invalid_savepoint_specification"})
"""Kinds that follow an earlier error; by their text, since hashing a member of an enumeration is slow."""
_UNKNOWN = row("", Kind.UNRECOGNISED)
_LOST = row("", Kind.CONNECTION_FAILURE)


def judged(reading: Reading, wrapper: Any = None) -> Candidate:
    """Return the answer that *reading* gives, inside SQLAlchemy's *wrapper* where there is one."""
    if wrapper is not None:
        reading.executing = getattr(wrapper, "statement", None) is not None
    found = find(reading)
    if found is not None:
        weight = Weight.WEAK if found[0].weak else Weight.STRONG
        if found[0].kind._value_ in FOLLOWING:
            weight = Weight.FOLLOW_UP
        return Candidate(weight, found[0], found[1], reading, wrapper)
    if reading.code is None and reading.sqlstate is None:
        return _without_code(reading, wrapper)
    code = reading.code if reading.code is not None else reading.sqlstate
    return Candidate(Weight.STRONG, _UNKNOWN, f"code {code}, which no table knows", reading, wrapper)


def _without_code(reading: Reading, wrapper: Any) -> Candidate:
    found = judge_text(reading)
    if getattr(wrapper, "connection_invalidated", False) is True and (
        found is None or found[0].category is Category.OUTAGE or found[0].weak
    ):
        kind, why = (
            (found[0], f"; {found[1]}") if found and found[0].category is Category.OUTAGE else (_LOST, "")
        )
        return Candidate(Weight.FLAG, kind, f"flag connection_invalidated{why}", reading, wrapper)
    if found is None:
        why = f"none: {reading.driver} gave no code, and {reading.name} says too little"
        return Candidate(Weight.FOLLOW_UP, _UNKNOWN, why, reading, wrapper)
    weight = Weight.WEAK if found[0].weak else Weight.SPECIFIC
    return Candidate(
        Weight.FOLLOW_UP if found[0].kind._value_ in FOLLOWING else weight,
        found[0],
        found[1],
        reading,
        wrapper,
    )
