"""One SELECT for one subject: every count of a plan, the switches, the policy's rules, in one round trip."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from ._blockers import first_clause
from ._plan import Edge, Meaning, Plan, Term
from ._policy import DeletionPolicy
from ._policy_bind import Clause
from ._schema import Schema

SWITCHES: Mapping[str, tuple[str, ...]] = {
    "sqlite": (
        "(SELECT foreign_keys FROM pragma_foreign_keys)",
        "(SELECT 1 - defer_foreign_keys FROM pragma_defer_foreign_keys)",
        "(SELECT schema_version FROM pragma_schema_version)",
    ),
    "postgresql": (
        "CASE current_setting('session_replication_role') WHEN 'replica' THEN 0 ELSE 1 END",
        "1",
        "0",
    ),
    "mysql": ("IF(@@foreign_key_checks, 1, 0)", "1", "0"),  # concatenated, it would be "ON"
}
Types = Callable[[str], Mapping[str, Any]]
Wanted = tuple[Edge, int | None]  # an edge, and the place of the clause whose rows are counted


@dataclass(frozen=True, slots=True)
class Counts:
    """What one execution brought.

    Attributes:
        rows: by edge; with a clause's place, its rows alone.
        plain: the switches are as the plan takes them.
        version: SQLite's schema version, else 0.
        values: the subject's columns that words need.
        rules: (applies, count) of each business rule.
        cap: where counting stopped, or None.
    """

    rows: Mapping[Wanted, int]
    plain: bool
    version: int
    values: Mapping[str, Any]
    rules: Sequence[tuple[bool, int]]
    cap: int | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """The policy, and the types of columns that its conditions need."""

    policy: DeletionPolicy | None
    types: Types


class CountStatement:
    """The statement of one plan, made once, run for many keys."""

    def __init__(
        self,
        schema: Schema,
        plan: Plan,
        root: sa.Table,
        words: Words,
        *,
        capped: bool,
    ) -> None:
        policy, types = words.policy, words.types
        self._schema = schema
        self._root = root
        self._types = types
        self._capped = capped
        self._policy = policy
        self._clauses: dict[Edge, Sequence[Clause]] = {}
        self._wanted = list(dict.fromkeys(self._all_wanted(plan)))
        self._names = sorted(policy.subject_columns) if policy is not None else []
        self._statement = self._build()
        self._run = Runner(self._statement)

    def clauses(self, term: Term) -> Sequence[Clause]:
        """The clauses of the policy whose rows are counted one by one for this term."""
        return self._clauses.get(term.edge, ())

    def run(self, connection: sa.Connection, key: tuple[Any, ...], cap: int | None) -> Counts | None:
        """Count for the subject *key*; None where there is no such subject."""
        values = {f"key_{place}": value for place, value in enumerate(key)}
        row = self._run(connection, values if cap is None else {**values, "cap": cap + 1})
        return None if row is None else self._read(list(row), cap)

    def _read(self, row: list[Any], cap: int | None) -> Counts:
        rules = self._policy.rules if self._policy is not None else ()
        at = 1 + len(self._names)
        flags = row[at:]
        enforced, immediate, version, *counts = _integers(row[0])
        return Counts(
            rows=dict(zip(self._wanted, counts, strict=True)),
            plain=bool(enforced) and bool(immediate),
            version=version,
            values=dict(zip(self._names, row[1:at], strict=True)),
            rules=[
                (bool(applies), count)
                for _, applies, count in zip(rules, flags[::2], flags[1::2], strict=True)
            ],
            cap=cap,
        )

    def _all_wanted(self, plan: Plan) -> Iterator[Wanted]:
        for term in (*plan.terms, *(term for _, terms in plan.variants for term in terms)):
            yield term.edge, None
            if term.meaning is Meaning.BLOCKS and self._policy is not None:
                clauses = self._policy.clauses(term.edge.table, term.columns, term.constraint)
                if clauses:
                    self._clauses[term.edge] = clauses
                if clauses and clauses[0].node is not None:
                    yield from ((term.edge, place) for place in range(len(clauses)))

    # building

    def _build(self) -> sa.Select[Any]:
        dialect = "mysql" if self._schema.dialect == "mariadb" else self._schema.dialect
        numbers: list[sa.ColumnElement[Any]] = [
            sa.literal_column(text) for text in SWITCHES.get(dialect, ("1", "1", "0"))
        ]
        numbers += [self._count(*wanted) for wanted in self._wanted]
        columns = [_packed(dialect, numbers), *(self._root_column(name) for name in self._names)]
        for rule in self._policy.rules if self._policy is not None else ():
            columns += [sa.case((rule.condition(self._root), 1), else_=0), rule.count(self._root)]
        return sa.select(*columns).select_from(self._root).where(*self._is_subject(self._root))

    def _root_column(self, name: str) -> sa.ColumnElement[Any]:
        return next(column for column in self._root.columns if column.name == name)

    def _is_subject(self, root: sa.FromClause) -> list[sa.ColumnElement[bool]]:
        keys = self._root.primary_key.columns
        return [
            root.c[column.key] == sa.bindparam(f"key_{place}", type_=column.type, unique=False)
            for place, column in enumerate(keys)
        ]

    def _count(self, edge: Edge, place: int | None) -> sa.ColumnElement[Any]:
        """The number of rows of one edge, joined up to the subject."""
        root: sa.FromClause = self._root.alias("diag_subject") if self._capped else self._root
        joined, last, first = self._joined(edge)
        where = [self._named(root, above) == first.c[here] for above, here in self._outermost(edge).pairs]
        if place is not None:
            where.append(first_clause(self._clauses[edge], last) == place)
        if not self._capped:
            select = sa.select(sa.func.count()).select_from(joined).where(*where)
            return select.correlate(self._root).scalar_subquery()
        rows: sa.Select[Any] = sa.select(sa.literal_column("1").label("one")).select_from(
            root.join(joined, sa.and_(*where))
        )
        rows = rows.where(*self._is_subject(root)).limit(sa.bindparam("cap", type_=sa.Integer()))
        return sa.select(sa.func.count()).select_from(rows.subquery()).scalar_subquery()

    def _named(self, root: sa.FromClause, name: str) -> sa.ColumnElement[Any]:
        found: sa.ColumnElement[Any] = root.c[str(self._root_column(name).key)]
        return found

    def _joined(self, edge: Edge) -> tuple[sa.FromClause, sa.FromClause, sa.FromClause]:
        """The join of an edge's tables, its own table, and the one next to the subject."""
        here = self._clause(edge)
        if edge.above is None:
            return here, here, here
        joined, above, first = self._joined(edge.above)
        # the parent's side first: SQLite compares by the collation of the left one
        on = sa.and_(*(above.c[up] == here.c[down] for up, down in edge.pairs))
        return joined.join(here, on), here, first

    def _outermost(self, edge: Edge) -> Edge:
        return edge if edge.above is None else self._outermost(edge.above)

    def _clause(self, edge: Edge) -> sa.FromClause:
        table = self._schema.tables[edge.table]
        types = self._types(edge.table)
        columns = (sa.column(name, types.get(name)) for name in table.columns)
        return sa.table(table.name, *columns, schema=table.schema).alias(f"diag_{edge.depth}")


def _packed(dialect: str, numbers: Sequence[sa.ColumnElement[Any]]) -> sa.ColumnElement[Any]:
    """All numbers in one column: a result's columns cost SQLAlchemy more than the database takes to count."""
    if dialect == "postgresql":
        return postgresql.array(numbers, type_=sa.BigInteger())
    if dialect == "mysql":
        return sa.func.concat_ws(",", *numbers)
    found: sa.ColumnElement[str] = sa.cast(numbers[0], sa.Text())
    for number in numbers[1:]:
        found = found.concat(sa.literal_column("','")).concat(sa.cast(number, sa.Text()))
    return found


def _integers(packed: Any) -> list[int]:
    """The numbers again; what found nothing is 0."""
    if isinstance(packed, bytes):
        packed = packed.decode()
    parts = packed.split(",") if isinstance(packed, str) else packed
    return [int(part or 0) for part in parts]


class Runner:
    """Runs one statement over and over: compiled once a dialect, handed to the driver as text.

    SQLAlchemy would compute a cache key of the whole statement at every execution, which takes longer than the database does.
    """

    def __init__(self, statement: sa.Select[Any]) -> None:
        self._statement = statement
        self._compiled: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()

    def __call__(self, connection: sa.Connection, values: Mapping[str, Any]) -> Any:
        """The first row, or None."""
        dialect = connection.dialect
        found = self._compiled.get(dialect)
        if found is None:
            found = self._compiled[dialect] = self._compile(dialect)
        text, compiled, processors = found
        params = compiled.construct_params(values)
        for name, process in processors.items():
            params[name] = process(params[name])
        given = tuple(params[name] for name in compiled.positiontup) if compiled.positional else params
        return connection.exec_driver_sql(text, given).first()

    def _compile(self, dialect: Any) -> tuple[str, Any, dict[str, Callable[[Any], Any]]]:
        compiled = self._statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        processors: dict[str, Callable[[Any], Any]] = {}
        # not compiled.binds: it holds a policy's anonymous parameters a second time, under names that no text has
        for bind, name in compiled.bind_names.items():
            process = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if process is not None:
                processors[name] = process
        return compiled.string, compiled, processors
