"""From a key to a verdict: by counting where that decides, else by playing the deletion."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapper

from ._blockers import Describer, Held, Subject, deleted_effects, detached_effects
from ._count import Counts, CountStatement, Words
from ._holding import Holders, Removed, behind, may_be_held, removing
from ._listeners import Listeners
from ._orm_objects import locate
from ._plan import Edge, Meaning, NoPlan, Plan, plan
from ._policy import DeletionPolicy
from ._probe import Unsure
from ._refused import UnknownSubject
from ._schema import Schema
from ._switches import OFF, Switches, read_switches
from ._trial import Trials
from ._triggers import trusted
from ._verdict import Blocker, Effect, How, Outcome, Reason, Verdict
from ._verdict_of_counts import Decision, Place

if TYPE_CHECKING:
    from ._scan_statement import ScanStatement
    from ._scan_verdicts import Writer

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """One way of deleting, ready to be counted: the plan, its statement, and what its counts mean.

    Attributes:
        holdable: rows that block and could themselves be held by others, and where their count stands.
    """

    planned: Plan
    statement: CountStatement
    decision: Decision
    holdable: Sequence[tuple[int, Edge]]


@dataclass(slots=True)
class Known:
    """What was read of one database, and the statements made for it.

    Attributes:
        version: SQLite's schema version when it was read, or None before the first count.
        read_at: when it was read, in seconds of the monotonic clock.
    """

    schema: Schema
    version: int | None = None
    read_at: float = field(default_factory=time.monotonic)
    statements: dict[tuple[How, bool], Prepared | None] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    judged: Schema | None = None
    scans: dict[How, ScanStatement] = field(default_factory=dict)
    writers: dict[tuple[How, int | None], Writer] = field(default_factory=dict)

    def by(self, policy: DeletionPolicy | None) -> Schema:
        """The schema as the policy lets it be judged: without the triggers that it calls harmless."""
        if self.judged is None:
            self.judged = trusted(self.schema, policy)
        return self.judged


class Stale(Exception):
    """The database's schema is another than the one that was read."""


class Judge:
    """Judges the subjects of one mapped class or table."""

    def __init__(
        self,
        name: str,
        tables: Sequence[sa.Table],
        mapper: Mapper[Any] | None,
        policy: DeletionPolicy | None,
        model: Schema,
    ) -> None:
        self.name = name
        self.tables = tables
        self._mapper = mapper
        self.policy = policy
        self._model = model
        self._listeners = Listeners(policy)

    def plan(self, known: Known, how: How) -> Plan | None:
        """The plan of *how*, or None where counting can't decide."""
        prepared = self._prepared(known, how, capped=False)
        return prepared.planned if prepared is not None else None

    def judge(self, connection: sa.Connection, known: Known, key: Key, how: How, cap: int | None) -> Verdict:
        """The verdict. Raises UnknownSubject, Stale."""
        counted = self._count(connection, known, key, how, cap)
        if counted is not None:
            return counted
        verdict, held = self.play(connection, known, key, how, cap)
        first = self.behind(connection, known, key, held, cap)
        return replace(verdict, clear_first=tuple(item.blocker for item in first)) if first else verdict

    # by counting

    def _count(
        self, connection: sa.Connection, known: Known, key: Key, how: How, cap: int | None
    ) -> Verdict | None:
        prepared = self._prepared(known, how, capped=cap is not None)
        if prepared is None:
            return None
        counts = prepared.statement.run(connection, key, cap)
        if counts is None:
            raise UnknownSubject(self.name, shown(key))
        self._compare(known, counts)
        if prepared.decision.undecided(counts):
            return None
        verdict = self._verdict_of(prepared.decision, counts, key, how)
        edges = [edge for place, edge in prepared.holdable if counts.numbers[place]]
        if not edges:
            return verdict
        return replace(verdict, clear_first=self._first(connection, known, key, edges, verdict, cap))

    def _compare(self, known: Known, counts: Counts) -> None:
        if known.version is None:
            known.version = counts.version
        elif known.version != counts.version:
            raise Stale

    def _prepared(self, known: Known, how: How, *, capped: bool) -> Prepared | None:
        wanted = (how, capped)
        if wanted not in known.statements:
            with known.lock:
                if wanted not in known.statements:
                    known.statements[wanted] = self._prepare(known.by(self.policy), how, capped=capped)
        return known.statements[wanted]

    def _prepare(self, schema: Schema, how: How, *, capped: bool) -> Prepared | None:
        found = self._plan(schema, how)
        if found is None:
            return None
        root = self.tables[0]
        statement = CountStatement(schema, found, root, Words(self.policy, self.types), capped=capped)
        place = Place(schema, locate(schema, root).key, self.name)
        decision = Decision(place, found, statement.places, statement.clauses)
        return Prepared(found, statement, decision, _holdable(schema, found, statement))

    def _plan(self, schema: Schema, how: How) -> Plan | None:
        if len(self.tables) > 1 or (self._mapper is not None and self._mapper.polymorphic_on is not None):
            return None
        try:
            table = locate(schema, self.tables[0])
            found = plan(schema, table, self._mapper, how, self._listeners)
        except (NoPlan, Unsure):
            return None
        mapped = {column.name for column in self.tables[0].columns}
        above = {up for term in found.terms if term.edge.above is None for up, _ in term.edge.pairs}
        return found if above <= mapped else None

    def _verdict_of(self, decision: Decision, counts: Counts, key: Key, how: How) -> Verdict:
        subject = Subject(self.name, shown(key), counts.values)
        rules, warnings = self.business(counts.rules, subject) if counts.rules else ((), ())
        blockers = (*decision.blockers(counts, subject), *rules)
        deleted, detached = decision.effects(counts)
        return Verdict(
            subject=self.name,
            key=subject.key,
            how=how,
            outcome=Outcome.BLOCKED if blockers else Outcome.DELETABLE,
            blockers=blockers,
            deleted=deleted,
            detached=detached,
            warnings=warnings,
            depends_on_loaded=decision.turning(counts),
        )

    # what holds the blockers

    def behind(
        self, connection: sa.Connection, known: Known, key: Key, held: Sequence[Held], cap: int | None = None
    ) -> tuple[Held, ...]:
        """What must be cleared before the blockers in *held*, in the order in which it can be."""
        if not any(may_be_held(known.by(self.policy), item.blocker.table) for item in held):
            return ()
        subject = Subject(self.name, shown(key), self._values(connection, key))
        return self._holders(connection, known).behind(held, subject, self._table(known), cap)

    def removal(
        self, connection: sa.Connection, known: Known, parts: Sequence[tuple[str, Sequence[Key]]]
    ) -> tuple[Effect, ...]:
        """What a DELETE of these rows by table takes along, those rows first. Raises Unsure."""
        trials = Trials(connection, known.by(self.policy), (), None, read_switches(connection))
        trial = trials.remove(parts)
        return (*deleted_effects(trial, None), *detached_effects(trial, None))

    def _first(  # noqa: PLR0913, PLR0917 - what one more reading needs
        self,
        connection: sa.Connection,
        known: Known,
        key: Key,
        edges: Sequence[Edge],
        verdict: Verdict,
        cap: int | None,
    ) -> tuple[Blocker, ...]:
        """The same for blockers that were counted: their rows are read now."""
        root, schema = self.tables[0], known.by(self.policy)
        going = {blocker.table for blocker in verdict.blockers if removing(blocker)}
        removed = [
            Removed(
                edge.table,
                [tuple(row) for row in connection.execute(behind(schema, edge, root, key))],
                (self._table(known), *edge.path),
            )
            for edge in edges
            if edge.table in going
        ]
        subject = Subject(self.name, shown(key), self._values(connection, key))
        found = self._holders(connection, known).before(removed, subject, self._table(known), cap)
        return tuple(item.blocker for item in found)

    def _holders(self, connection: sa.Connection, known: Known) -> Holders:
        return Holders(connection, known.by(self.policy), self.policy, self.types, read_switches(connection))

    def _table(self, known: Known) -> str:
        """The subject's table in the schema."""
        return locate(known.by(self.policy), self.tables[0]).key

    # by playing

    def play(
        self, connection: sa.Connection, known: Known, key: Key, how: How, cap: int | None = None
    ) -> tuple[Verdict, tuple[Held, ...]]:
        """The verdict, and the blockers with their rows. Raises UnknownSubject."""
        switches = read_switches(connection)
        trials = Trials(connection, known.by(self.policy), self.tables, self._mapper, switches)
        return self._played(connection, known, key, how, cap, switches, trials)

    def play_each(
        self, connection: sa.Connection, known: Known, keys: Sequence[Key], how: How, cap: int | None
    ) -> Iterator[Verdict]:
        """The verdicts of all *keys* in turn, from one reading of their rows; a key without a subject has none."""
        switches = read_switches(connection)
        trials = self._read(connection, known, keys, switches)
        for key in keys:
            try:
                if trials is None:
                    yield self.play(connection, known, key, how, cap)[0]
                else:
                    yield self._played(connection, known, key, how, cap, switches, trials)[0]
            except UnknownSubject:
                continue

    def _read(
        self, connection: sa.Connection, known: Known, keys: Sequence[Key], switches: Switches
    ) -> Trials | None:
        """The rows of all *keys*, or None where those are too many for one world."""
        trials = Trials(connection, known.by(self.policy), self.tables, self._mapper, switches)
        try:
            trials.read(keys)
        except Unsure:
            return None
        return trials

    def _played(  # noqa: PLR0913, PLR0917 - what one trial needs
        self,
        connection: sa.Connection,
        known: Known,
        key: Key,
        how: How,
        cap: int | None,
        switches: Switches,
        trials: Trials,
    ) -> tuple[Verdict, tuple[Held, ...]]:
        trial = trials.run(how, key, self._listeners)
        if not trial.rows:
            raise UnknownSubject(self.name, shown(key))
        subject = Subject(self.name, shown(key), self._values(connection, key))
        held = Describer(connection, known.by(self.policy), self.policy, self.types).blockers(
            trial, subject, cap
        )
        rules, warnings = self.business(self._ask_rules(connection, key), subject)
        blockers = (*(item.blocker for item in held), *rules)
        doubts = tuple(dict.fromkeys(trial.doubts))
        verdict = Verdict(
            subject=self.name,
            key=subject.key,
            how=how,
            outcome=_outcome(blockers, doubts),
            blockers=blockers,
            uncertain_because=doubts,
            deleted=deleted_effects(trial, cap),
            detached=detached_effects(trial, cap),
            warnings=warnings if switches.enforced else (*warnings, OFF),
            depends_on_loaded=tuple(trial.depends_on_loaded),
        )
        return verdict, held

    # the policy

    def types(self, table: str) -> Mapping[str, Any]:
        """The types that the mapping gives to the columns of a table of the database."""
        for key, found in self._model.tables.items():
            if key == table or key.rpartition(".")[2] == table or key == table.rpartition(".")[2]:
                return {name: column.type for name, column in found.columns.items()}
        return {}

    def _values(self, connection: sa.Connection, key: Key) -> Mapping[str, Any]:
        """The subject's columns that the policy's words name."""
        if self.policy is None or not self.policy.subject_columns:
            return {}
        table = self.tables[0]
        names = sorted(self.policy.subject_columns)
        columns = [next(column for column in table.columns if column.name == name) for name in names]
        row = connection.execute(sa.select(*columns).where(is_key(table, key))).first()
        return dict(zip(names, row, strict=True)) if row is not None else {}

    def _ask_rules(self, connection: sa.Connection, key: Key) -> list[tuple[bool, int]]:
        table = self.tables[0]
        wanted: list[sa.ColumnElement[Any]] = []
        for rule in self.policy.rules if self.policy is not None else ():
            wanted += [sa.case((rule.condition(table), 1), else_=0), rule.count(table)]
        if not wanted:
            return []
        row = connection.execute(sa.select(*wanted).where(is_key(table, key))).one()
        return [(bool(applies), count) for applies, count in zip(row[::2], row[1::2], strict=True)]

    def business(
        self, answers: Sequence[tuple[bool, int]], subject: Subject
    ) -> tuple[tuple[Blocker, ...], tuple[str, ...]]:
        """What the rules of the business say of the subject: blockers and warnings."""
        blockers: list[Blocker] = []
        warnings: list[str] = []
        rules = self.policy.rules if self.policy is not None else ()
        for rule, (applies, count) in zip(rules, answers, strict=True):
            if applies:
                words = rule.describe(count, subject.key, subject.values)
                table = rule.entry.over or self.tables[0].name
                if rule.blocks:
                    blockers.append(_rule_blocker(rule.name, table, count, words))
                else:
                    warnings.append(words.hint)
        return tuple(blockers), tuple(warnings)


def _holdable(schema: Schema, planned: Plan, statement: CountStatement) -> Sequence[tuple[int, Edge]]:
    blocking = (term.edge for term in planned.terms if term.meaning is Meaning.BLOCKS)
    return [
        (statement.places[edge, None], edge)
        for edge in dict.fromkeys(blocking)
        if may_be_held(schema, edge.table)
    ]


def is_key(table: sa.Table, key: Key) -> sa.ColumnElement[bool]:
    """The condition that a row of *table* has this primary key."""
    columns = table.primary_key.columns
    return sa.and_(*(column == value for column, value in zip(columns, key, strict=True)))


def shown(key: Key) -> Any:
    """The key as callers gave it: a scalar where it has one part."""
    return key[0] if len(key) == 1 else key


def _outcome(blockers: tuple[Blocker, ...], doubts: tuple[str, ...]) -> Outcome:
    if doubts:
        return Outcome.UNCERTAIN
    return Outcome.BLOCKED if blockers else Outcome.DELETABLE


def _rule_blocker(name: str, table: str, count: int, words: Any) -> Blocker:
    return Blocker(
        table=table,
        constraint=name,
        columns=(),
        count=count,
        reason=Reason.RULE,
        hint=words.hint,
        remedy=words.remedy,
        relation=words.relation,
    )
