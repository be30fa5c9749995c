"""From an exception to its `Classification`.

The order of evidence: SQLAlchemy's own types; the code of the most specific exception of the event; the flag
``connection_invalidated``; the class; an anchored text last. Text from a DETAIL or a value counts for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import _system
from ._classification import Category, Classification, Phase, Retry
from ._drivers import reader_of
from ._kinds import Kind
from ._links import Link, links
from ._lookup import find
from ._meanings import MEANINGS
from ._phase import phase_of
from ._reading import Reading
from ._row import Row, row
from ._text import judge

STRONG, SPECIFIC, FLAG, WEAK, FOLLOW_UP = 5, 4, 3, 2, 1

_LOST = frozenset(
    {
        Kind.CONNECTION_FAILURE, Kind.CONNECTION_DOES_NOT_EXIST, Kind.CONNECTION_EXCEPTION, Kind.ADMIN_SHUTDOWN,
        Kind.CRASH_SHUTDOWN, Kind.IDLE_SESSION_TIMEOUT, Kind.PROTOCOL_VIOLATION, Kind.NETWORK_UNREACHABLE,
        Kind.TRANSACTION_RESOLUTION_UNKNOWN,
    }
)  # fmt: skip
_FOLLOWING = frozenset({Kind.IN_FAILED_SQL_TRANSACTION, Kind.PENDING_ROLLBACK})
_WORST = (Category.OUTAGE, Category.DEFECT, Category.CONTENTION, Category.BUSINESS_RULE, Category.UNKNOWN)


@dataclass(slots=True)
class Candidate:
    """One possible answer, from one link of the chain."""

    rank: int
    row: Row
    why: str
    reading: Reading | None = None
    wrapper: Any = None


def classify(error: BaseException) -> Classification:
    """Return what *error* means.

    Total: never raises, whatever the exception, however it is wrapped; what nothing knows is ``unknown``.
    Imports no driver.
    """
    try:
        return _classify(error)
    except Exception as failure:  # noqa: BLE001 - a classifier that raises hides the error it was asked about
        return _unknown(f"none: classifying failed with {type(failure).__name__}")


def _unknown(evidence: str, reading: Reading | None = None) -> Classification:
    meaning = MEANINGS[Kind.UNRECOGNISED]
    return Classification(
        category=Category.UNKNOWN,
        kind=Kind.UNRECOGNISED,
        sqlstate=reading.sqlstate if reading else None,
        vendor_code=_vendor_code(reading) if reading else None,
        dialect=reading.family if reading else None,
        driver=reading.driver if reading else None,
        evidence=evidence,
        summary=meaning.summary,
        advice=meaning.advice,
    )


def _classify(error: BaseException) -> Classification:
    events = _events(links(error))
    if not events:
        return _unknown("none: no database exception in the chain")
    chosen = _choose(events, group=isinstance(error, BaseExceptionGroup))
    return _answer(chosen)


def _choose(events: list[list[Candidate]], *, group: bool) -> Candidate:
    """Return the answer: the best of the first event, or of the event behind it where that one is a follow-up."""
    best = [max(event, key=lambda candidate: candidate.rank) for event in events]
    if group:
        return min(best, key=lambda candidate: _WORST.index(candidate.row.category))
    return next((candidate for candidate in best if candidate.rank > FOLLOW_UP), best[0])


def _events(chain: list[Link]) -> list[list[Candidate]]:
    """Return the candidates of each event: what one failed call to the database left in the chain."""
    events: dict[int, list[Candidate]] = {}
    event_of: list[int] = []
    wrappers: list[Any] = []
    for index, (error, parent) in enumerate(chain):
        is_wrapper = _is_wrapper(error)
        inside = parent >= 0 and event_of[parent] >= 0 and not is_wrapper
        wrapper = error if is_wrapper else wrappers[parent] if inside else None
        candidate = _candidate(error, wrapper, chain[parent].error if parent >= 0 else None)
        event = event_of[parent] if inside else index if candidate or is_wrapper else -1
        event_of.append(event)
        wrappers.append(wrapper)
        if candidate is not None:
            events.setdefault(event, []).append(candidate)
    return list(events.values())


def _is_wrapper(error: BaseException) -> bool:
    return type(error).__module__ == "sqlalchemy.exc" and hasattr(error, "connection_invalidated")


def _candidate(error: BaseException, wrapper: Any, parent: BaseException | None) -> Candidate | None:
    known = reader_of(type(error))
    if known is None:
        return _system.candidate(error, wrapper, parent)
    reading = known[1](error, known[0])
    return None if reading is None else _judged(reading, wrapper)


def _judged(reading: Reading, wrapper: Any) -> Candidate:
    found = find(reading)
    if found is not None:
        rank = FOLLOW_UP if found[0].kind in _FOLLOWING else WEAK if found[0].weak else STRONG
        return Candidate(rank, found[0], found[1], reading, wrapper)
    if reading.code is None and reading.sqlstate is None:
        return _without_code(reading, wrapper)
    code = reading.code if reading.code is not None else reading.sqlstate
    return Candidate(STRONG, _UNKNOWN, f"code {code}, which no table knows", reading, wrapper)


_UNKNOWN = row("", Kind.UNRECOGNISED)
_LOST_ROW = row("", Kind.CONNECTION_FAILURE)


def _without_code(reading: Reading, wrapper: Any) -> Candidate:
    found = judge(reading)
    if found is not None and found[0].kind in _FOLLOWING:
        return Candidate(FOLLOW_UP, found[0], found[1], reading, wrapper)
    if getattr(wrapper, "connection_invalidated", False) is True:
        if found is not None and found[0].category is Category.OUTAGE:
            return Candidate(FLAG, found[0], f"flag connection_invalidated; {found[1]}", reading, wrapper)
        if found is None or found[0].kind is not Kind.DRIVER_MISUSE:
            return Candidate(FLAG, _LOST_ROW, "flag connection_invalidated", reading, wrapper)
    if found is not None:
        return Candidate(WEAK if found[0].weak else SPECIFIC, found[0], found[1], reading, wrapper)
    return Candidate(FOLLOW_UP, _UNKNOWN, f"none: {reading.driver} gave no code, and {reading.name} says too little",
                     reading, wrapper)  # fmt: skip


def _vendor_code(reading: Reading) -> int | str | None:
    return None if reading.family == "postgresql" else reading.code


def _answer(chosen: Candidate) -> Classification:
    found, reading, wrapper = chosen.row, chosen.reading, chosen.wrapper
    phase = phase_of(wrapper)
    retry = found.retry
    evidence = chosen.why
    if phase is Phase.COMMIT and found.kind in _LOST:
        retry = Retry.UNKNOWN_OUTCOME
        evidence = f"{evidence}; lost during COMMIT"
    if reading is None:
        return Classification(
            category=found.category, kind=found.kind, retry=retry, evidence=evidence,
            phase=Phase.CHECKOUT if found.kind is Kind.POOL_TIMEOUT else phase,
            summary=found.summary, advice=found.advice,
        )  # fmt: skip
    return Classification(
        category=found.category,
        kind=found.kind,
        sqlstate=reading.sqlstate,
        vendor_code=_vendor_code(reading),
        dialect=reading.family,
        driver=reading.driver,
        constraint=reading.constraint,
        table=reading.table,
        columns=reading.columns,
        referenced_table=reading.referenced_table,
        retry=retry,
        evidence=evidence,
        phase=phase,
        summary=found.summary,
        advice=found.advice,
    )
