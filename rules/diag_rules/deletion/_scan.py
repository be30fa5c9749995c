"""The scan: every subject that cannot be deleted, or of which it can't be known, in key order.

One statement counts for all subjects at once what `check` counts for one; its rows are read as they come and merged by
key. Only subjects that counting can't decide are played, in batches. Of a schema that has no plan, all are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, cast

import sqlalchemy as sa

from ._count import Words
from ._judge import Judge, Known, shown
from ._plan import Plan
from ._scan_rows import Part, stream
from ._scan_snapshot import Clock, snapshot
from ._scan_statement import Bounds, ScanStatement
from ._scan_sums import summed
from ._scan_totals import ScanSummary, rule_of
from ._scan_verdicts import Doubt, Writer
from ._switches import read_switches
from ._verdict import How, Outcome, Verdict

Key = tuple[Any, ...]
WAITING = 2_000  # verdicts that are held back until those before them are played
BATCH = 50  # subjects that are played from one reading: their rows must fit into one world


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a scan is asked for.

    Attributes:
        after: only subjects whose key comes after this one, or None.
        until: only those up to this one, itself included, or None.
        timeout: seconds for one statement, or None.
        rules: only subjects that one of these rules blocks; all, where it is empty.
    """

    how: How
    after: Key | None = None
    until: Key | None = None
    timeout: float | None = None
    cap: int | None = None
    rules: frozenset[str] = frozenset()

    def ends(self) -> dict[str, bool]:
        """Which ends the range has."""
        return {"after": self.after is not None, "until": self.until is not None}

    def values(self) -> dict[str, Any]:
        """The parameters of a statement over the range."""
        found: dict[str, Any] = {}
        for name, key in (("after", self.after), ("until", self.until)):
            found.update({f"{name}_{place}": value for place, value in enumerate(key or ())})
        return found


class Scanner:
    """Scans the subjects of one mapped class or table."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def scan(self, connection: sa.Connection, catalog: Any, wanted: Wanted) -> Iterator[Verdict]:
        """The verdicts. Raises ScanTimeout."""
        with snapshot(connection, self._judge.name, wanted.timeout) as clock:
            known: Known = catalog(connection)
            found = self._verdicts(connection, known, wanted, clock)
            if not wanted.rules:
                yield from found
                return
            for verdict in found:
                if not wanted.rules.isdisjoint(map(rule_of, verdict.blockers)):
                    yield verdict

    def totals(self, connection: sa.Connection, catalog: Any, wanted: Wanted, *, oldest: bool) -> ScanSummary:
        """The sums, by the database. Raises ScanTimeout."""
        with snapshot(connection, self._judge.name, wanted.timeout) as clock:
            known: Known = catalog(connection)
            found = self._plan(connection, known, wanted, clock)
            if found is None:
                count = self._count(connection, wanted)
                return ScanSummary(subject=self._judge.name, how=wanted.how, uncertain=count, played=True)
            statement = self._statement(known, wanted.how, found)
            return summed(connection, statement, self._judge.name, wanted, oldest=oldest)

    def count(self, connection: sa.Connection, wanted: Wanted) -> int:
        """How many subjects the range has. Raises ScanTimeout."""
        with snapshot(connection, self._judge.name, wanted.timeout):
            return self._count(connection, wanted)

    def _count(self, connection: sa.Connection, wanted: Wanted) -> int:
        every = self._every_select(connection, wanted).order_by(None).subquery()
        return connection.scalar(sa.select(sa.func.count()).select_from(every), wanted.values()) or 0

    def _plan(self, connection: sa.Connection, known: Known, wanted: Wanted, clock: Clock) -> Plan | None:
        switches = clock.switches or read_switches(connection)
        return self._judge.plan(known, wanted.how) if switches.enforced and not switches.deferred else None

    def _verdicts(
        self, connection: sa.Connection, known: Known, wanted: Wanted, clock: Clock
    ) -> Iterator[Verdict]:
        found = self._plan(connection, known, wanted, clock)
        if found is None:
            return self._played(connection, known, wanted, self._every(connection, wanted, clock))
        statement = self._statement(known, wanted.how, found)
        select = statement.select(**wanted.ends())
        if select is None:
            return iter(())
        parts = stream(connection, select, wanted.values(), clock)
        verdicts = self._writer(known, wanted, found, statement).verdicts(parts)
        if not statement.doubtful:
            return cast("Iterator[Verdict]", verdicts)
        return settled(verdicts, lambda keys: self._played(connection, known, wanted, keys))

    @property
    def _root(self) -> sa.Table:
        return self._judge.tables[0]

    def _statement(self, known: Known, how: How, plan: Plan) -> ScanStatement:
        with known.lock:
            if how not in known.scans:
                words = Words(self._judge.policy, self._judge.types)
                known.scans[how] = ScanStatement(known.by(self._judge.policy), plan, self._root, words)
            return known.scans[how]

    def _writer(self, known: Known, wanted: Wanted, plan: Plan, statement: ScanStatement) -> Writer:
        with known.lock:
            if (wanted.how, wanted.cap) not in known.writers:
                writer = Writer(self._judge, known, plan, statement, wanted.how, wanted.cap)
                known.writers[wanted.how, wanted.cap] = writer
            return known.writers[wanted.how, wanted.cap]

    # what counting can't decide

    def _every(self, connection: sa.Connection, wanted: Wanted, clock: Clock) -> Iterator[Key]:
        parts: Iterator[Part] = stream(
            connection, self._every_select(connection, wanted), wanted.values(), clock
        )
        for part in parts:
            yield from (tuple(row) for row in part)

    def _every_select(self, connection: sa.Connection, wanted: Wanted) -> sa.Select[Any]:
        """Every subject of the range, a subclass's by its own table."""
        columns = list(self._judge.tables[-1].primary_key.columns)
        bounds = Bounds(columns, connection.dialect.name, **wanted.ends())
        return sa.select(*columns).where(*bounds.of(columns)).order_by(*columns)

    def _played(
        self, connection: sa.Connection, known: Known, wanted: Wanted, keys: Iterable[Key]
    ) -> Iterator[Verdict]:
        """What counting can't decide, played in batches: one reading of the rows of many."""
        for batch in batched(keys):
            for verdict in self._judge.play_each(connection, known, batch, wanted.how, wanted.cap):
                if verdict.outcome is not Outcome.DELETABLE:
                    yield replace(verdict, deleted=(), detached=())


def settled(
    found: Iterator[Verdict | Doubt], play: Callable[[Sequence[Key]], Iterator[Verdict]]
) -> Iterator[Verdict]:
    """The verdicts in their order, those in doubt played in batches; what comes between two of those waits for them."""
    waiting: list[Verdict | Doubt] = []
    doubts: list[Key] = []
    for each in found:
        if type(each) is Doubt:
            doubts.append(each.key)
        elif not waiting:
            yield each  # type: ignore[misc] # no Doubt
            continue
        waiting.append(each)
        if len(doubts) == BATCH or len(waiting) == WAITING:
            yield from _flushed(waiting, doubts, play)
    yield from _flushed(waiting, doubts, play)


def _flushed(
    waiting: list[Verdict | Doubt], doubts: list[Key], play: Callable[[Sequence[Key]], Iterator[Verdict]]
) -> Iterator[Verdict]:
    played = {verdict.key: verdict for verdict in play(doubts)} if doubts else {}
    for each in waiting:
        verdict = played.get(shown(each.key)) if isinstance(each, Doubt) else each
        if verdict is not None:
            yield verdict
    waiting.clear()
    doubts.clear()


def batched(keys: Iterable[Key]) -> Iterator[list[Key]]:
    """The keys, `BATCH` at a time."""
    remaining = iter(keys)
    while batch := list(islice(remaining, BATCH)):
        yield batch
