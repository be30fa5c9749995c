"""From a row and a reading to the `Classification`, kept for the next error that says the same."""

from __future__ import annotations

from . import _settings
from ._candidate import Candidate
from ._classification import Classification, Phase, Retry
from ._kinds import Kind
from ._phase import phase_of
from ._reading import Reading
from ._row import Row

_LOST = frozenset(
    {
        Kind.CONNECTION_FAILURE, Kind.CONNECTION_DOES_NOT_EXIST, Kind.CONNECTION_EXCEPTION, Kind.ADMIN_SHUTDOWN,
        Kind.CRASH_SHUTDOWN, Kind.IDLE_SESSION_TIMEOUT, Kind.PROTOCOL_VIOLATION, Kind.NETWORK_UNREACHABLE,
        Kind.TRANSACTION_RESOLUTION_UNKNOWN,
    }
)  # fmt: skip

_NOTHING = Reading("", "")
_kept: dict[tuple[object, ...], Classification] = {}
_generation = 0
_MOST = 1_000  # answers kept; an application has some dozens of constraints, and a scanner starts it over


def answer(chosen: Candidate, error: BaseException | None = None) -> Classification:
    """Return the classification that a candidate stands for, found in the chain of *error*."""
    phase = phase_of(chosen.wrapper, error)
    found, evidence, retry = chosen.row, chosen.why, chosen.row.retry
    if phase is Phase.COMMIT and found.kind in _LOST:
        retry, evidence = Retry.UNKNOWN_OUTCOME, f"{evidence}; lost during COMMIT"
    if found.kind is Kind.POOL_TIMEOUT:
        phase = Phase.CHECKOUT
    return made(found, evidence, chosen.reading or _NOTHING, phase, retry)


def made(found: Row, evidence: str, reading: Reading, phase: Phase | None, retry: Retry) -> Classification:
    """Return the classification, the same object as before where all of it is the same.

    It holds names of the schema and no values, so that what is kept stays small and private.
    """
    global _generation  # noqa: PLW0603 - the cache and the settings that it was filled under
    if _generation != _settings.generation:
        _kept.clear()
        _generation = _settings.generation
    # the evidence names the code and how it was decided, so that category and retry follow from it
    key = (
        evidence, found.kind._value_, reading.code, reading.driver, reading.family, reading.sqlstate, reading.constraint,
        reading.table, reading.columns, reading.referenced_table, phase and phase._value_,
    )  # fmt: skip
    kept = _kept.get(key)
    if kept is not None:
        return kept
    if len(_kept) >= _MOST:
        _kept.clear()
    new = _kept[key] = Classification(
        category=found.category,
        kind=found.kind,
        sqlstate=reading.sqlstate,
        vendor_code=_vendor_code(reading),
        dialect=reading.family or None,
        driver=reading.driver or None,
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
    return new


def forget() -> None:
    """Drop what is kept."""
    _kept.clear()


def _vendor_code(reading: Reading) -> int | str | None:
    if reading.family == "postgresql":
        return None
    if reading.family == "oracle" and isinstance(reading.code, int):
        return f"ORA-{reading.code:05}"
    return reading.code
