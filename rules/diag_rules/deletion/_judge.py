"""From a key to a verdict: by counting where that decides, else by playing the deletion."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapper

from ._blockers import Describer, Held, Subject, deleted_effects, detached_effects
from ._count import Counts, CountStatement, Words
from ._orm_steps import locate
from ._plan import NoPlan, Plan, plan
from ._policy import DeletionPolicy
from ._probe import Unsure
from ._refused import UnknownSubject
from ._schema import Schema
from ._switches import OFF, read_switches
from ._trial import Trials
from ._triggers import trusted
from ._verdict import Blocker, How, Outcome, Reason, Verdict
from ._verdict_of_counts import Counted, counted_blockers, counted_effects, turning, undecided

Key = tuple[Any, ...]


@dataclass(slots=True)
class Known:
    """What was read of one database, and the statements made for it.

    Attributes:
        version: SQLite's schema version when it was read, or None before the first count.
    """

    schema: Schema
    version: int | None = None
    statements: dict[tuple[How, bool], tuple[Plan, CountStatement] | None] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    judged: Schema | None = None

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
        self._name = name
        self._tables = tables
        self._mapper = mapper
        self._policy = policy
        self._model = model

    def judge(self, connection: sa.Connection, known: Known, key: Key, how: How, cap: int | None) -> Verdict:
        """The verdict. Raises UnknownSubject, Stale."""
        counted = self._count(connection, known, key, how, cap)
        return counted if counted is not None else self.play(connection, known, key, how, cap)[0]

    # by counting

    def _count(
        self, connection: sa.Connection, known: Known, key: Key, how: How, cap: int | None
    ) -> Verdict | None:
        prepared = self._prepared(known, how, capped=cap is not None)
        if prepared is None:
            return None
        planned, statement = prepared
        counts = statement.run(connection, key, cap)
        if counts is None:
            raise UnknownSubject(self._name, shown(key))
        self._compare(known, counts)
        if undecided(known.by(self._policy), planned, counts):
            return None
        return self._verdict_of(Counted(known.by(self._policy), planned, statement, counts), key, how, cap)

    def _compare(self, known: Known, counts: Counts) -> None:
        if known.version is None:
            known.version = counts.version
        elif known.version != counts.version:
            raise Stale

    def _prepared(self, known: Known, how: How, *, capped: bool) -> tuple[Plan, CountStatement] | None:
        with known.lock:
            if (how, capped) not in known.statements:
                known.statements[how, capped] = self._prepare(known.by(self._policy), how, capped=capped)
            return known.statements[how, capped]

    def _prepare(self, schema: Schema, how: How, *, capped: bool) -> tuple[Plan, CountStatement] | None:
        if len(self._tables) > 1 or (self._mapper is not None and self._mapper.polymorphic_on is not None):
            return None
        try:
            table = locate(schema, self._tables[0])
            found = plan(schema, table, self._mapper, how)
        except (NoPlan, Unsure):
            return None
        mapped = {column.name for column in self._tables[0].columns}
        above = {up for term in found.terms if term.edge.above is None for up, _ in term.edge.pairs}
        if not above <= mapped:
            return None
        return found, CountStatement(
            schema, found, self._tables[0], Words(self._policy, self.types), capped=capped
        )

    def _verdict_of(self, counted: Counted, key: Key, how: How, cap: int | None) -> Verdict:
        root = locate(counted.schema, self._tables[0]).key
        subject = Subject(self._name, shown(key), counted.counts.values)
        blockers = counted_blockers(counted, subject, root, cap)
        rules, warnings = self._business(counted.counts.rules, subject)
        blockers = (*blockers, *rules)
        deleted, detached = counted_effects(counted.plan, counted.counts, root, cap)
        return Verdict(
            subject=self._name,
            key=subject.key,
            how=how,
            outcome=Outcome.BLOCKED if blockers else Outcome.DELETABLE,
            blockers=blockers,
            deleted=deleted,
            detached=detached,
            warnings=warnings,
            depends_on_loaded=turning(counted.plan, counted.counts),
        )

    # by playing

    def play(
        self, connection: sa.Connection, known: Known, key: Key, how: How, cap: int | None = None
    ) -> tuple[Verdict, tuple[Held, ...]]:
        """The verdict, and the blockers with their rows. Raises UnknownSubject."""
        switches = read_switches(connection)
        trial = Trials(connection, known.by(self._policy), self._tables, self._mapper, switches).run(how, key)
        if not trial.rows:
            raise UnknownSubject(self._name, shown(key))
        subject = Subject(self._name, shown(key), self._values(connection, key))
        held = Describer(connection, known.by(self._policy), self._policy, self.types).blockers(
            trial, subject, cap
        )
        rules, warnings = self._business(self._ask_rules(connection, key), subject)
        blockers = (*(item.blocker for item in held), *rules)
        doubts = tuple(dict.fromkeys(trial.doubts))
        verdict = Verdict(
            subject=self._name,
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
        if self._policy is None or not self._policy.subject_columns:
            return {}
        table = self._tables[0]
        names = sorted(self._policy.subject_columns)
        columns = [next(column for column in table.columns if column.name == name) for name in names]
        row = connection.execute(sa.select(*columns).where(is_key(table, key))).first()
        return dict(zip(names, row, strict=True)) if row is not None else {}

    def _ask_rules(self, connection: sa.Connection, key: Key) -> list[tuple[bool, int]]:
        table = self._tables[0]
        wanted: list[sa.ColumnElement[Any]] = []
        for rule in self._policy.rules if self._policy is not None else ():
            wanted += [sa.case((rule.condition(table), 1), else_=0), rule.count(table)]
        if not wanted:
            return []
        row = connection.execute(sa.select(*wanted).where(is_key(table, key))).one()
        return [(bool(applies), count) for applies, count in zip(row[::2], row[1::2], strict=True)]

    def _business(
        self, answers: Sequence[tuple[bool, int]], subject: Subject
    ) -> tuple[tuple[Blocker, ...], tuple[str, ...]]:
        """What the rules of the business say of the subject: blockers and warnings."""
        blockers: list[Blocker] = []
        warnings: list[str] = []
        rules = self._policy.rules if self._policy is not None else ()
        for rule, (applies, count) in zip(rules, answers, strict=True):
            if applies:
                words = rule.describe(count, subject.key, subject.values)
                table = rule.entry.over or self._tables[0].name
                if rule.blocks:
                    blockers.append(_rule_blocker(rule.name, table, count, words))
                else:
                    warnings.append(words.hint)
        return tuple(blockers), tuple(warnings)


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
