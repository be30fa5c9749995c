"""From an exception to its `Classification`.

The order of evidence: SQLAlchemy's own types; the code of the most specific exception of the event; the flag
``connection_invalidated``; the class; an anchored text last. Text from a DETAIL or a value counts for nothing.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import exc

from ._answer import answer, made
from ._candidate import Candidate, Weight
from ._classification import Category, Classification, Phase
from ._drivers import Reader, reader_of
from ._judge import FOLLOWING, judged
from ._kinds import Kind
from ._links import Link, links
from ._lookup import find
from ._meanings import MEANINGS
from ._short import keep, kept, look_up
from ._unopened import mark_of

_WRAPPERS = frozenset(
    {
        exc.DBAPIError, exc.InterfaceError, exc.DatabaseError, exc.DataError, exc.OperationalError, exc.IntegrityError,
        exc.InternalError, exc.ProgrammingError, exc.NotSupportedError,
    }
)  # fmt: skip
_WORST = (Category.OUTAGE, Category.DEFECT, Category.CONTENTION, Category.BUSINESS_RULE, Category.UNKNOWN)


def classify(error: BaseException) -> Classification:
    """Return what *error* means.

    Total: never raises, whatever the exception, however it is wrapped; what nothing knows is ``unknown``.
    Imports no driver.
    """
    try:
        return _alone(error) or _unopened(error) or _among_others(error)
    except Exception as failure:  # noqa: BLE001 - a classifier that raises hides the error it was asked about
        return _unknown(f"none: classifying failed with {type(failure).__name__}")


def _unknown(evidence: str) -> Classification:
    meaning = MEANINGS[Kind.UNRECOGNISED]
    return Classification(
        category=Category.UNKNOWN,
        kind=Kind.UNRECOGNISED,
        evidence=evidence,
        summary=meaning.summary,
        advice=meaning.advice,
    )


def _alone(error: Any) -> Classification | None:
    """Return the answer for the commonest shape: SQLAlchemy's wrapper of one exception with a code, nothing behind it.

    The same answer as that of the whole walk, without the walk.
    """
    if type(error) not in _WRAPPERS or error.statement is None:
        return None
    orig = error.orig
    known = reader_of(type(orig))
    if known is None or orig.__cause__ is not None or orig.__context__ is not None or known[0] == "asyncpg":
        return None
    if error.__cause__ is not orig and not (error.__cause__ is None and error.__context__ is None):
        return None
    mark, answered = look_up(known[0], orig)
    if answered is None:
        answered = _read_alone(orig, known)
        if answered is not None and mark is not None:
            keep(mark, answered)
    return answered


def _read_alone(orig: Any, known: tuple[str, Reader]) -> Classification | None:
    reading = known[1](orig, known[0])
    if reading is None:
        return None
    reading.executing = True
    found = find(reading)
    if found is None or found[0].weak or found[0].kind._value_ in FOLLOWING:
        return None
    return made(found[0], found[1], reading, Phase.EXECUTE, found[0].retry)


def _unopened(error: Any) -> Classification | None:
    """Return the answer for a connection that could not be opened, kept for the next request that meets the same."""
    if type(error) not in _WRAPPERS or error.statement is not None:
        return None
    mark = mark_of(error)
    if mark is None:
        return None
    answered = kept(mark)
    if answered is None:
        answered = _among_others(error)
        keep(mark, answered)
    return answered


def _among_others(error: BaseException) -> Classification:
    events = _events(links(error))
    if not events:
        return _unknown("none: no database exception in the chain")
    return answer(_choose(events, group=isinstance(error, BaseExceptionGroup)), error)


def _choose(events: list[list[Candidate]], *, group: bool) -> Candidate:
    """Return the answer: the best of the first event, or of the one behind it where the first is a follow-up."""
    best = [_best(event) for event in events]
    if group:
        return min(best, key=lambda candidate: _WORST.index(candidate.row.category))
    first = best[0]
    if first.weight > Weight.FOLLOW_UP:
        return first
    cause = next((candidate for candidate in best[1:] if candidate.weight > Weight.FOLLOW_UP), None)
    if cause is None:
        known = (candidate for candidate in best if candidate.row.category is not Category.UNKNOWN)
        return next(known, first)
    if first.row.category is not Category.UNKNOWN:
        cause.why = f"{cause.why}; the cause of the follow-up {first.row.kind}"
    return cause


def _best(event: list[Candidate]) -> Candidate:
    """Return what weighs most; an error of the system takes the codes and names of the driver's error around it."""
    best = max(event, key=lambda candidate: candidate.weight)
    if best.reading is None:
        around = next((each for each in event if each.reading is not None), None)
        if around is not None:
            best.reading = around.reading
            best.why = (
                f"{around.why}; {best.why}" if around.row.category is not Category.UNKNOWN else best.why
            )
    return best


def _events(chain: list[Link]) -> list[list[Candidate]]:
    """Return the candidates of each event: what one failed call to the database left in the chain."""
    from ._surroundings import wraps  # loaded with the first error that is not alone

    events: dict[int, list[Candidate]] = {}
    event_of: list[int] = []
    wrappers: list[Any] = []
    for index, (error, parent) in enumerate(chain):
        wrapping = wraps(error)
        inside = parent >= 0 and event_of[parent] >= 0 and not wrapping
        wrapper = error if wrapping else wrappers[parent] if inside else None
        found = _candidate(error, wrapper, chain, parent)
        event = event_of[parent] if inside else index if found or wrapping else -1
        event_of.append(event)
        wrappers.append(wrapper)
        if found is not None:
            events.setdefault(event, []).append(found)
    return list(events.values())


def _candidate(error: BaseException, wrapper: Any, chain: list[Link], parent: int) -> Candidate | None:
    from ._surroundings import look

    known = reader_of(type(error))
    if known is None:
        return look(error, wrapper, chain[parent].error if parent >= 0 else None)
    reading = known[1](error, known[0])
    return None if reading is None else judged(reading, wrapper)
