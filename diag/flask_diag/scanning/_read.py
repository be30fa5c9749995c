"""Read a scan on a connection of our own: all figures of it from one state of the database."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from diag_rules.deletion import DeletionRules, How, RuleTotal, ScanSummary, ScanTimeout, Verdict
from diag_rules.deletion._scan_snapshot import snapshot
from flask_diag._guard import quiet
from flask_diag._report import ways
from flask_diag._state import State, rules_in, subject_in
from flask_diag._verdicts import asked, usable

TIMEOUT = 300.0  # seconds a statement


class ScanFailed(Exception):
    """The application's database could not be scanned; its cause says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be scanned.

    Attributes:
        after: only subjects whose key comes after this one, or None.
        until: only those up to this one, itself included, or None.
        rules: only subjects that one of these blocks; all, where it is empty.
        timeout: seconds that one statement may take.
    """

    how: How
    after: Any = None
    until: Any = None
    rules: tuple[str, ...] = ()
    timeout: float = TIMEOUT

    @property
    def whole(self) -> bool:
        """True where nothing is left out."""
        return self.after is None and self.until is None and not self.rules


@dataclass(slots=True, kw_only=True)
class Reading:
    """A scan that is being read. Its verdicts can be read once, and are counted as they pass.

    Attributes:
        subjects: how many the range has.
        expected: about how many verdicts will come.
        sums: what the database says of the rules, the ages included; doubtful subjects are not in it.
    """

    subject: str
    how: How
    subjects: int
    expected: int
    sums: ScanSummary
    verdicts: Iterator[Verdict] = field(repr=False)
    _counted: ScanSummary = field(init=False)

    def __post_init__(self) -> None:
        self._counted = ScanSummary(subject=self.subject, how=self.how)
        self.verdicts = self._counting(self.verdicts)

    def summary(self) -> ScanSummary:
        """Return the sums of the verdicts that have passed, with the ages."""
        counted = self._counted
        rules = {
            name: RuleTotal(subjects=one.subjects, rows=one.rows, oldest=self.oldest.get(name))
            for name, one in counted.rules.items()
        }
        return ScanSummary(
            subject=self.subject,
            how=self.how,
            blocked=counted.blocked,
            uncertain=counted.uncertain,
            rules=rules,
            played=self.sums.played,
        )

    @property
    def oldest(self) -> Mapping[str, datetime]:
        """The oldest blocking row by rule, where that is known."""
        return {name: aware(one.oldest) for name, one in self.sums.rules.items() if one.oldest is not None}

    def _counting(self, verdicts: Iterator[Verdict]) -> Iterator[Verdict]:
        part: list[Verdict] = []
        for verdict in verdicts:
            part.append(verdict)
            yield verdict
            if len(part) >= 1_000:
                self._add(part)
                part = []
        self._add(part)

    def _add(self, part: list[Verdict]) -> None:
        self._counted += ScanSummary.of(self.subject, self.how, part)


def aware(moment: datetime | date) -> datetime:
    """Return *moment* with a time zone; one without is taken for UTC."""
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def default_way(state: State) -> How:
    """Return how the application deletes: by the ORM where the subject is mapped. Raises RuntimeError without a subject."""
    subject_in(state)
    return ways(state)[0]


@contextmanager
def reading(state: State, wanted: Asked) -> Iterator[Reading]:
    """Yield a scan of the application's subjects, and give the connection back at the end.

    Raises:
        ScanFailed: the database can't be asked, or not in time; also while the verdicts are read.
        ValueError: *after* or *until* can be no key.
        RuntimeError: the application named no subject.
    """
    stack = ExitStack()
    try:
        with _failing():
            found = _begun(stack, rules_in(state), state.engine(), wanted)
        yield found
    finally:
        with _failing():
            stack.close()


def _begun(stack: ExitStack, rules: DeletionRules, engine: Engine, wanted: Asked) -> Reading:
    connection = stack.enter_context(_connected(engine))
    stack.enter_context(snapshot(connection, rules.name, wanted.timeout))
    ends = {"after": wanted.after, "until": wanted.until, "timeout": wanted.timeout}
    subjects = rules.count(connection, **ends)
    sums = rules.totals(connection, wanted.how, **ends)
    verdicts = _reading(rules.scan(connection, wanted.how, rules=wanted.rules, **ends))
    stack.callback(verdicts.close)
    return Reading(
        subject=rules.name,
        how=wanted.how,
        subjects=subjects,
        expected=_expected(sums, wanted),
        sums=sums,
        verdicts=verdicts,
    )


def parts_of(state: State, count: int, timeout: float = TIMEOUT) -> tuple[tuple[Any, Any], ...]:
    """Share all keys out in at most *count* parts, as JSON can hold them. Raises ScanFailed, RuntimeError."""
    rules = rules_in(state)

    def ask() -> tuple[tuple[Any, Any], ...]:
        with _failing(), _connected(state.engine()) as connection:
            found = rules.key_ranges(connection, count, timeout=timeout)
        return tuple((portable(one.after), portable(one.until)) for one in found)

    return asked(ask, state.engine())


def portable(key: Any) -> Any:
    """Return a key as JSON can hold it; `DeletionRules` reads it again: text for what is neither number nor text."""
    if isinstance(key, tuple | list):
        return [portable(part) for part in key]
    return key if key is None or isinstance(key, int | str) else str(key)


def _expected(sums: ScanSummary, wanted: Asked) -> int:
    if not wanted.rules:
        return sums.blocked + sums.uncertain
    return sum(one.subjects for name, one in sums.rules.items() if name in wanted.rules) + sums.uncertain


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    """Yield a connection whose errors are not the application's."""
    with quiet(), usable(engine) as own, own.connect() as connection:
        yield connection


def _reading(verdicts: Iterator[Verdict]) -> Generator[Verdict, None, None]:
    with _failing():
        yield from verdicts


@contextmanager
def _failing() -> Iterator[None]:
    """Say of an error that it is of the application's database, and not of the store."""
    try:
        yield
    except (SQLAlchemyError, OSError, ScanTimeout) as error:
        raise ScanFailed(str(error) if isinstance(error, ScanTimeout) else type(error).__name__) from error
