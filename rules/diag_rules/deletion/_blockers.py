"""Turn what a trial showed into blockers and effects, in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ._hints import BlockerFacts, describe
from ._policy import DeletionPolicy
from ._policy_bind import Clause
from ._schema import ForeignKey, Schema
from ._simulate import Violation
from ._tables import Source, among, source
from ._trial import Trial
from ._verdict import Blocker, Effect, Reason
from ._world import Row

BEFORE_SQL = (Reason.PRIMARY_KEY, Reason.ORM)
Below = tuple[
    str, Mapping[str, tuple[str, ...]]
]  # the subject's table, and the path to each of those below it


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that block by the same constraint for the same reason."""

    table: str
    columns: tuple[str, ...]
    constraint: str | None
    reason: Reason
    relationship: str | None


@dataclass(slots=True)
class Members:
    """The rows of a group, and how the first was reached."""

    rows: dict[Row, None] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    fk: ForeignKey | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom hints speak of."""

    name: str
    key: Any
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Held:
    """A blocker and its rows."""

    blocker: Blocker
    rows: Sequence[Row]


class Describer:
    """Writes blockers for one schema and policy."""

    def __init__(
        self,
        connection: sa.Connection,
        schema: Schema,
        policy: DeletionPolicy | None,
        typed: Callable[[str], Mapping[str, Any]],
    ) -> None:
        self._connection = connection
        self._schema = schema
        self._policy = policy
        self._typed = typed

    def blockers(
        self, trial: Trial, subject: Subject, cap: int | None, below: Below | None = None
    ) -> tuple[Held, ...]:
        """Every blocker with its rows, those that must be cleared first before the others.

        *below* says where rows that were not the subject's own lie.
        """
        groups = _grouped(trial.violations, below or (trial.rows[0].home, {}))
        after = clearing_order(self._schema, groups)
        found: list[Held] = []
        for group in sorted(groups, key=lambda group: after[group].place):
            found += self._of_group(group, groups[group], after[group].first, subject, cap)
        return tuple(found)

    def _of_group(
        self, group: Group, members: Members, first: tuple[str, ...], subject: Subject, cap: int | None
    ) -> Iterable[Held]:
        for clause, rows in self._by_clause(group, list(members.rows)):
            facts = facts_of(
                self._schema,
                group,
                fk=members.fk,
                count=len(rows),
                cap=cap,
                path=members.path,
                subject=subject,
            )
            yield Held(blocker(facts, clause, first), rows)

    def _by_clause(self, group: Group, rows: Sequence[Row]) -> list[tuple[Clause | None, Sequence[Row]]]:
        """The rows by the first clause of the policy that speaks of them; None for the rest."""
        clauses = self._policy.clauses(group.table, group.columns, group.constraint) if self._policy else ()
        if not clauses or not self._schema.tables[group.table].readable:
            return [(None, rows)]
        if clauses[0].node is None or all(not row.values for row in rows):
            return [(clauses[0], rows)]
        chosen: dict[int, list[Row]] = defaultdict(list)
        for row, place in self._chosen(group.table, clauses, rows):
            chosen[place].append(row)
        return [(clause, chosen[place]) for place, clause in enumerate([*clauses, None]) if place in chosen]

    def _chosen(
        self, table: str, clauses: Sequence[Clause], rows: Sequence[Row]
    ) -> Iterator[tuple[Row, int]]:
        """Each row with the place of its clause; the number of clauses where none meets it."""
        src = source(self._schema, table)
        clause = typed_clause(src, self._typed(table))
        which = first_clause(clauses, clause)
        columns = [clause.c[name] for name in src.identity]
        known = {row.identity: row for row in rows}
        keys = list(known)
        for start in range(0, len(keys), 400):
            inner = _identified(src, keys[start : start + 400])
            on = sa.and_(*(column == inner.c[column.name] for column in columns))
            select = sa.select(which, *(inner.c[column.name] for column in columns))
            for place, *identity in self._connection.execute(select.select_from(clause.join(inner, on))):
                yield known[tuple(identity)], place


def typed_clause(src: Source, types: Mapping[str, Any]) -> sa.TableClause:
    """The table with the types of its mapping, for conditions."""
    names = dict.fromkeys((*src.table.columns, *src.identity))
    columns = (sa.column(name, types.get(name)) for name in names)
    return sa.table(src.table.name, *columns, schema=src.table.schema)


def first_clause(clauses: Sequence[Clause], table: sa.FromClause) -> sa.ColumnElement[int]:
    """Which of *clauses* a row of *table* meets first, by place; their number where it meets none."""
    whens: list[tuple[sa.ColumnElement[bool], int]] = []
    for place, item in enumerate(clauses):
        condition = item.condition(table)
        if condition is None:
            return sa.case(*whens, else_=place)
        whens.append((condition, place))
    return sa.case(*whens, else_=len(clauses))


def _identified(src: Source, keys: Sequence[tuple[Any, ...]]) -> sa.Subquery:
    plain = src.clause()
    where = among(plain, src.identity, keys)
    return sa.select(*(plain.c[name] for name in src.identity)).where(where).subquery("chosen")


def facts_of(  # noqa: PLR0913 - each is a fact of its own, by keyword
    schema: Schema,
    group: Group,
    *,
    fk: ForeignKey | None,
    count: int,
    cap: int | None,
    path: tuple[str, ...],
    subject: Subject,
) -> BlockerFacts:
    """What the words about *count* blocking rows of a group rest on; no more than *cap* of them are told."""
    shown = count if cap is None else min(count, cap)
    return BlockerFacts(
        table=group.table,
        columns=group.columns,
        constraint=group.constraint,
        count=shown,
        reason=group.reason,
        path=path,
        subject=subject.name,
        key=subject.key,
        relationship=group.relationship,
        ondelete=_ondelete(schema, group, fk),
        values=subject.values,
        capped=shown < count,
        broken=fk.broken if fk is not None else None,
    )


def _ondelete(schema: Schema, group: Group, fk: ForeignKey | None) -> str | None:
    """The action of the foreign key, or of the one over the same columns where a relationship is what blocks."""
    if fk is not None:
        return str(fk.ondelete)
    table = schema.tables.get(group.table)
    keys = [key for key in table.foreign_keys if set(key.columns) == set(group.columns)] if table else []
    return str(keys[0].ondelete) if keys else None


def blocker(facts: BlockerFacts, clause: Clause | None, first: tuple[str, ...] = ()) -> Blocker:
    """The blocker of those facts, in the words of the policy's clause or of the schema."""
    words = describe(facts, clause)
    return Blocker(
        table=facts.table,
        constraint=facts.constraint,
        columns=facts.columns,
        count=facts.count,
        reason=facts.reason,
        hint=words.hint,
        remedy=words.remedy,
        relation=words.relation,
        path=facts.path,
        relationship=facts.relationship,
        capped=facts.capped,
        clear_after=first,
        advice=words.advice,
        from_schema=words.from_schema,
    )


def _told_once(violations: Iterable[Violation]) -> Iterator[Violation]:
    """Without the foreign keys of rows that the ORM itself stumbles over by the same columns: it stops before those."""
    every = list(violations)
    first: dict[Row, list[set[str]]] = defaultdict(list)
    for item in every:
        if item.reason in BEFORE_SQL:
            first[item.row].append(set(item.columns))
    for item in every:
        again = item.reason is Reason.FOREIGN_KEY and set(item.columns) in first.get(item.row, ())
        if not again:
            yield item


def _grouped(violations: Iterable[Violation], below: Below) -> dict[Group, Members]:
    found: dict[Group, Members] = {}
    for item in _told_once(violations):
        group = Group(item.row.home, item.columns, item.constraint, item.reason, item.relationship)
        members = found.setdefault(group, Members(path=_path(item, *below), fk=item.fk))
        members.rows[item.row] = None
    return found


def _path(violation: Violation, root: str, paths: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The tables from the subject to the row that blocks; *paths* are those to rows that are removed before it."""
    found = [violation.row.home]
    at = violation.parent if violation.parent is not None else violation.row.cause
    seen: set[int] = set()
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        found.append(at.home)
        at = at.cause
    start = paths.get(found[-1])
    if start is not None:
        return (*start, *reversed(found[:-1]))
    if found[-1] != root:
        found.append(root)
    return tuple(reversed(found))


@dataclass(frozen=True, slots=True)
class Turn:
    """When a blocker can be cleared."""

    place: int
    first: tuple[str, ...]


def clearing_order(schema: Schema, groups: Mapping[Group, object]) -> dict[Group, Turn]:
    """A blocker whose own rows are held by another blocker's waits for that one; on a cycle nobody waits."""
    tables = list(dict.fromkeys(group.table for group in groups))
    holds = {
        table: {other for other in tables if other != table and _holds(schema, other, table)}
        for table in tables
    }
    order: list[str] = []
    while len(order) < len(tables):
        ready = [table for table in tables if table not in order and not holds[table] - set(order)]
        order.append(ready[0] if ready else next(table for table in tables if table not in order))
    return {
        group: Turn(
            order.index(group.table),
            tuple(table for table in order[: order.index(group.table)] if table in holds[group.table]),
        )
        for group in groups
    }


def _holds(schema: Schema, child: str, parent: str) -> bool:
    return any(fk.table == child and fk.enforced and fk.ondelete.refuses for fk in schema.children_of(parent))


def deleted_effects(trial: Trial, cap: int | None) -> tuple[Effect, ...]:
    """What goes, the subject's own rows first."""
    counts = dict.fromkeys((row.home for row in trial.rows), 0)
    for row in trial.deleted:
        counts[row.home] = counts.get(row.home, 0) + 1
    return tuple(_effect(table, count, (), cap) for table, count in counts.items() if count)


def detached_effects(trial: Trial, cap: int | None) -> tuple[Effect, ...]:
    """What loses a reference."""
    counts: dict[tuple[str, tuple[str, ...]], int] = defaultdict(int)
    for row, columns in trial.changed.items():
        counts[row.home, columns] += 1
    return tuple(_effect(table, count, columns, cap) for (table, columns), count in counts.items())


def _effect(table: str, count: int, columns: tuple[str, ...], cap: int | None) -> Effect:
    shown = count if cap is None else min(count, cap)
    return Effect(table=table, count=shown, columns=columns, capped=shown < count)
