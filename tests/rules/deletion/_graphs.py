"""Random schemas with rows: foreign keys of every kind, and constraints that changed rows could meet."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

ACTIONS = ("NO ACTION", "RESTRICT", "CASCADE", "CASCADE", "CASCADE", "SET NULL", "SET DEFAULT")
UPDATES = ("NO ACTION", "NO ACTION", "CASCADE", "CASCADE", "RESTRICT", "SET NULL")
LATE = ("DEFERRABLE", "DEFERRABLE INITIALLY DEFERRED", "DEFERRABLE INITIALLY DEFERRED")
SPARE = 1000  # the id of a row in each table that nothing random refers to: whom to refer to instead
OFF = {
    "sqlite": ("PRAGMA foreign_keys=OFF", "PRAGMA foreign_keys=ON"),
    "postgresql": ("SET session_replication_role = replica", "SET session_replication_role = DEFAULT"),
    "mysql": ("SET foreign_key_checks = 0", "SET foreign_key_checks = 1"),
}
Values = dict[str, Any]


@dataclass(frozen=True)
class Key:
    """A foreign key of a random schema.

    Attributes:
        column: of *child*; "id" where the child is a joined subclass of the parent.
        tenant: the second column of a composite key, which refers to the parent's ``t``; else None.
        target: the parent's column that it refers to: its key, or another unique column.
        late: the clause of a deferrable key.
        full: MATCH FULL.
        partly: SET NULL of its one column only.
        domain: its NOT NULL stands in a domain.
    """

    name: str
    child: str
    column: str
    parent: str
    ondelete: str
    onupdate: str
    tenant: str | None = None
    target: str = "id"
    late: str = ""
    full: bool = False
    partly: bool = False
    not_null: bool = False
    domain: bool = False
    default: Any = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Its columns, in the order of the constraint."""
        return (self.tenant, self.column) if self.tenant is not None else (self.column,)

    @property
    def referred(self) -> tuple[str, ...]:
        """The columns that it refers to."""
        return ("t", self.target) if self.tenant is not None else (self.target,)


@dataclass(frozen=True)
class Constraint:
    """A CHECK or UNIQUE over columns that a deletion may change.

    Attributes:
        index: *sql* is a statement of its own.
        unique: one row's change may meet another row.
    """

    table: str
    sql: str
    columns: tuple[str, ...]
    holds: Callable[[list[Values]], bool]
    unique: bool = False
    index: bool = False


@dataclass(frozen=True)
class Shape:
    """What is particular about a table.

    Attributes:
        base: the table of which it is a joined subclass.
        kinds: it holds rows of a single-table subclass.
        partitioned: its rows lie in two partitions.
        tail: words behind its columns.
        key: the definition of its primary key.
        nocase: its other key compares without regard to case.
        tenants: its tenant column may be null.
    """

    base: str | None = None
    kinds: bool = False
    partitioned: bool = False
    tail: str = ""
    key: str = "INT NOT NULL PRIMARY KEY"
    nocase: bool = False
    tenants: bool = True


@dataclass
class Graph:
    """A random schema and its rows: by table, a list of columns to values."""

    seed: int
    dialect: str
    tables: list[str] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    keys: list[Key] = field(default_factory=list)
    constraints: list[Constraint] = field(default_factory=list)
    rows: dict[str, list[Values]] = field(default_factory=dict)

    def keys_of(self, child: str) -> list[Key]:
        """The foreign keys of one table."""
        return [key for key in self.keys if key.child == child]


def graph(seed: int, dialect: str) -> Graph:
    """The graph of a seed: the same every time."""
    rng = random.Random(f"{seed} {dialect}")
    found = Graph(seed, dialect, [f"t{number}" for number in range(rng.randint(2, 5))])
    for table in found.tables:
        found.shapes[table] = _shape(rng, found, table)
    keys = [_inherited(rng, dialect, table, shape) for table, shape in found.shapes.items() if shape.base]
    keys += [_key(rng, found, number) for number in range(rng.randint(2, 7))]
    found.keys = rng.sample(keys, len(keys))
    _fill(rng, found)
    _constrain(rng, found)
    return found


# tables


def _shape(rng: random.Random, found: Graph, table: str) -> Shape:
    above = [other for other, shape in found.shapes.items() if not shape.partitioned]
    base = rng.choice(above) if above and rng.random() < 0.12 else None
    key, tail = "INT NOT NULL PRIMARY KEY", ""
    if found.dialect == "sqlite":
        key = rng.choice((key, key, "INTEGER PRIMARY KEY"))
        tail = rng.choice(("", "", "", " WITHOUT ROWID"))
    return Shape(
        base=base,
        kinds=base is None and rng.random() < 0.1,
        partitioned=found.dialect == "postgresql" and base is None and rng.random() < 0.1,
        key=key,
        tail=tail,
        nocase=found.dialect == "mysql" or (found.dialect == "sqlite" and rng.random() < 0.3),
        tenants=found.shapes[base].tenants if base is not None else rng.random() < 0.7,
    )


def _inherited(rng: random.Random, dialect: str, table: str, shape: Shape) -> Key:
    """The foreign key of a joined subclass, which is its primary key."""
    actions = ("CASCADE", "CASCADE", "CASCADE", "NO ACTION", "RESTRICT", "SET NULL")
    ondelete = rng.choice(actions[:5] if dialect == "mysql" else actions)
    return Key(f"{rng.choice('abcXYZ')}_{table}", table, "id", str(shape.base), ondelete, "NO ACTION")


def _key(rng: random.Random, found: Graph, number: int) -> Key:
    parent = rng.choice(found.tables)
    child = parent if rng.random() < 0.15 else rng.choice(found.tables)
    shape = found.shapes[parent]
    ondelete, onupdate = rng.choice(ACTIONS), rng.choice(UPDATES)
    not_null = rng.random() < 0.2
    own_tenant = rng.random() < 0.5
    composite = rng.random() < 0.2
    if found.dialect == "mysql":
        ondelete = ondelete.replace("DEFAULT", "NULL")
        not_null = not_null and "SET NULL" not in (ondelete, onupdate)
        own_tenant = True
    target = "u" if not composite and not shape.partitioned and rng.random() < 0.15 else "id"
    word = "u{}" if target == "u" else "{}"
    default = rng.choice((None, 1, 2, 99)) if ondelete == "SET DEFAULT" else None
    postgresql = found.dialect == "postgresql"
    return Key(
        name=f"{rng.choice('abcXYZ')}{number}",
        child=child,
        column=f"r{number}",
        parent=parent,
        ondelete=ondelete,
        onupdate=onupdate,
        tenant=None if not composite else f"w{number}" if own_tenant else "t",
        target=target,
        late=rng.choice(LATE) if found.dialect != "mysql" and rng.random() < 0.2 else "",
        full=postgresql and composite and own_tenant and rng.random() < 0.4,
        partly=postgresql and composite and ondelete == "SET NULL" and rng.random() < 0.5,
        not_null=not_null,
        domain=postgresql and not_null and target == "id" and rng.random() < 0.4,
        default=default if default is None or target == "id" else word.format(default),
    )


# rows


def _fill(rng: random.Random, found: Graph) -> None:
    for table, shape in found.shapes.items():
        ids = list(range(1, rng.randint(3, 6)))
        if shape.base is not None:
            free = [row for row in found.rows[shape.base] if row["kind"] == shape.base]
            chosen = rng.sample(free, rng.randint(0, len(free)))
            ids = sorted(row["id"] for row in chosen)
            _tell(found, shape.base, table, ids)
        found.rows[table] = [_row(rng, table, shape, number) for number in ids]
        if shape.base is not None:
            tenants = {row["id"]: row["t"] for row in found.rows[shape.base]}
            found.rows[table] = [{**row, "t": tenants[row["id"]]} for row in found.rows[table]]
    for key in found.keys:
        if key.column != "id":
            _refer(rng, found, key)
    found.keys = [_kept(found, key) for key in found.keys]


def _tell(found: Graph, above: str | None, kind: str, ids: Sequence[int]) -> None:
    """Write the class of joined rows into the tables above them."""
    while above is not None:
        for row in found.rows[above]:
            if row["id"] in ids:
                row["kind"] = kind
        above = found.shapes[above].base


def _row(rng: random.Random, table: str, shape: Shape, number: int) -> Values:
    kind = f"{table}x" if shape.kinds and rng.random() < 0.5 else table
    tenant = None if shape.tenants and rng.random() < 0.1 else 1
    return {"id": number, "t": tenant, "u": f"u{number}", "kind": kind, "v": 1}


def _refer(rng: random.Random, found: Graph, key: Key) -> None:
    """Values of a foreign key for every row: some null, some shared, half of a composite one here and there."""
    parents = [row for row in found.rows[key.parent] if key.tenant is None or row["t"] == 1]
    for row in found.rows[key.child]:
        value = rng.choice(parents)[key.target] if parents else None
        if not key.not_null and rng.random() < 0.45:
            value = None
        if (
            key.target == "u"
            and value is not None
            and found.shapes[key.parent].nocase
            and key.parent != key.child
        ):
            value = rng.choice((value, value.upper()))
        row[key.column] = value
        if key.tenant is not None and key.tenant != "t":
            row[key.tenant] = 1 if value is not None else None if key.full else rng.choice((None, 1))
            if not key.full and rng.random() < 0.1:
                row[key.tenant] = None  # then it refers to nothing
        elif key.tenant == "t" and row["t"] is None and rng.random() < 0.5:
            row[key.column] = 77


def _kept(found: Graph, key: Key) -> Key:
    """The key without the NOT NULL that its rows do not keep."""
    empty = any(row[key.column] is None for row in found.rows[key.child])
    return replace(key, not_null=key.not_null and not empty, domain=key.domain and not empty)


# constraints


def _constrain(rng: random.Random, found: Graph) -> None:
    """Add CHECK and UNIQUE constraints that the rows keep, and that leave room for a spare one."""
    for table in found.tables:
        own = [key for key in found.keys_of(table) if key.column != "id"]
        candidates = [each for key in own for each in _single(found, table, key.column)]
        candidates += [
            each for one, two in itertools.pairwise(own) for each in _double(found, table, one, two)
        ]
        for each in candidates:
            if rng.random() < 0.12 and _allowed(found, each) and each.holds(found.rows[table]):
                found.constraints.append(each)
                if next(_spares(found, table), None) is None:
                    found.constraints.pop()


def _single(found: Graph, table: str, column: str) -> Iterator[Constraint]:
    columns = (column,)
    yield Constraint(table, f"UNIQUE ({column})", columns, _distinct(columns), unique=True)
    yield Constraint(
        table,
        f"CHECK ({column} IS NOT NULL OR id % 2 = 0)",
        columns,
        lambda rows: all(row[column] is not None or row["id"] % 2 == 0 for row in rows),
    )
    if found.dialect == "postgresql":
        alike = _distinct(columns, nulls=True)
        sql = f"UNIQUE NULLS NOT DISTINCT ({column})"
        yield Constraint(table, sql, columns, alike, unique=True)
    if found.dialect != "mysql":
        sql = f"CREATE UNIQUE INDEX {table}_{column}_part ON {table} (kind, t) WHERE {column} IS NULL"

        def one(rows: list[Values]) -> bool:
            kinds = [row["kind"] for row in rows if row[column] is None and row["t"] is not None]
            return len(kinds) == len(set(kinds))

        yield Constraint(table, sql, columns, one, unique=True, index=True)


def _double(found: Graph, table: str, one: Key, two: Key) -> Iterator[Constraint]:
    first, second = one.column, two.column
    columns = (first, second)
    yield Constraint(
        table,
        f"CHECK (({first} IS NULL) <> ({second} IS NULL))",
        columns,
        lambda rows: all((row[first] is None) != (row[second] is None) for row in rows),
    )
    yield Constraint(
        table,
        f"CHECK ({first} IS NOT NULL OR {second} IS NOT NULL)",
        columns,
        lambda rows: all(row[first] is not None or row[second] is not None for row in rows),
    )
    yield Constraint(table, f"UNIQUE ({first}, {second})", columns, _distinct(columns), unique=True)


def _distinct(columns: Sequence[str], *, nulls: bool = False) -> Callable[[list[Values]], bool]:
    def holds(rows: list[Values]) -> bool:
        keys = [tuple(str(row[name]).lower() for name in columns) for row in rows if nulls or _full(row)]
        return len(keys) == len(set(keys))

    def _full(row: Values) -> bool:
        return all(row[name] is not None for name in columns)

    return holds


def _allowed(found: Graph, each: Constraint) -> bool:
    """InnoDB refuses a CHECK over what an action writes; a partitioned table's unique keys hold its key."""
    if each.unique and found.shapes[each.table].partitioned:
        return False
    keys = [key for key in found.keys_of(each.table) if set(key.columns) & set(each.columns)]
    written = any(key.ondelete == "SET NULL" or key.onupdate in ("SET NULL", "CASCADE") for key in keys)
    return found.dialect != "mysql" or each.unique or not written


# in the database


def build(connection: sa.Connection, found: Graph, *, spares: bool = False) -> None:
    """Make the tables and rows; *spares* adds to each table a row that nothing refers to but its like."""
    inline = found.dialect != "postgresql"
    statements = [_create(found, table, inline=inline) for table in found.tables]
    statements += [sql for table in found.tables for sql in _partitions(found, table)]
    if not inline:
        statements += [f"ALTER TABLE {key.child} ADD {_clause(key)}" for key in found.keys]
    statements += [each.sql for each in found.constraints if each.index]
    with unenforced(connection):
        if any(key.domain for key in found.keys):
            connection.exec_driver_sql("CREATE DOMAIN present AS INT NOT NULL")
        for sql in statements:
            connection.exec_driver_sql(sql if found.dialect == "sqlite" else sql.replace("%", "%%"))
        for table, rows in found.rows.items():
            _insert(connection, table, rows)
            if spares:
                _insert(connection, table, [next(_spares(found, table))])
        connection.commit()


def _insert(connection: sa.Connection, table: str, rows: list[Values]) -> None:
    if rows:
        connection.execute(sa.insert(sa.table(table, *map(sa.column, rows[0]))), rows)


def spare_kinds(found: Graph, table: str) -> list[str]:
    """The classes that the spare row of *table* is of: one subclass of each above, the lowest last."""
    base = found.shapes[table].base
    kinds = spare_kinds(found, base) if base is not None else [table]
    while below := [each for each, shape in found.shapes.items() if shape.base == kinds[-1]]:
        kinds.append(below[0])
    return kinds


def _spares(found: Graph, table: str) -> Iterator[Values]:
    """Spare rows that the constraints let in, those first that refer to most of their like."""
    row: Values = {"id": SPARE, "t": 1, "u": f"u{SPARE}", "kind": spare_kinds(found, table)[-1], "v": 1}
    own = [key for key in found.keys_of(table) if key.column != "id"]
    row.update({key.column: row[key.target] for key in own})
    row.update({key.tenant: 1 for key in own if key.tenant is not None})
    free = [key.column for key in own if not key.not_null]
    for count in range(len(free) + 1):
        for empty in itertools.combinations(free, count):
            tried = {**row, **dict.fromkeys(empty)}
            if all(
                each.holds([*found.rows[table], tried]) for each in found.constraints if each.table == table
            ):
                yield tried


def _create(found: Graph, table: str, *, inline: bool) -> str:
    shape, own = found.shapes[table], found.keys_of(table)
    text = "VARCHAR(20)" + (" COLLATE NOCASE" if shape.nocase and found.dialect == "sqlite" else "")
    tenant = "INT" if shape.tenants else "INT NOT NULL"
    parts = [f"id {shape.key}", f"t {tenant}", f"u {text} NOT NULL", "kind VARCHAR(20)", "v INT"]
    parts += [_column(key) for key in own if key.column != "id"]
    parts += [f"{key.tenant} INT" for key in own if key.tenant not in (None, "t")]
    parts.append("UNIQUE (t, id)")
    if not shape.partitioned:
        parts.append("UNIQUE (u)")
    parts += [each.sql for each in found.constraints if each.table == table and not each.index]
    parts += [_clause(key) for key in own] if inline else []
    tail = " PARTITION BY LIST (id)" if shape.partitioned else shape.tail
    return f"CREATE TABLE {table} ({', '.join(parts)}){tail}"


def _column(key: Key) -> str:
    kind = "VARCHAR(20)" if key.target == "u" else "present" if key.domain else "INT"
    default = f" DEFAULT {key.default!r}" if key.default is not None else ""
    return f"{key.column} {kind}{default}{' NOT NULL' if key.not_null and not key.domain else ''}"


def _partitions(found: Graph, table: str) -> Iterator[str]:
    if found.shapes[table].partitioned:
        yield f"CREATE TABLE {table}_low PARTITION OF {table} FOR VALUES IN (1, 2)"
        yield f"CREATE TABLE {table}_high PARTITION OF {table} DEFAULT"


def _clause(key: Key) -> str:
    partly = f" ({key.column})" if key.partly else ""
    return (
        f"CONSTRAINT {key.name} FOREIGN KEY ({', '.join(key.columns)})"
        f" REFERENCES {key.parent} ({', '.join(key.referred)}){' MATCH FULL' if key.full else ''}"
        f" ON DELETE {key.ondelete}{partly} ON UPDATE {key.onupdate} {key.late}"
    )


def drop(connection: sa.Connection, found: Graph) -> None:
    """Take the tables away."""
    connection.rollback()
    cascade = " CASCADE" if found.dialect == "postgresql" else ""
    with unenforced(connection):
        for table in found.tables:
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {table}{cascade}")
        if found.dialect == "postgresql":
            connection.exec_driver_sql("DROP DOMAIN IF EXISTS present")
        connection.commit()


@contextmanager
def unenforced(connection: sa.Connection) -> Iterator[None]:
    """Foreign keys do not hold in this block; it begins and ends outside a transaction."""
    connection.rollback()
    off, on = OFF[connection.dialect.name]
    connection.exec_driver_sql(off)
    connection.commit()
    yield
    connection.exec_driver_sql(on)
    connection.commit()
