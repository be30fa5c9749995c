"""The static plan of one way of deleting: which rows to count for one subject, and what each count means.

Most subjects meet only simple situations, and those are decided by counting: rows that refuse, rows that go along, rows that
lose a reference. Where order, cycles, or constraints on changed rows could matter, the plan counts the rows that would
bring it about ("doubtful"); one such row, and the subject is judged by playing the deletion instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapper

from ._listeners import Listeners
from ._orm import Relation, Step, circles, relations
from ._orm_actions import name
from ._orm_objects import locate
from ._orm_order import Flush
from ._plan_keys import joined_by, looked_up_again, unique, watched
from ._schema import Action, ForeignKey, Schema, Table
from ._triggers import DIRECT_ONLY, firing, of_action
from ._verdict import How, Reason

DEEPEST = 12  # cascades below the subject that are counted; InnoDB's own limit, 14, is left to the simulation


@dataclass(frozen=True, slots=True)
class Edge:
    """Rows of *table* that refer to rows above: *pairs* of (column above, column here)."""

    table: str
    pairs: tuple[tuple[str, str], ...]
    above: Edge | None = None
    hashed: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # counts are looked up by edge at every check, and an edge holds all those above it
        object.__setattr__(self, "hashed", hash((self.table, self.pairs, self.above)))

    def __hash__(self) -> int:
        return self.hashed

    @property
    def depth(self) -> int:
        """How many tables lie between these rows and the subject's, these included."""
        return 1 + (self.above.depth if self.above is not None else 0)

    @property
    def path(self) -> tuple[str, ...]:
        """The tables below the subject's, down to this one."""
        return (*(self.above.path if self.above is not None else ()), self.table)


class Meaning(StrEnum):
    """What it means that an edge has rows."""

    BLOCKS = "blocks"
    GOES = "goes"
    LOSES = "loses"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True)
class Term:
    """One count, and what it means.

    Attributes:
        allowed: rows that may be there before a doubtful term is in doubt.
        allowed_as: the same, as many as that edge has rows: those who refer to a row that goes with them.
    """

    meaning: Meaning
    edge: Edge
    columns: tuple[str, ...] = ()
    constraint: str | None = None
    reason: Reason = Reason.FOREIGN_KEY
    relationship: str | None = None
    fk: ForeignKey | None = None
    allowed: int = 0
    allowed_as: Edge | None = None


class NoPlan(Exception):
    """Counting can't decide here, whatever the rows."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All terms of one way, and those of each relationship that would be loaded."""

    terms: tuple[Term, ...]
    variants: tuple[tuple[str, tuple[Term, ...]], ...] = ()


def plan(
    schema: Schema,
    table: Table,
    mapper: Mapper[Any] | None,
    how: How,
    listeners: Listeners | None = None,
) -> Plan:
    """The plan for the subjects in *table*. Raises NoPlan."""
    if how is How.SQL or mapper is None:
        return Plan(tuple(_Planner(schema, table.key).terms(None)))
    heard = listeners or Listeners()
    if heard.any(mapper, "DELETE"):
        raise NoPlan  # whatever the rows
    plain = _Planner(schema, table.key, listeners=heard)
    terms = tuple(plain.terms(mapper))
    found = ((name, _variant(plain, mapper, name) or (*terms, *plain.doubts(name))) for name in plain.passive)
    return Plan(terms, tuple(found))


def _variant(plain: _Planner, mapper: Mapper[Any], name: str) -> tuple[Term, ...]:
    """The terms where relationship *name* is loaded; none where those can't be planned, so that its rows are in doubt."""
    try:
        return tuple(plain.assuming(name).terms(mapper))
    except NoPlan:
        return ()


class _Planner:
    """Walks the cascades of one way once."""

    def __init__(
        self,
        schema: Schema,
        root: str,
        assumed: frozenset[str] = frozenset(),
        listeners: Listeners | None = None,
    ) -> None:
        self._schema = schema
        self._root = root
        self._assumed = assumed
        self._listeners = listeners or Listeners()
        self._going: dict[str, Edge | None] = {root: None}
        self._turned: dict[Edge, str] = {}  # by many-to-one, with the table above
        self.passive: dict[str, list[tuple[Relation, Edge | None, str]]] = {}

    def assuming(self, name: str) -> _Planner:
        """The same where relationship *name* is loaded."""
        return _Planner(self._schema, self._root, frozenset({name}), self._listeners)

    def doubts(self, name: str) -> list[Term]:
        """The rows of a passive relationship, at each place where it was met: without any, loading changes nothing.

        Raises NoPlan.
        """
        edges = [self._edge(item, above, key) for item, above, key in self.passive[name]]
        return [Term(Meaning.DOUBTFUL, edge) for edge in edges]

    def terms(self, mapper: Mapper[Any] | None) -> list[Term]:
        """Every term. The tables that go are found first, since what refers from one of those is in doubt."""
        root = self._schema.tables[self._root]
        self._check(root)
        if not root.removable or self._schema.caveats or any(firing(root, "DELETE")):
            raise NoPlan
        steps: list[tuple[Edge | None, str, Mapper[Any] | None]] = [(None, self._root, mapper)]
        found: list[Term] = []
        for above, key, mapped in steps:
            for term, below in self._around(above, key, mapped):
                found.append(term)
                if term.meaning is Meaning.GOES:
                    self._check(self._schema.tables[term.edge.table])
                    steps.append((term.edge, term.edge.table, below))
        self._check_raising(mapped for _, _, mapped in steps if mapped is not None)
        return [self._settled(term, found) for term in found]

    def _check(self, table: Table) -> None:
        """Raises NoPlan for a table whose rows can't be counted simply."""
        shared = table.partition_of or table.inherits or table.kind != "table"
        if shared or self._schema.descendants(table.key) or table.rls or not table.readable:
            raise NoPlan
        for fk in (*self._schema.children_of(table.key), *table.foreign_keys):
            below = self._schema.tables[fk.table]
            special = below.partition_of or below.inherits or below.kind != "table" or below.rls
            if fk.broken or special or not below.readable or self._schema.descendants(below.key):
                raise NoPlan
            if any(trigger.timing == "RULE" for trigger in below.triggers):
                raise NoPlan

    def _check_raising(self, deleted: Iterable[Mapper[Any]]) -> None:
        """Raises NoPlan where a many-to-one with lazy="raise" may be looked up: where classes go in a circle."""
        items = [item for mapper in dict.fromkeys(deleted) for item in relations(mapper)]
        raising = [item for item in items if item.raises and not item.deletes and not item.passive]
        if not raising:
            return
        cyclic = Flush.among(items).cyclic()
        if any(name(item.parent.base_mapper) in cyclic for item in raising):
            raise NoPlan

    def _around(
        self, above: Edge | None, key: str, mapper: Mapper[Any] | None
    ) -> Iterator[tuple[Term, Mapper[Any] | None]]:
        """The terms of one table that goes: what the ORM does about its rows, then what the database does."""
        covered: dict[str, list[frozenset[str]]] = {}
        for item in relations(mapper) if mapper is not None else ():
            if above in self._turned and self._returns(item, above):
                continue
            terms = list(self._of_relation(item, above, key))
            yield from terms
            for reached in {
                (term.edge.table, frozenset(here for _, here in term.edge.pairs)) for term, _ in terms
            }:
                if any(reached[1] & other for other in covered.get(reached[0], ())):
                    raise NoPlan  # two relationships over the same columns
                covered.setdefault(reached[0], []).append(reached[1])
        yield from ((term, None) for term in self._by_keys(above, key, covered))

    def _by_keys(
        self, above: Edge | None, key: str, covered: Mapping[str, Sequence[frozenset[str]]]
    ) -> Iterator[Term]:
        """The terms of what refers to a table that goes, but for what the ORM has *covered*."""
        back = self._back(above)
        if back is not None:
            yield Term(Meaning.DOUBTFUL, back, allowed_as=above)
        for fk in self._schema.children_of(key):
            if not fk.enforced or not self._schema.tables[fk.table].enforces:
                continue
            if back is not None and back == self._along(fk, above):
                continue
            taken = [columns for columns in covered.get(fk.table, ()) if columns & set(fk.columns)]
            if any(columns != set(fk.columns) for columns in taken):
                raise NoPlan  # a relationship over a part of the key
            if not taken:
                yield self._of_key(fk, above)

    # the database

    def _along(self, fk: ForeignKey, above: Edge | None) -> Edge:
        return Edge(fk.table, tuple(zip(fk.referred_columns, fk.columns, strict=True)), above)

    def _of_key(self, fk: ForeignKey, above: Edge | None) -> Term:
        edge = self._along(fk, above)
        if any(each.statement for each in of_action(self._schema.tables[fk.table], fk)):
            raise NoPlan  # it fires even where there are no rows
        if not unique(self._schema.tables[fk.referred], fk.referred_columns):
            raise NoPlan
        if edge.depth > DEEPEST:
            return Term(Meaning.DOUBTFUL, edge)
        if fk.ondelete is Action.CASCADE:
            return self._goes(Term(Meaning.GOES, edge, fk.columns, fk.name, fk=fk))
        if fk.ondelete.refuses:
            return Term(Meaning.BLOCKS, edge, fk.columns, fk.name, fk=fk)
        if fk.ondelete is Action.SET_DEFAULT and any(self._schema.broken_by(fk.table, fk.touched)):
            raise NoPlan
        if fk.ondelete is Action.SET_DEFAULT:
            return Term(Meaning.DOUBTFUL, edge)
        return self._loses(edge, fk.columns, fk.touched, fk, None)

    def _goes(self, term: Term) -> Term:
        """A table that goes by two ways is in doubt by the second."""
        if term.edge.table in self._going:
            return Term(Meaning.DOUBTFUL, term.edge)
        self._going[term.edge.table] = term.edge
        return term

    def _loses(
        self,
        edge: Edge,
        columns: tuple[str, ...],
        touched: tuple[str, ...],
        fk: ForeignKey | None,
        relationship: str | None,
    ) -> Term:
        """Rows of which columns are nulled: refused by NOT NULL, in doubt by any other constraint."""
        table = self._schema.tables[edge.table]
        if any(self._schema.broken_by(edge.table, touched)):
            raise NoPlan  # the statement fails, whatever the rows
        if any(not table.columns[name].nullable for name in touched):
            return Term(
                Meaning.BLOCKS, edge, columns, None, Reason.NOT_NULL, relationship=relationship, fk=fk
            )
        if watched(self._schema, table, frozenset(touched), fk):
            return Term(Meaning.DOUBTFUL, edge)
        return Term(Meaning.LOSES, edge, touched, relationship=relationship, fk=fk)

    def _settled(self, term: Term, others: Sequence[Term]) -> Term:
        """What refers from a table that goes too is decided by order, so it is in doubt."""
        if term.meaning in (Meaning.BLOCKS, Meaning.LOSES) and term.edge.table in self._going:
            return Term(Meaning.DOUBTFUL, term.edge)
        if any(_shared(term, other) for other in others if other is not term):
            return Term(Meaning.DOUBTFUL, term.edge)
        table = self._schema.tables[term.edge.table]
        if self._schema.dialect == "mysql" and any(_looked_up_again(table, term, other) for other in others):
            return Term(Meaning.DOUBTFUL, term.edge)
        silent = self._schema.dialect in DIRECT_ONLY and term.fk is not None
        return term if silent or not _triggered(table, term) else Term(Meaning.DOUBTFUL, term.edge)

    # the ORM

    def _of_relation(
        self, item: Relation, above: Edge | None, key: str
    ) -> Iterator[tuple[Term, Mapper[Any] | None]]:
        loaded = item.name in self._assumed
        if item.depends_on_loading and not loaded:
            self.passive.setdefault(item.name, []).append((item, above, key))
        step = item.step(loaded=loaded)
        if step is Step.NOTHING:
            if item.direction == "many_to_one" and item.turns_back and not self._is_key(item, key):
                yield Term(Meaning.DOUBTFUL, self._edge(item, above, key)), None
            return
        if step is Step.REFUSES or item.post_update:
            raise NoPlan
        edge = self._edge(item, above, key)
        if item.direction == "many_to_one":
            yield from self._of_target(item, edge, key)
        elif step is Step.UNLINKS:
            yield self._unlinks(item, edge), None
        else:
            yield from self._of_children(item, step, edge)

    def _is_key(self, item: Relation, key: str) -> bool:
        """True where the many-to-one goes by a foreign key, so that the key's terms tell of a row that refers to itself."""
        pairs = [(here, up) for up, here in self._pairs(item, key)]
        return any(joined_by(self._schema.tables[key], pairs))

    def _edge(self, item: Relation, above: Edge | None, key: str) -> Edge:
        """The rows behind a relationship of *key*. Raises NoPlan."""
        target = item.secondary if item.direction == "many_to_many" else item.target.local_table
        if not isinstance(target, sa.Table) or set(item.concrete) - {item.target}:
            raise NoPlan
        edge = Edge(locate(self._schema, target).key, self._pairs(item, key), above)
        here, there = self._schema.tables[edge.table], self._schema.tables[key]
        if any(down not in here.columns for _, down in edge.pairs):
            raise NoPlan  # a subclass's rows are in two tables, and it is the base's that refers
        if any(there.columns[up].collation != here.columns[down].collation for up, down in edge.pairs):
            raise NoPlan  # the ORM compares by the one, the foreign key by the other
        return edge

    def _of_target(self, item: Relation, edge: Edge, key: str) -> Iterator[tuple[Term, Mapper[Any] | None]]:
        """The row that the subject refers to goes after it; one that others refer to as well is in doubt."""
        columns = tuple(here for _, here in edge.pairs)
        doubtful = len(item.target.tables) > 1 or item.target.polymorphic_on is not None
        doubtful = doubtful or item.target.version_id_col is not None
        doubtful = doubtful or self._listeners.any(item.target, "DELETE")
        if doubtful or not unique(self._schema.tables[edge.table], columns):
            yield Term(Meaning.DOUBTFUL, edge, relationship=item.name), None
            return
        self._turned[edge] = key
        yield self._goes(Term(Meaning.GOES, edge, columns, relationship=item.name)), item.target

    def _back(self, above: Edge | None) -> Edge | None:
        """All rows that refer to those of *above*, which is a many-to-one's."""
        if above is None or above not in self._turned:
            return None
        return Edge(self._turned[above], tuple((here, up) for up, here in above.pairs), above)

    def _returns(self, item: Relation, above: Edge | None) -> bool:
        """True for the other side of a many-to-one: its rows are those that are deleted already."""
        if item.direction != "one_to_many" or item.write_only or item.post_update or above is None:
            return False
        return self._edge(item, above, above.table) == self._back(above)

    def _of_children(
        self, item: Relation, step: Step, edge: Edge
    ) -> Iterator[tuple[Term, Mapper[Any] | None]]:
        """The terms of rows that refer to the subject and are objects themselves."""
        columns = tuple(here for _, here in edge.pairs)
        heard = self._listeners.any(item.target, "DELETE" if step is Step.DELETES else "UPDATE")
        heard = heard or (step is not Step.DELETES and circles(item.target))
        if heard or len(item.target.tables) > 1 or item.target.polymorphic_on is not None:
            yield Term(Meaning.DOUBTFUL, edge, relationship=item.name), None
        elif step is Step.DELETES:
            yield self._goes(Term(Meaning.GOES, edge, columns, relationship=item.name)), item.target
        elif step is Step.BLANKS_KEY:
            yield Term(Meaning.DOUBTFUL, edge, relationship=item.name), None
        else:
            yield self._loses(edge, columns, columns, None, item.name), None
        if not item.uselist:
            yield Term(Meaning.DOUBTFUL, edge, allowed=1), None
        if item.target.version_id_col is not None and step is Step.DELETES:
            yield Term(Meaning.DOUBTFUL, edge), None

    def _unlinks(self, item: Relation, edge: Edge) -> Term:
        """Link rows go; where the ORM may not see one, two may be alike, or the targets go as well, they are in doubt."""
        table = self._schema.tables[edge.table]
        columns = [right.name for _, right in item.prop.synchronize_pairs]
        columns += [right.name for _, right in item.prop.secondary_synchronize_pairs or ()]
        if item.deletes or not self._leads_to_target(item, table) or not unique(table, tuple(columns)):
            return Term(Meaning.DOUBTFUL, edge)
        return self._goes(Term(Meaning.GOES, edge, tuple(here for _, here in edge.pairs)))

    def _leads_to_target(self, item: Relation, table: Table) -> bool:
        """True where every link leads to an object of the target's class, by whose own values it is found again."""
        pairs = {(right.name, left.name) for left, right in item.prop.secondary_synchronize_pairs or ()}
        if not isinstance(item.target.local_table, sa.Table):
            return False
        target = locate(self._schema, item.target.local_table)
        sure = any(fk.referred == target.key and fk.validated for fk in joined_by(table, pairs))
        same = all(
            not table.columns[here].nullable and table.columns[here].collation == target.columns[up].collation
            for here, up in pairs
        )
        return sure and same and item.target.inherits is None

    def _pairs(self, item: Relation, key: str) -> tuple[tuple[str, str], ...]:
        """The columns that join a relationship. Raises NoPlan where it joins by more than equal columns."""
        prop = item.prop
        turned = item.direction == "many_to_one"
        pairs = tuple(
            (right.name, left.name) if turned else (left.name, right.name)
            for left, right in prop.synchronize_pairs
        )
        own = [right if turned else left for left, right in prop.synchronize_pairs]
        owners = {locate(self._schema, column.table).key for column in own}
        if owners != {key} or not _joins(prop.primaryjoin, prop.synchronize_pairs):
            raise NoPlan
        if prop.secondaryjoin is not None and not _joins(
            prop.secondaryjoin, prop.secondary_synchronize_pairs or ()
        ):
            raise NoPlan
        return pairs


def _joins(condition: Any, pairs: Sequence[tuple[Any, Any]]) -> bool:
    """True where *condition* says that the columns of *pairs* are equal, and no more."""
    return any(
        bool(condition.compare(sa.and_(*found)))
        for found in ([left == right for left, right in pairs], [right == left for left, right in pairs])
    )


def _shared(one: Term, other: Term) -> bool:
    """True where two references of one table share columns, so that what nulls the one lets go of the other."""
    if one.edge.table != other.edge.table or Meaning.DOUBTFUL in (one.meaning, other.meaning):
        return False
    return bool({here for _, here in one.edge.pairs} & {here for _, here in other.edge.pairs})


def _looked_up_again(table: Table, term: Term, other: Term) -> bool:
    """True where what nulls the one reference has InnoDB look the other one up, whose row may be about to go."""
    if other is term or other.fk is None or other.edge.table != term.edge.table:
        return False
    return term.meaning is Meaning.LOSES and looked_up_again(table, other.fk, term.columns)


def _triggered(table: Table, term: Term) -> bool:
    """True where rows that go or change would fire a trigger."""
    if term.meaning is Meaning.BLOCKS and term.reason is Reason.FOREIGN_KEY:
        return False
    if term.meaning is Meaning.GOES:
        return any(firing(table, "DELETE"))
    return any(firing(table, "UPDATE", term.fk.touched if term.fk is not None else term.columns))
