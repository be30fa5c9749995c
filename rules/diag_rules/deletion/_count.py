"""One SELECT for one subject: every count of a plan, the switches, the policy's rules, in one round trip."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import sqlalchemy as sa

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
ARGUMENTS = 100  # of one function; SQLite's own limit was 127 for long
CORRELATES = ("sqlite", "postgresql")  # a subquery in FROM may name the row of the statement around it
NOTHING: Mapping[str, Any] = MappingProxyType({})
Types = Callable[[str], Mapping[str, Any]]
Wanted = tuple[Edge, int | None]  # an edge, and the place of the clause whose rows are counted


class Counts(NamedTuple):
    """What one execution brought.

    Attributes:
        numbers: how many rows, each at the place that `CountStatement.places` gives.
        plain: the switches are as the plan takes them.
        version: SQLite's schema version, else 0.
        values: the subject's columns that words need.
        rules: (applies, count) of each business rule.
        cap: where counting stopped, or None.
    """

    numbers: Sequence[int]
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


def places(plan: Plan, clauses: Callable[[Term], Sequence[Clause]]) -> dict[Wanted, int]:
    """Every count that *plan* needs, each once, and where it stands: rows of an edge, and of each clause among them."""
    found: dict[Wanted, None] = {}
    for term in (*plan.terms, *(term for _, terms in plan.variants for term in terms)):
        found[term.edge, None] = None
        spoken = clauses(term)
        if spoken and spoken[0].node is not None:
            found.update(dict.fromkeys((term.edge, place) for place in range(len(spoken))))
    return {wanted: place for place, wanted in enumerate(found)}


class CountStatement:
    """The statement of one plan, made once, run for many keys.

    Attributes:
        places: where each count is found among `Counts.numbers`.
    """

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
        self._clauses = {
            term.edge: self.clauses(term) for term in plan.terms if term.meaning is Meaning.BLOCKS
        }
        self.places = places(plan, self.clauses)
        self._rules = policy.rules if policy is not None else ()
        self._names = sorted(policy.subject_columns) if policy is not None else []
        self._statement = self._build()
        self._run = Runner(self._statement)

    def clauses(self, term: Term) -> Sequence[Clause]:
        """The clauses of the policy that speak of this term's rows."""
        if self._policy is None or term.meaning is not Meaning.BLOCKS:
            return ()
        return self._policy.clauses(term.edge.table, term.columns, term.constraint)

    def run(self, connection: sa.Connection, key: tuple[Any, ...], cap: int | None) -> Counts | None:
        """Count for the subject *key*; None where there is no such subject."""
        values = {f"key_{place}": value for place, value in enumerate(key)}
        if cap is not None:
            values["cap"] = cap + 1
        row = self._run(connection, values)
        return None if row is None else self._read(row, cap)

    def _read(self, row: Sequence[Any], cap: int | None) -> Counts:
        enforced, immediate, version, *numbers = _integers(row[0])
        plain = enforced == immediate == 1
        if len(row) == 1:
            return Counts(numbers, plain, version, NOTHING, (), cap)
        at = 1 + len(self._names)
        flags = row[at:]
        values = dict(zip(self._names, row[1:at], strict=True))
        rules = [(bool(applies), count) for applies, count in zip(flags[::2], flags[1::2], strict=True)]
        return Counts(numbers, plain, version, values, rules, cap)

    # building

    def _build(self) -> sa.Select[Any]:
        dialect = "mysql" if self._schema.dialect == "mariadb" else self._schema.dialect
        numbers: list[sa.ColumnElement[Any]] = [
            sa.literal_column(text) for text in SWITCHES.get(dialect, ("1", "1", "0"))
        ]
        numbers += [self._count(*wanted) for wanted in self.places]
        columns = [_packed(dialect, numbers), *(self._root_column(name) for name in self._names)]
        for rule in self._rules:
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
        again = self._capped and self._schema.dialect not in CORRELATES
        root: sa.FromClause = self._root.alias("diag_subject") if again else self._root
        joined, last, first = self._joined(edge)
        where = [self._named(root, above) == first.c[here] for above, here in self._outermost(edge).pairs]
        if place is not None:
            where.append(first_clause(self._clauses[edge], last) == place)
        if not self._capped:
            select = sa.select(sa.func.count()).select_from(joined).where(*where)
            return select.correlate(self._root).scalar_subquery()
        rows: sa.Select[Any] = (
            sa.select(sa.literal_column("1").label("one")).select_from(joined).where(*where)
        )
        if again:
            rows = rows.select_from(root).where(*self._is_subject(root))
        rows = rows.correlate(self._root).limit(sa.bindparam("cap", type_=sa.Integer()))
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
        from sqlalchemy.dialects import postgresql  # loaded by then; other applications need not

        return postgresql.array(numbers, type_=sa.BigInteger())
    if dialect == "mysql":
        return sa.func.concat_ws(",", *numbers)
    if dialect == "sqlite":
        parts = [_printed(numbers[at : at + ARGUMENTS]) for at in range(0, len(numbers), ARGUMENTS)]
        return _joined_by_commas(parts)
    return _joined_by_commas([sa.cast(number, sa.Text()) for number in numbers])


def _printed(numbers: Sequence[sa.ColumnElement[Any]]) -> sa.ColumnElement[str]:
    """The numbers as SQLite writes them fastest; what found nothing is 0."""
    written = ",".join(["%d"] * len(numbers))
    return sa.func.printf(sa.literal_column(f"'{written}'"), *numbers, type_=sa.Text())


def _joined_by_commas(parts: Sequence[sa.ColumnElement[str]]) -> sa.ColumnElement[Any]:
    found = parts[0]
    for part in parts[1:]:
        found = found.concat(sa.literal_column("','")).concat(part)
    return found


def _integers(packed: Any) -> list[int]:
    """The numbers again; what found nothing is 0."""
    if isinstance(packed, bytes):
        packed = packed.decode()
    if isinstance(packed, str):
        return list(map(int, packed.split(",")))
    return [part or 0 for part in packed]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement as one dialect takes it.

    Attributes:
        order: the names of the parameters by position, or None where the driver takes them by name.
        fixed: the values of those that no key changes, as the driver gets them.
        asked: those whose value is asked at each execution: the clock.
        processors: what the driver gets of a value, by name.
    """

    text: str
    order: Sequence[str] | None
    fixed: Mapping[str, Any]
    asked: Sequence[tuple[str, Callable[[], Any]]]
    processors: Mapping[str, Callable[[Any], Any]]

    def params(self, values: Mapping[str, Any]) -> Any:
        """All parameters, as the driver gets them."""
        given = dict(values)
        for name, ask in self.asked:
            given[name] = ask()
        for name, process in self.processors.items():
            given[name] = process(given[name])
        found = {**self.fixed, **given} if self.fixed else given
        return found if self.order is None else tuple(map(found.__getitem__, self.order))


class Runner:
    """Runs one statement over and over: compiled once a dialect, handed to the driver as text.

    SQLAlchemy would compute a cache key of the whole statement at every execution, which takes longer than the database does.
    """

    def __init__(self, statement: sa.Select[Any]) -> None:
        self._statement = statement
        self._compiled: weakref.WeakKeyDictionary[Any, _Compiled] = weakref.WeakKeyDictionary()

    def __call__(self, connection: sa.Connection, values: Mapping[str, Any]) -> Any:
        """The first row, or None."""
        dialect = connection.dialect
        found = self._compiled.get(dialect)
        if found is None:
            found = self._compiled[dialect] = self._compile(dialect, values)
        return connection.exec_driver_sql(found.text, found.params(values)).first()

    def _compile(self, dialect: Any, values: Mapping[str, Any]) -> _Compiled:
        compiled: Any = self._statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        processors: dict[str, Callable[[Any], Any]] = {}
        fixed = dict(compiled.construct_params(values))
        asked: list[tuple[str, Callable[[], Any]]] = []
        # not compiled.binds: it holds a policy's anonymous parameters a second time, under names that no text has
        for bind, name in compiled.bind_names.items():
            process = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if name in values or bind.callable is not None:
                fixed.pop(name, None)  # one name may stand for several binds
                if bind.callable is not None:
                    asked.append((name, bind.callable))
                if process is not None:
                    processors[name] = process
            elif process is not None:
                fixed[name] = process(fixed[name])
        order = tuple(compiled.positiontup) if compiled.positional else None
        return _Compiled(compiled.string, order, fixed, tuple(asked), processors)
