"""One SELECT for all subjects: the counts of a plan by the subject's key, in key order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ._blockers import first_clause
from ._count import Words
from ._orm_objects import locate
from ._plan import Edge, Meaning, Plan, Term
from ._policy_bind import Clause
from ._policy_rules import BoundRule
from ._scan_chain import Chain, named, of_edge, of_rule, unindexed
from ._schema import Action, Schema
from ._verdict import Reason

MYSQL = ("mysql", "mariadb")
ORDERED_ALIKE = (
    sa.Integer,
    sa.Uuid,
    sa.Numeric,
    sa.Date,
    sa.DateTime,
)  # no collation decides about their order


@dataclass(frozen=True, slots=True)
class Code:
    """What the number beside a count stands for: one of the three.

    Attributes:
        term: what blocks, and the place of the clause whose rows were counted, or None.
        rule: the place of the business rule that blocks.
        doubtful: the subject has to be played.
    """

    term: tuple[Term, int | None] | None = None
    rule: int | None = None
    doubtful: bool = False


class ScanStatement:
    """The statement of one plan: rows of key, words, code, count, warnings, what only loading would block, and a doubt.

    Attributes:
        codes: what each code stands for, by place.
        names: the subject's columns that words need.
        warning: the places of the rules that only warn; each has two columns, whether it applies and its count.
        loaded: rows that block only where a relationship is loaded; each has a column, 1 where there are some.
        more: how many columns follow the count; where there are any, the last is the doubt.
    """

    def __init__(self, schema: Schema, plan: Plan, root: sa.Table, words: Words) -> None:
        self._schema = schema
        self._plan = plan
        self.root = root
        self._words = words
        self._rules: Sequence[BoundRule] = words.policy.rules if words.policy is not None else ()
        self.codes: list[Code] = []
        self.names = sorted(words.policy.subject_columns) if words.policy is not None else []
        self.warning = [place for place, rule in enumerate(self._rules) if not rule.blocks]
        self.loaded = self._only_loaded()
        self._branches = list(self._all_branches())
        self.more = len(list(self._more(sa.literal_column("0"))))
        self._selects: dict[tuple[bool, bool], sa.Select[Any] | sa.CompoundSelect[Any] | None] = {}

    @property
    def doubtful(self) -> bool:
        """True where a subject may be found that has to be played."""
        return self.more > 0 or any(code.doubtful for code in self.codes)

    def clauses(self, term: Term) -> Sequence[Clause]:
        """The clauses of the policy that speak of this term's rows."""
        if self._words.policy is None:
            return ()
        return self._words.policy.clauses(term.edge.table, term.columns, term.constraint)

    def select(self, *, after: bool, until: bool) -> sa.Select[Any] | sa.CompoundSelect[Any] | None:
        """The statement, with the parameters ``after_0``, ... and ``until_0``, ... where asked; None: nothing can block."""
        if (after, until) not in self._selects:
            self._selects[after, until] = self._build(after=after, until=until)
        return self._selects[after, until]

    def hits(self, *, after: bool, until: bool) -> sa.Select[Any] | sa.CompoundSelect[Any] | None:
        """Key, code and rows of every subject that is found, in no order; None: nothing can block."""
        return self._whole(self.bounds(after=after, until=until)) if self._branches else None

    def bounds(self, *, after: bool, until: bool) -> Bounds:
        """The range of keys that has these ends."""
        return Bounds(list(self.root.primary_key.columns), self._schema.dialect, after=after, until=until)

    def terms(self, meaning: Meaning) -> Iterator[Term]:
        """The terms of the plan that mean this."""
        return (term for term in self._plan.terms if term.meaning is meaning)

    def rule(self, place: int) -> BoundRule:
        """The business rule in that place."""
        return self._rules[place]

    # what is counted

    def _all_branches(self) -> Iterator[_Branch]:
        for term in self._plan.terms:
            if term.meaning is Meaning.BLOCKS:
                yield self._of_blocking(term)
            elif term.meaning is Meaning.DOUBTFUL:
                yield self._of_doubtful(term)
        for place, rule in enumerate(self._rules):
            if rule.blocks:
                yield self._of_rule(place, rule)

    def _code(self, code: Code) -> int:
        self.codes.append(code)
        return len(self.codes) - 1

    def chain(self, edge: Edge) -> Chain:
        """The rows of an edge, joined up to the subject."""
        return of_edge(self._schema, edge, self._words.types)

    def _sound(self, edge: Edge) -> bool:
        """True where the rows next to a subject can't point nowhere, nor write its key in another way.

        SQLite and MySQL let them, while their foreign keys are switched off; PostgreSQL's superuser too, but nobody by accident.
        """
        while edge.above is not None:
            edge = edge.above
        table = self._schema.tables[edge.table]
        return self._schema.dialect == "postgresql" and any(
            set(zip(fk.referred_columns, fk.columns, strict=True)) == set(edge.pairs)
            and fk.enforced
            and fk.validated
            for fk in table.foreign_keys
            if fk.referred == locate(self._schema, self.root).key
        )

    def _of_blocking(self, term: Term) -> _Branch:
        chain, clauses, sound = self.chain(term.edge), self.clauses(term), self._sound(term.edge)
        if not clauses or clauses[0].node is None:
            return _Branch(chain, sound, sa.literal_column(str(self._code(Code(term=(term, None))))))
        base = len(self.codes)
        for place in (*range(len(clauses)), None):
            self._code(Code(term=(term, place)))
        code = first_clause(clauses, chain.last.rows) + sa.literal_column(str(base))
        return _Branch(chain, sound, code)

    def _of_doubtful(self, term: Term) -> _Branch:
        """More than is allowed: of those who refer to a row that goes with them, more than one for each such row."""
        chain = self.chain(term.edge)
        code: sa.ColumnElement[Any] = sa.literal_column(str(self._code(Code(doubtful=True))))
        allowed: sa.ColumnElement[Any] = sa.literal_column(str(term.allowed))
        if term.allowed_as is not None:
            above = [named(chain.links[-2].rows, up) for up, _ in chain.last.pairs]
            allowed = sa.func.count(above[0].distinct()) if len(above) == 1 else sa.literal_column("1")
        wanted = term.allowed > 0 or term.allowed_as is not None
        return _Branch(
            chain, self._sound(term.edge), code, having=sa.func.count() > allowed if wanted else None
        )

    def _of_rule(self, place: int, rule: BoundRule) -> _Branch:
        code: sa.ColumnElement[Any] = sa.literal_column(str(self._code(Code(rule=place))))
        if not rule.path:
            return _Branch(None, False, code, where=rule.condition)
        chain = of_rule(self._schema, rule)
        node, last = rule.node, chain.last.rows
        enough = sa.func.count() >= rule.entry.at_least if rule.entry.at_least > 1 else None
        return _Branch(
            chain, False, code, having=enough, where=(lambda _: node.sql(last)) if node is not None else None
        )

    # building

    def _build(self, *, after: bool, until: bool) -> sa.Select[Any] | sa.CompoundSelect[Any] | None:
        if not self._branches:
            return None
        bounds = self.bounds(after=after, until=until)
        whole = self._whole(bounds)
        if not self.names and not self.more:
            names = [*(f"key_{place}" for place in range(len(bounds.columns))), "code"]
            return whole.order_by(*map(sa.literal_column, names))  # in order already where each part is
        hits = whole.subquery("diag_hits")
        pairs = [(key, hits.c[f"key_{place}"]) for place, key in enumerate(bounds.columns)]
        words = (named(self.root, name).label(f"word_{place}") for place, name in enumerate(self.names))
        select = sa.select(*bounds.columns, *words, hits.c.code, hits.c.rows, *self._more(hits.c.code))
        joined = hits.join(self.root, sa.and_(*(key == self._plain(found) for key, found in pairs)))
        return select.select_from(joined).order_by(*bounds.columns, hits.c.code)

    def _whole(self, bounds: Bounds) -> sa.Select[Any] | sa.CompoundSelect[Any]:
        selects = [branch.select(self.root, bounds) for branch in self._branches]
        return sa.union_all(*selects) if len(selects) > 1 else selects[0]

    def _plain(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return unindexed(column) if self._schema.dialect == "sqlite" else column

    def _more(self, code: sa.ColumnElement[Any]) -> Iterator[sa.ColumnElement[Any]]:
        """What is asked of each subject that was found besides: warnings, what could turn the answer, and a doubt at last."""
        doubts = list(self._doubts(code))
        if not self.warning and not self.loaded and not doubts:
            return
        for place in self.warning:
            rule = self._rules[place]
            yield sa.case((rule.condition(self.root), 1), else_=0).label(f"warns_{place}")
            yield rule.count(self.root).label(f"warned_{place}")
        for place, edge in enumerate(self.loaded):
            found = sa.exists(self.chain(edge).below(self.root))
            yield sa.case((found, 1), else_=0).label(f"loaded_{place}")
        yield sa.case((sa.or_(*doubts), 1), else_=0).label("doubt") if doubts else sa.literal_column("0")

    def _only_loaded(self) -> list[Edge]:
        plain = {term.edge for term in self._plan.terms if term.meaning is Meaning.BLOCKS}
        edges = [
            term.edge
            for _, terms in self._plan.variants
            for term in terms
            if term.meaning is Meaning.BLOCKS and term.edge not in plain
        ]
        return list(dict.fromkeys(edges))

    def _doubts(self, code: sa.ColumnElement[Any]) -> Iterator[sa.ColumnElement[bool]]:
        """What makes a subject doubtful only because it is blocked."""
        plain = set(self._plan.terms)
        for term in dict.fromkeys(term for _, terms in self._plan.variants for term in terms):
            if term.meaning is Meaning.DOUBTFUL and term not in plain:
                yield self._more_than(self.chain(term.edge), term.allowed)
        late = [
            place for place, each in enumerate(self.codes) if each.term is not None and _late(each.term[0])
        ]
        if self._schema.dialect == "sqlite" and late:
            mine = sa.or_(*(code == sa.literal_column(str(place)) for place in late))
            yield from (sa.and_(mine, orphan) for orphan in self._orphans())

    def _more_than(self, chain: Chain, allowed: int) -> sa.ColumnElement[bool]:
        rows = chain.below(self.root)
        if not allowed:
            return sa.exists(rows)
        count = rows.with_only_columns(sa.func.count(), maintain_column_froms=True).scalar_subquery()
        return count > sa.literal_column(str(allowed))

    def _orphans(self) -> Iterator[sa.ColumnElement[bool]]:
        """Rows that go and point nowhere by another key: SQLite counts that against a new one."""
        for term in self._plan.terms:
            if term.meaning is not Meaning.GOES:
                continue
            own = {here for _, here in term.edge.pairs}
            for fk in self._schema.tables[term.edge.table].foreign_keys:
                if set(fk.columns) == own or fk.referred not in self._schema.tables or fk.broken:
                    continue
                chain = self.chain(term.edge)
                other = self._schema.tables[fk.referred]
                parent = sa.table(other.name, *map(sa.column, other.columns), schema=other.schema).alias()
                pairs = list(zip(fk.referred_columns, fk.columns, strict=True))
                on = [named(parent, up) == named(chain.last.rows, here) for up, here in pairs]
                there = sa.exists(sa.select(sa.literal_column("1")).select_from(parent).where(*on))
                given = [named(chain.last.rows, here).is_not(None) for _, here in pairs]
                yield sa.exists(chain.below(self.root).where(*given, ~there))


def _late(term: Term) -> bool:
    """True for a reference that SQLite only counts until the end of the statement or the transaction."""
    return term.reason is Reason.FOREIGN_KEY and term.fk is not None and term.fk.ondelete is Action.NO_ACTION


class Bounds:
    """The range of keys: what comes after one key, up to and with another."""

    def __init__(self, columns: Sequence[sa.Column[Any]], dialect: str, *, after: bool, until: bool) -> None:
        self.columns = columns
        self._dialect = dialect
        self._after = after
        self._until = until

    @property
    def ordered_alike(self) -> bool:
        """True where a referencing column has the key's own order, whatever its table declares."""
        return all(isinstance(column.type, ORDERED_ALIKE) for column in self.columns)

    def of(self, columns: Sequence[sa.ColumnElement[Any]]) -> list[sa.ColumnElement[bool]]:
        """The conditions that *columns*, in the key's order, lie in the range."""
        found = []
        if self._after:
            found += self._beyond(columns, "after", strict=True)
        if self._until:
            found += self._beyond(columns, "until", strict=False)
        return found

    def _beyond(
        self, columns: Sequence[sa.ColumnElement[Any]], name: str, *, strict: bool
    ) -> list[sa.ColumnElement[bool]]:
        ends = [
            sa.bindparam(f"{name}_{place}", type_=column.type, unique=False)
            for place, column in enumerate(self.columns)
        ]
        if len(ends) == 1:
            return [columns[0] > ends[0] if strict else columns[0] <= ends[0]]
        if self._dialect not in MYSQL:
            left, right = sa.tuple_(*columns), sa.tuple_(*ends)
            return [left > right if strict else left <= right]
        # MySQL has no use for an index at row values
        outer = columns[0] >= ends[0] if strict else columns[0] <= ends[0]
        return [outer, _lexical(columns, ends, strict=strict)]


def _lexical(
    columns: Sequence[sa.ColumnElement[Any]], ends: Sequence[sa.ColumnElement[Any]], *, strict: bool
) -> sa.ColumnElement[bool]:
    first, end = columns[0], ends[0]
    if len(columns) == 1:
        return first > end if strict else first <= end
    rest = _lexical(columns[1:], ends[1:], strict=strict)
    return sa.or_(first > end if strict else first < end, sa.and_(first == end, rest))


@dataclass(frozen=True, slots=True)
class _Branch:
    """One SELECT of the union.

    Attributes:
        chain: the rows that are counted, or None for a condition on the subject itself.
        direct: what refers to a subject surely does, so that nobody has to look.
        where: a condition, made of the subject's table.
    """

    chain: Chain | None
    direct: bool
    code: sa.ColumnElement[Any]
    having: sa.ColumnElement[bool] | None = None
    where: Any = None

    def select(self, root: sa.Table, bounds: Bounds) -> sa.Select[Any]:
        """Key, code and count of every subject that has such rows."""
        rows: sa.FromClause = root.alias("diag_subject")
        if self.chain is None:
            keys = [named(rows, column.name) for column in bounds.columns]
            one: sa.ColumnElement[Any] = sa.literal_column("1").label("rows")
            found = sa.select(*_labelled(keys), self.code.label("code"), one)
            return found.select_from(rows).where(self.where(rows), *bounds.of(keys))
        return self._grouped(self.chain, rows, bounds)

    def _grouped(self, chain: Chain, rows: sa.FromClause, bounds: Bounds) -> sa.Select[Any]:
        direct = self._keys(chain, bounds)
        keys = direct or [named(rows, column.name) for column in bounds.columns]
        joined = chain.upwards(None if direct else rows)
        where = [*chain.present(), *bounds.of(keys)]
        if self.where is not None:
            where.append(self.where(rows))
        count = sa.func.count().label("rows")
        if isinstance(self.code, sa.ColumnClause):
            found = sa.select(*_labelled(keys), self.code.label("code"), count)
            found = found.select_from(joined).where(*where).group_by(*keys)
            return found.having(self.having) if self.having is not None else found
        # grouped from outside: a database can't see that two expressions with parameters are one
        inner = (
            sa.select(*_labelled(keys), self.code.label("code")).select_from(joined).where(*where).subquery()
        )
        return sa.select(*inner.c, count).group_by(*inner.c)

    def _keys(self, chain: Chain, bounds: Bounds) -> list[sa.ColumnElement[Any]]:
        """The referencing columns, where they are the key already and nothing more of the subject is needed."""
        here = dict(chain.first.pairs)
        if not self.direct or self.having is not None or not bounds.ordered_alike:
            return []
        if set(here) != {column.name for column in bounds.columns}:
            return []
        return [
            sa.type_coerce(named(chain.first.rows, here[column.name]), column.type)
            for column in bounds.columns
        ]


def _labelled(keys: Sequence[sa.ColumnElement[Any]]) -> list[sa.Label[Any]]:
    return [key.label(f"key_{place}") for place, key in enumerate(keys)]
