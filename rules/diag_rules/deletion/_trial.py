"""One trial: the rows are read, the statements of one way of deleting are played, and what happened is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapper

from ._doubts import doubts
from ._listeners import Listeners
from ._load import Loader
from ._orm_objects import Objects, locate
from ._orm_steps import UnitOfWork
from ._probe import Unsure
from ._schema import Action, ForeignKey, Schema
from ._simulate import Delete, Result, Statement, Violation
from ._simulators import simulator
from ._switches import Switches
from ._triggers import directly, refused_first
from ._verdict import How, Reason
from ._world import Row

Key = tuple[Any, ...]
LIMIT = 20_000  # rows of one world: a few seconds, some tens of megabytes
LEFT_OPEN = "the order of statements that the mapping leaves open decides"

MET_AGAIN = "{} may be loaded by eager loading that meets its object again"
SEVERAL = "{} holds one row and meets several: which of them the ORM takes follows no order"
CHOICES = 8  # of rows that a scalar relationship may take, tried one after the other
Planned = tuple[UnitOfWork, list[Statement]]


@dataclass(slots=True)
class Trial:
    """What a trial showed.

    Attributes:
        rows: the subject's own rows; empty where there is no such subject.
        violations: one a row and constraint.
        deleted: rows that go, the subject's own first.
        changed: rows that lose a reference and stay, with the columns.
        doubts: why it may come otherwise.
        depends_on_loaded: relationships whose loading would turn the outcome.
    """

    rows: list[Row]
    violations: list[Violation] = field(default_factory=list)
    deleted: list[Row] = field(default_factory=list)
    changed: dict[Row, tuple[str, ...]] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    depends_on_loaded: list[str] = field(default_factory=list)


class Trials:
    """Trials of one subject on one connection."""

    def __init__(
        self,
        connection: sa.Connection,
        schema: Schema,
        tables: Sequence[sa.Table],
        mapper: Mapper[Any] | None,
        switches: Switches,
    ) -> None:
        self._schema = schema
        self._tables = tables
        self._mapper = mapper
        self._loader = Loader(connection, schema, LIMIT, enforced=switches.enforced)
        self._switches = switches

    def read(self, keys: Sequence[Key]) -> None:
        """Read what the deletions of all *keys* reach, so that `run` finds it. Raises Unsure where that is too much."""
        found: list[Row] = []
        for table in self._tables:
            names = [column.name for column in table.primary_key.columns]
            types = [column.type for column in table.primary_key.columns]
            found += self._loader.rows(locate(self._schema, table).key, names, keys, types)
        self._loader.follow(found)
        if self._schema.dialect == "sqlite":
            self._loader.mark_orphans(list(self._loader.world.rows.values()))

    def run(self, how: How, key: Key, listeners: Listeners | None = None) -> Trial:
        """Try the deletion of *key*; *listeners* are those that put it in doubt."""
        self._loader.world.reset()  # of what the trial before this one did
        rows = self._root(key)
        trial = Trial(rows=rows)
        if not trial.rows:
            return trial
        try:
            if how is How.SQL:
                self._run_sql(trial)
            else:
                self._run_orm(trial, key, listeners or Listeners())
        except Unsure as unsure:
            trial.doubts.append(str(unsure))
        return trial

    def remove(self, tables: Sequence[tuple[str, Sequence[Key]]]) -> Trial:
        """Try to delete rows, each table's by one statement, in that order. Raises Unsure."""
        parts = [self._loader.rows(key, self._loader.source(key).identity, keys) for key, keys in tables]
        every = [row for part in parts for row in part]
        self._loader.follow(every)
        self._seal()
        result = self._play([Delete(part) for part in parts if part])
        trial = Trial(rows=every)
        self._note(trial, result)
        return trial

    def _root(self, key: Key) -> list[Row]:
        """The subject's rows, those of a subclass's own table first."""
        found: list[Row] = []
        for table in reversed(self._tables):
            names = [column.name for column in table.primary_key.columns]
            types = [column.type for column in table.primary_key.columns]
            found += self._loader.rows(locate(self._schema, table).key, names, [key], types)
        if self._mapper is not None and self._mapper.polymorphic_on is not None:
            found = found if Objects(self._loader).exists(self._mapper, key) else []
        return found if len(found) >= len(self._tables) else []

    def _run_sql(self, trial: Trial) -> None:
        trial.violations += self._broken(trial.rows)
        self._loader.follow(trial.rows)
        statements: list[Statement] = [Delete([row]) for row in trial.rows]
        if len(self._tables) == 1:
            statements = [Delete(list(trial.rows))]
        self._seal()
        result = self._play(statements)
        self._keep(trial, statements, result, certain=refused_first(self._schema, statements, result))

    def _run_orm(self, trial: Trial, key: Key, listeners: Listeners) -> None:
        if self._mapper is None:
            raise TypeError("how='orm' needs a mapped class; a table can only be deleted by how='sql'.")
        plain = UnitOfWork(self._loader)
        plans = {"": (plain, plain.plan(self._mapper, key))}
        late_unit = plain.twin()
        plans["late"] = (late_unit, late_unit.plan(self._mapper, key, late=True))
        loaded = self._loaded(plain, self._mapper, key)
        choices = self._choices(plain, self._mapper, key)
        for unit, statements in (*plans.values(), *choices, *chain.from_iterable(loaded.values())):
            self._loader.follow(unit.rows())
            self._loader.follow_changes(
                (item.row, frozenset(item.columns)) for item in statements if not isinstance(item, Delete)
            )
        self._seal()
        last = self._play(plans["late"][1])
        trial.depends_on_loaded = self._turning(plans[""], loaded)
        alternatives = self._decides((plans[""], *choices)) if choices else False
        left_open = self._decides((plans[""], plans["late"]))
        again = [name for name in plain.met_again if self._decides((plans[""], *loaded[name]))]
        first = self._play(plans[""][1])
        if left_open:
            trial.doubts.append(LEFT_OPEN)
        trial.doubts += [MET_AGAIN.format(name) for name in again]
        if alternatives:
            trial.doubts.append(SEVERAL.format(", ".join(sorted(plain.several))))
        trial.violations += plain.failures
        trial.violations += self._broken(plain.rows())
        late = refused_first(self._schema, plans["late"][1], last)
        certain = late and refused_first(self._schema, plans[""][1], first)
        early = any(failure.early for failure in plain.failures)
        certain = certain or early
        if not early:
            passed, refused = _until_refused(plans[""][1], first, waits=self._switches.deferred)
            trial.doubts += listeners.doubts(plain.sent(passed), plain.sent(refused))
        self._keep(trial, plans[""][1], first, certain=certain)

    def _loaded(self, plain: UnitOfWork, mapper: Mapper[Any], key: Key) -> dict[str, list[Planned]]:
        """What the ORM would send if a passive relationship were loaded, by its name."""
        found: dict[str, list[Planned]] = {}
        for name in plain.passive:
            unit = UnitOfWork(self._loader, frozenset({name}))
            found[name] = [(unit, unit.plan(mapper, key))]
            if unit.leaves_open:
                late = unit.twin()
                found[name].append((late, late.plan(mapper, key, late=True)))
        return found

    def _choices(self, plain: UnitOfWork, mapper: Mapper[Any], key: Key) -> list[Planned]:
        """What the ORM would send if scalar relationships that meet several rows took another of them."""
        found: list[Planned] = []
        for choice in range(1, min(max(plain.several.values(), default=0), CHOICES)):
            other = UnitOfWork(self._loader, choice=choice)
            found.append((other, other.plan(mapper, key)))
        return found

    def _turning(self, plain: Planned, loaded: Mapping[str, Sequence[Planned]]) -> list[str]:
        """The relationships whose loading turns the outcome, if only by chance."""
        refused = self._refused(plain)
        return [
            name
            for name, found in loaded.items()
            if any(self._refused(each) is not refused for each in found)
        ]

    def _refused(self, planned: Planned) -> bool:
        unit, statements = planned
        return _blocked(self._play(statements), unit)

    def _decides(self, planned: Sequence[Planned]) -> bool:
        """True where it decides which of these comes: one passes, and another is refused or takes other rows along."""
        shapes, passes = [], False
        for unit, statements in planned:
            result = self._play(statements)  # the next one takes back what this one did to the rows
            shapes.append(_shape(result, unit))
            passes = passes or not _blocked(result, unit)
        return passes and any(shape != shapes[0] for shape in shapes)

    def _broken(self, rows: Sequence[Row]) -> list[Violation]:
        """Keys that fail every statement that could meet them, even without rows: SQLite's "foreign key mismatch"."""
        reached = [table for row in rows for table in self._schema.lineage(row.table)]
        for table in reached:
            cascades = (fk for fk in self._schema.children_of(table) if fk.ondelete is Action.CASCADE)
            reached += [fk.table for fk in cascades if fk.table not in reached]
        found: list[Violation] = []
        for fk in dict.fromkeys(self._met(reached)) if self._switches.enforced else ():
            if fk.broken:
                row = Row(fk.table, fk.table, (fk.name, fk.columns), 0)
                found.append(Violation(Reason.FOREIGN_KEY, row, fk.columns, fk.name, rows[0], fk))
        return found

    def _met(self, reached: Iterable[str]) -> Iterator[ForeignKey]:
        """The keys of tables whose rows may go, and those met by what is written where a reference is lost."""
        for table in reached:
            yield from self._schema.tables[table].foreign_keys
            for fk in self._schema.children_of(table):
                yield fk
                if fk.ondelete in (Action.SET_NULL, Action.SET_DEFAULT):
                    yield from self._schema.broken_by(fk.table, fk.touched)

    def _seal(self) -> None:
        if self._schema.dialect == "sqlite":
            self._loader.mark_orphans(list(self._loader.world.rows.values()))
        self._loader.world.sealed()

    def _play(self, statements: list[Statement]) -> Result:
        self._loader.world.reset()
        return simulator(self._schema.dialect)(self._loader.world).run(statements)

    def _keep(self, trial: Trial, statements: list[Statement], result: Result, *, certain: bool) -> None:
        self._note(trial, result)
        # SQLite's PRAGMA defer_foreign_keys lets even RESTRICT wait for COMMIT
        certain = certain and not self._switches.deferred
        roots = [key for row in trial.rows for key in self._schema.lineage(row.table)]
        trial.doubts += doubts(self._schema, roots, result, directly(statements), certain=certain)

    def _note(self, trial: Trial, result: Result) -> None:
        trial.violations += result.violations
        trial.deleted = result.deleted
        stuck = {violation.row for violation in result.violations}
        trial.changed = {row: self._written(row) for row in result.changed if row.alive and row not in stuck}

    def _written(self, row: Row) -> tuple[str, ...]:
        """The columns that were changed, in the order of the table, in which counting tells them too."""
        return tuple(name for name in self._schema.tables[row.table].columns if name in row.changes)


def _until_refused(
    statements: Sequence[Statement], result: Result, *, waits: bool
) -> tuple[Sequence[Statement], Sequence[Statement]]:
    """The statements that are sent and pass, and the one that is refused, where one is; *waits*: COMMIT refuses, not they."""
    for place, mark in enumerate(result.marks):
        if mark.violations and not waits:
            return statements[:place], statements[place : place + 1]
    return statements, ()


def _shape(result: Result, unit: UnitOfWork) -> tuple[Counter[Any], Counter[Any], Counter[Any]]:
    """What a verdict would count."""
    return (
        Counter((each.row.home, each.columns, each.reason) for each in (*result.violations, *unit.failures)),
        Counter(row.home for row in result.deleted),
        Counter((row.home, *sorted(row.changes)) for row in result.changed if row.alive),
    )


def _blocked(result: Result, unit: UnitOfWork) -> bool:
    return bool(result.violations or unit.failures)
