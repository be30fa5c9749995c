"""Predictions held against what really deleting does: outcome, rows that go, rows that lose, rows that block."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import sqlalchemy as sa
from sqlalchemy.orm import Mapper, RelationshipDirection, RelationshipProperty, Session

from diag_rules.deletion import Blocker, DeletionRules, Outcome, Verdict
from diag_rules.deletion._blockers import Held
from diag_rules.deletion._catalog import read_catalog
from diag_rules.deletion._judge import Known
from diag_rules.deletion._schema import Schema
from diag_rules.deletion._verdict import How, Reason
from diag_rules.deletion._world import Row
from rules.deletion._graphs import SPARE, Graph, Key, build, drop, graph, spare_kinds
from rules.deletion._mappings import mapping, subjects
from rules.deletion._truths import Truth, delete_object, delete_row

Delete = Callable[[Sequence[str]], Truth]
EAGER = ("joined", "selectin", "subquery", "immediate")
Place = tuple[str, int, str]  # table, id, column


@dataclass
class Tally:
    """What a run over many graphs has come to.

    Attributes:
        judged: subjects, of all graphs.
        counted: those that counting decided, which are played as well.
        cleared: blocked subjects whose blockers were cleared, all and all but each one.
        uncleared: blocked subjects whose blockers no reassignment clears.
        loaded: relationships whose loading was tried.
        endless: graphs that were given up, since their mapping loads without end.
        reasons: why verdicts were uncertain.
        wrong: every difference, with the seed.
    """

    graphs: int = 0
    seconds: float = 0.0
    judged: int = 0
    counted: int = 0
    blocked: int = 0
    uncertain: int = 0
    cleared: int = 0
    uncleared: int = 0
    loaded: int = 0
    endless: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """The counts, on one line."""
        return (
            f"{self.graphs} graphs in {self.seconds:.0f} s, {self.judged} judged ({self.counted} by counting), {self.blocked} blocked, {self.uncertain} uncertain,"
            f" {self.cleared} cleared, {self.uncleared} that no reference clears, {self.loaded} loadings,"
            f" {self.endless} given up, {len(self.wrong)} wrong"
        )


def compare(engine: sa.Engine, seeds: Iterable[int], how: How) -> Tally:
    """Judge and really delete every row of the graphs of those seeds."""
    tally, start = Tally(), time.perf_counter()
    for seed in seeds:
        tally.graphs += 1
        found = graph(seed, engine.dialect.name)
        with built(engine, found, spares=True):
            each = _by_orm(engine, found) if how is How.ORM else _by_sql(engine, found)
            for subject in each:
                if not _Comparison(engine, found, subject, tally).run():
                    tally.endless += 1  # so are the others, and each takes its time
                    break
    tally.seconds = time.perf_counter() - start
    return tally


@dataclass(frozen=True)
class Case:
    """One subject, the way to judge it, and the way to delete it.

    Attributes:
        sparing: relationships that are nulled only where the session holds their target.
        following: references along which the deletion goes on, so that another value leads elsewhere.
        leading: references to what is deleted by which their row is, too, so that with another value it stays, and so does what it holds.
        open_: chance has a part in the order of a flush.
    """

    rules: DeletionRules
    how: How
    table: str
    key: int
    delete: Delete
    clears: bool = True  # rows that block can be told
    passive: Mapping[str, Callable[[Session], object]] = field(default_factory=dict)
    load: Callable[[Callable[[Session], object]], Truth] | None = None
    sparing: AbstractSet[str] = frozenset()
    following: AbstractSet[tuple[str, str]] = frozenset()
    leading: AbstractSet[tuple[str, str]] = frozenset()
    open_: bool = False


def _by_sql(engine: sa.Engine, found: Graph) -> Iterator[Case]:
    schema = read(engine)
    for table in found.tables:
        rules = knowing(schema, engine, DeletionRules(reflected(table)))
        for row in found.rows[table]:
            yield Case(rules, How.SQL, table, row["id"], _deleting_row(engine, found, table, row["id"]))


def _deleting_row(engine: sa.Engine, found: Graph, table: str, key: int) -> Delete:
    return lambda before: delete_row(engine, found, table, key, before)


def _by_orm(engine: sa.Engine, found: Graph) -> Iterator[Case]:
    classes = mapping(found, random.Random(found.seed))
    passive, clears, sparing = loadable(classes), clearable(classes), met_by_chance(classes)
    following, leading = cascading(classes), cascading(classes, RelationshipDirection.ONETOMANY)
    open_ = any(prop.post_update for prop in relationships(classes))
    schema = read(engine)
    for table, cls, keys in subjects(found, classes):
        rules = knowing(schema, engine, DeletionRules(cls))
        for key in keys:
            yield Case(
                rules,
                How.ORM,
                table,
                key,
                _deleting_object(engine, found, cls, key),
                clears,
                passive,
                _loading(engine, found, cls, key),
                sparing,
                following,
                leading,
                open_,
            )
    sa.orm.class_mapper(next(iter(classes.values()))).registry.dispose()


def _deleting_object(engine: sa.Engine, found: Graph, cls: type, key: int) -> Delete:
    return lambda before: delete_object(engine, found, cls, key, before)


def _loading(
    engine: sa.Engine, found: Graph, cls: type, key: int
) -> Callable[[Callable[[Session], object]], Truth]:
    return lambda load: delete_object(engine, found, cls, key, load=load)


@contextmanager
def built(engine: sa.Engine, found: Graph, *, spares: bool = False) -> Iterator[Graph]:
    """The graph in the database, for this block; *spares* as `build` takes it."""
    with engine.connect() as connection:
        try:
            build(connection, found, spares=spares)
            yield found
        finally:
            drop(connection, found)


def read(engine: sa.Engine) -> Schema:
    """The schema that the graph's database has."""
    with engine.connect() as connection:
        return read_catalog(connection)


def knowing(schema: Schema, engine: sa.Engine, rules: DeletionRules) -> DeletionRules:
    """*rules* as they are once they have read *schema*: one reading serves all subjects of a graph."""
    rules._catalogs._found[engine] = Known(schema)
    return rules


def reflected(table: str) -> sa.Table:
    """The table by its key alone: the rest is the catalogs' to tell."""
    return sa.Table(table, sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))


def clearable(classes: Mapping[str, type]) -> bool:
    """False where a scalar stands for any of several rows, or post_update refuses what a delete cascade takes along."""
    props = relationships(classes)
    scalars = any(
        not prop.uselist and prop.direction is not RelationshipDirection.MANYTOONE for prop in props
    )
    return not scalars and not any(prop.post_update and prop.cascade.delete for prop in props)


def loadable(classes: Mapping[str, type]) -> Mapping[str, Callable[[Session], object]]:
    """How to load each passive relationship; none where eager loading would load more than that."""
    props = relationships(classes)
    if any(prop.lazy in EAGER for prop in props):
        return {}
    passive = [prop for prop in props if prop.passive_deletes and prop.lazy == "select" and not prop.viewonly]
    return {f"{prop.parent.class_.__name__}.{prop.key}": _loader(prop) for prop in passive}


def met_by_chance(classes: Mapping[str, type]) -> AbstractSet[str]:
    """The relationships that post_update nulls only where their target is in the session."""
    props = (prop for prop in relationships(classes) if prop.direction is RelationshipDirection.MANYTOONE)
    return {f"{prop.parent.class_.__name__}.{prop.key}" for prop in props if prop.post_update}


def cascading(
    classes: Mapping[str, type], direction: RelationshipDirection = RelationshipDirection.MANYTOONE
) -> AbstractSet[tuple[str, str]]:
    """The table and column of each reference along which, or against which, the ORM goes on to delete."""
    props = (prop for prop in relationships(classes) if prop.direction is direction and prop.cascade.delete)
    return {
        (column.table.name, column.name)
        for prop in props
        for _, column in prop.synchronize_pairs
        if isinstance(column.table, sa.Table)
    }


def relationships(classes: Mapping[str, type]) -> set[RelationshipProperty[Any]]:
    """Those of all classes and their subclasses."""
    tops: list[Mapper[Any]] = [sa.inspect(cls) for cls in classes.values()]
    return {prop for top in tops for mapper in top.self_and_descendants for prop in mapper.relationships}


def _loader(prop: RelationshipProperty[Any]) -> Callable[[Session], object]:
    cls: Any = prop.parent.class_

    def load(session: Session) -> object:
        held = session.scalars(sa.select(cls).where(cls.id < SPARE)).all()
        return held, [getattr(each, prop.key) for each in held]

    return load


@dataclass
class _Comparison:
    """One subject: what was said, and what came true."""

    engine: sa.Engine
    found: Graph
    case: Case
    tally: Tally

    def run(self) -> bool:
        """Judge, delete, and note each difference; False where eager loading never ends: there is no object to delete."""
        verdict, played, held = self._judged()
        truth = self.case.delete(())
        if _endless(truth):
            return False
        self.tally.judged += 1
        self.tally.blocked += truth.error is not None
        if played is not None:
            self.tally.counted += 1
            self._alike(verdict, played)
        if verdict.outcome is Outcome.UNCERTAIN:
            self.tally.uncertain += 1
            self.tally.reasons.update(verdict.uncertain_because)
        elif self._came_true(verdict, truth):
            if truth.error is not None:
                self._clear(verdict, held)
            return self._load(verdict, truth)
        return True

    def _wrong(self, what: str, *shown: object) -> None:
        place = f"seed {self.found.seed} on {self.found.dialect}: {self.case.table} {self.case.key} {self.case.how}"
        self.tally.wrong.append(f"{place}: {what}: {' / '.join(map(str, shown))}")

    def _judged(self) -> tuple[Verdict, Verdict | None, Sequence[Held]]:
        """The verdict; the one by playing, where the first was counted; the rows that block."""
        rules, key, how = self.case.rules, self.case.key, self.case.how
        with self.engine.connect() as connection, plays(rules) as last:
            verdict = rules.check(connection, key, how)
            if last:
                return verdict, None, last[0][1]
            played, held = rules.play(connection, (key,), how)
            return verdict, played, held

    def _alike(self, verdict: Verdict, played: Verdict) -> None:
        """Counting, where it decides, says the same as playing."""
        if verdict.outcome is not played.outcome or blockers(verdict) != blockers(played):
            self._wrong("counted otherwise than played", verdict, played)
        elif verdict.deletable and (gone(verdict), lost(verdict)) != (gone(played), lost(played)):
            self._wrong("effects counted otherwise than played", verdict, played)
        elif verdict.depends_on_loaded != played.depends_on_loaded:
            self._wrong("loaded counted otherwise than played", verdict, played)

    def _came_true(self, verdict: Verdict, truth: Truth) -> bool:
        """Outcome, named constraint, rows that went and rows that lost are those of the real deletion."""
        if (verdict.outcome is Outcome.BLOCKED) != (truth.error is not None):
            self._wrong(f"said {verdict.outcome}", truth, verdict)
            return False
        named = {key.name for key in self.found.keys if f'"{key.name}"' in str(truth.error)}
        told = {blocker.constraint for blocker in (*verdict.blockers, *verdict.clear_first)}
        if not named <= told and not self.case.open_:
            self._wrong("the named constraint is missing", truth, verdict)
        if truth.error is None and gone(verdict) != truth.gone:
            self._wrong("other rows went", truth, verdict)
        if truth.error is None and lost(verdict) != truth.lost:
            self._wrong("other rows lost", truth, verdict)
        return True

    # what must be cleared

    def _clear(self, verdict: Verdict, held: Sequence[Held]) -> None:
        """Without what blocks the deletion passes; with any one of it left, it does not."""
        places = self._clearing(held) if self.case.clears else None
        if places is None:
            self.tally.uncleared += 1
            return
        self.tally.cleared += 1
        clearing, alone = places
        truth = self.case.delete(list(clearing.values()))
        if truth.error is not None:
            given_up = _endless(truth) or _written_before(truth)
            if not given_up and not self._uncertain_after(list(clearing.values())):
                self._wrong("still blocked when cleared", truth, verdict, list(clearing))
            return
        for place in alone if len(clearing) > 1 else ():
            rest = [sql for other, sql in clearing.items() if other != place]
            if self.case.delete(rest).error is None and not self._uncertain_after(rest):
                self._wrong("passes without clearing", place, verdict, list(clearing))

    def _uncertain_after(self, statements: Sequence[str]) -> bool:
        """True where chance decides about what is left: of two refusals a flush may meet either."""
        rules, key, how = self.case.rules, self.case.key, self.case.how
        with self.engine.connect() as connection:
            if self.found.dialect == "sqlite":
                connection.exec_driver_sql("BEGIN")
            for sql in statements:
                connection.exec_driver_sql(sql)
            outcome = rules.check(connection, key, how).outcome
            connection.rollback()
        return outcome is Outcome.UNCERTAIN

    def _clearing(self, held: Sequence[Held]) -> tuple[dict[Place, str], list[Place]] | None:
        """By blocking reference, the UPDATE that lets go of it, and those of them that nothing else lets go of.

        Of a row that breaks a constraint over several references, any one may be enough; where a row is no longer deleted,
        what it holds no longer counts. None where one can't be told.
        """
        clearing: dict[Place, str] = {}
        several: set[Place] = set()
        for item in held:
            for row in item.rows:
                keys = self._holding(item.blocker, row)
                if not keys or self._of_mapping(item.blocker, row):
                    return None
                for key in keys:
                    sql = self._let_go(key, row.values["id"])
                    if sql is None or (key.child, key.column) in self.case.following:
                        return None
                    place = key.child, row.values["id"], key.column
                    clearing[place] = sql
                    if len(keys) > 1:
                        several.add(place)
        led = any((table, column) in self.case.leading for table, _, column in clearing)
        tables = {table for table, _, _ in clearing}
        moves = (
            self.found.dialect == "postgresql"
        )  # what is cleared goes behind its table's other rows, and so in another order
        moved = moves and any(key.child == key.parent and key.child in tables for key in self.found.keys)
        return clearing, [] if led or moved else [place for place in clearing if place not in several]

    def _of_mapping(self, blocker: Blocker, row: Row) -> bool:
        """True where no row is in the way but the mapping, or its post_update of a row that goes, whatever it refers to."""
        own = (row.home, row.values["id"]) == (self.case.table, self.case.key)
        itself = (own and blocker.relationship is not None) or blocker.relationship in self.case.sparing
        return blocker.reason is Reason.ORM or itself

    def _holding(self, blocker: Blocker, row: Row) -> list[Key]:
        """The foreign keys of a blocking row that its blocker names and that refer to something."""
        values = next((each for each in self.found.rows[row.home] if each["id"] == row.values["id"]), {})
        return [
            key
            for key in self.found.keys_of(row.home)
            if key.column in blocker.columns and key.column != "id" and values.get(key.column) is not None
        ]

    def _let_go(self, key: Key, identity: int) -> str | None:
        """Refer to the spare row instead; to nothing, where references are unique."""
        mine = [
            each for each in self.found.constraints if each.table == key.child and key.column in each.columns
        ]
        if self.case.how is How.ORM and key.parent not in spare_kinds(self.found, key.parent):
            return None  # the spare row is an object of another subclass
        value = f"'u{SPARE}'" if key.target == "u" else str(SPARE)
        if any(each.unique and not each.index for each in mine):
            if key.not_null or len(mine) > 1 or "NULLS NOT" in mine[0].sql:
                return None
            value = "NULL"
        if value == "NULL" and key.full:
            return f"UPDATE {key.child} SET {key.column} = NULL, {key.tenant} = NULL WHERE id = {identity}"
        return f"UPDATE {key.child} SET {key.column} = {value} WHERE id = {identity}"

    # what loading changes

    def _load(self, verdict: Verdict, truth: Truth) -> bool:
        """Loading a passive relationship turns the outcome exactly where the verdict says so; False where it never ends."""
        for name, load in self.case.passive.items():
            if self.case.load is not None:
                loaded = self.case.load(load)
                if _endless(loaded):
                    return False
                turned = (loaded.error is None) != (truth.error is None)
                self.tally.loaded += 1
                if "CircularDependency" in str(loaded.error):
                    continue  # a row that refers to itself: what is loaded changes the order alone
                if turned and not self.case.sparing.isdisjoint(verdict.depends_on_loaded):
                    continue  # the objects themselves are what turned it
                if not turned and self.case.open_:
                    continue  # it turns by chance
                told = name in verdict.depends_on_loaded
                if turned and not told and "lazy='raise'" in str(loaded.error):
                    continue  # so do they here: a flush looks at a many-to-one once its object is in the session
                if turned != told:
                    self._wrong(f"loading {name}", loaded, truth, verdict)
        return True


def _endless(truth: Truth) -> bool:
    return str(truth.error).startswith("RecursionError")


def _written_before(truth: Truth) -> bool:
    """True where PostgreSQL checked a row as a whole since clearing had written it in the same transaction."""
    return "ForeignKeyViolation) insert or update" in str(truth.error)


@contextmanager
def plays(rules: DeletionRules) -> Iterator[list[tuple[Verdict, tuple[Held, ...]]]]:
    """What playing has come to in this block, if a check played."""
    found: list[tuple[Verdict, tuple[Held, ...]]] = []
    play = rules._judge.play

    def keep(*arguments: Any) -> tuple[Verdict, tuple[Held, ...]]:
        found.append(play(*arguments))
        return found[-1]

    with mock.patch.object(rules._judge, "play", keep):
        yield found


def blockers(verdict: Verdict) -> set[tuple[str, tuple[str, ...], str | None, int]]:
    """What blocks, by count."""
    return {(item.table, item.columns, item.constraint, item.count) for item in verdict.blockers}


def gone(verdict: Verdict) -> Counter[str]:
    """The rows that go, by table."""
    found: Counter[str] = Counter()
    for effect in verdict.deleted:
        found[effect.table] += effect.count
    return found


def lost(verdict: Verdict) -> Counter[tuple[str, str]]:
    """The rows that lose, by table and column."""
    found: Counter[tuple[str, str]] = Counter()
    for effect in verdict.detached:
        for column in effect.columns:
            found[effect.table, column] += effect.count
    return found
