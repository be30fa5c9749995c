"""Random schemas with rows, mappings over them, and the truth: what really deleting does."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.orm import Session, configure_mappers, registry, relationship

ACTIONS = ("NO ACTION", "RESTRICT", "CASCADE", "CASCADE", "CASCADE", "SET NULL", "SET DEFAULT")
FAILURES = (exc.DBAPIError, exc.InvalidRequestError, exc.SQLAlchemyError, AssertionError)
OFF = {
    "sqlite": ("PRAGMA foreign_keys=OFF", "PRAGMA foreign_keys=ON"),
    "postgresql": ("SET session_replication_role = replica", "SET session_replication_role = DEFAULT"),
    "mysql": ("SET foreign_key_checks = 0", "SET foreign_key_checks = 1"),
}


@dataclass(frozen=True)
class Key:
    """A foreign key of a random schema; column *column* of *child*, with the tenant where it is composite."""

    name: str
    child: str
    column: str
    parent: str
    ondelete: str
    onupdate: str
    deferred: bool
    composite: bool
    not_null: bool
    unique: bool
    checked: bool
    default: int | None


@dataclass
class Graph:
    """A random schema and its rows: by table, a list of columns to values."""

    seed: int
    dialect: str
    tables: list[str] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def graph(seed: int, dialect: str) -> Graph:
    """The graph of a seed: the same every time."""
    rng = random.Random(f"{seed} {dialect}")
    found = Graph(seed, dialect, [f"t{number}" for number in range(rng.randint(2, 5))])
    for number in range(rng.randint(2, 7)):
        found.keys.append(_key(rng, found, number))
    if dialect == "mysql":
        found.keys = [
            key
            for number, key in enumerate(found.keys)
            if key.name not in {k.name for k in found.keys[:number]}
        ]
    _fill(rng, found)
    return found


def _key(rng: random.Random, found: Graph, number: int) -> Key:
    parent = rng.choice(found.tables)
    child = parent if rng.random() < 0.15 else rng.choice(found.tables)
    ondelete = rng.choice(ACTIONS)
    not_null = rng.random() < 0.2
    checked = rng.random() < 0.15 and not not_null
    if found.dialect == "mysql" and ondelete == "SET DEFAULT":
        ondelete = "SET NULL"
    if found.dialect == "mysql" and ondelete == "SET NULL":
        not_null = checked = False
    onupdate = rng.choice(("NO ACTION", "CASCADE"))
    if found.dialect == "mysql" and onupdate == "CASCADE":
        checked = False  # refused by CREATE
    return Key(
        name=f"{rng.choice('abcXYZ')}{number}",
        child=child,
        column=f"r{number}",
        parent=parent,
        ondelete=ondelete,
        onupdate=onupdate,
        deferred=found.dialect != "mysql" and rng.random() < 0.15,
        composite=found.dialect != "mysql" and rng.random() < 0.15,
        not_null=not_null,
        unique=rng.random() < 0.1,
        checked=checked,
        default=rng.choice((None, 1, 2, 99)) if ondelete == "SET DEFAULT" else None,
    )


def _fill(rng: random.Random, found: Graph) -> None:
    for table in found.tables:
        found.rows[table] = [{"id": number, "t": 1} for number in range(1, rng.randint(3, 6))]
    for key in found.keys:
        parents = [row["id"] for row in found.rows[key.parent]]
        rng.shuffle(parents)
        for row in list(found.rows[key.child]):
            value = parents.pop() if key.unique and parents else None if key.unique else rng.choice(parents)
            if not key.not_null and rng.random() < 0.45:
                value = None
            if key.checked and value is None and row["id"] % 2:
                value = rng.choice(parents or [None])
            row[key.column] = value
    _drop_broken(found)


def _drop_broken(found: Graph) -> None:
    """Leave out constraints that the random rows do not keep: no database would have taken them."""
    kept = []
    for key in found.keys:
        values = [row[key.column] for row in found.rows[key.child]]
        not_null = key.not_null and None not in values
        present = [value for value in values if value is not None]
        unique = key.unique and len(present) == len(set(present))
        checked = key.checked and all(
            row[key.column] is not None or row["id"] % 2 == 0 for row in found.rows[key.child]
        )
        kept.append(Key(**{**key.__dict__, "not_null": not_null, "unique": unique, "checked": checked}))
    found.keys = kept


def build(connection: sa.Connection, found: Graph) -> None:
    """Make the tables and rows."""
    inline = found.dialect == "sqlite"
    with unenforced(connection):
        for table in found.tables:
            connection.exec_driver_sql(_create(found, table, inline=inline))
        if not inline:
            for key in found.keys:
                connection.exec_driver_sql(f"ALTER TABLE {key.child} ADD {_clause(key)}")
        for table, rows in found.rows.items():
            names = list(rows[0])
            clause = sa.table(table, *(sa.column(name) for name in names))
            connection.execute(sa.insert(clause), rows)
        connection.commit()


def _create(found: Graph, table: str, *, inline: bool) -> str:
    parts = ["id INT NOT NULL PRIMARY KEY", "t INT"]
    own = [key for key in found.keys if key.child == table]
    for key in own:
        default = f" DEFAULT {key.default}" if key.default is not None else ""
        parts.append(f"{key.column} INT{default}{' NOT NULL' if key.not_null else ''}")
    parts.append("UNIQUE (t, id)")
    parts += [f"UNIQUE ({key.column})" for key in own if key.unique]
    parts += [f"CHECK ({key.column} IS NOT NULL OR id % 2 = 0)" for key in own if key.checked]
    parts += [_clause(key) for key in own] if inline else []
    return f"CREATE TABLE {table} ({', '.join(parts)})".replace(
        "%", "%%" if found.dialect != "sqlite" else "%"
    )


def _clause(key: Key) -> str:
    columns, referred = (f"t, {key.column}", "t, id") if key.composite else (key.column, "id")
    late = " DEFERRABLE INITIALLY DEFERRED" if key.deferred else ""
    return (
        f"CONSTRAINT {key.name} FOREIGN KEY ({columns}) REFERENCES {key.parent} ({referred})"
        f" ON DELETE {key.ondelete} ON UPDATE {key.onupdate}{late}"
    )


def drop(connection: sa.Connection, found: Graph) -> None:
    """Take the tables away."""
    connection.rollback()
    with unenforced(connection):
        for table in found.tables:
            connection.exec_driver_sql(
                f"DROP TABLE {table}{' CASCADE' if found.dialect == 'postgresql' else ''}"
            )
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


def mapping(found: Graph, rng: random.Random) -> Mapping[str, type]:
    """Classes over the tables, with random relationships."""
    mapped = registry()
    metadata = sa.MetaData()
    classes: dict[str, type] = {}
    for table in found.tables:
        own = [key for key in found.keys if key.child == table]
        columns = [sa.Column(key.column, sa.Integer, nullable=not key.not_null) for key in own]
        # without ForeignKey objects the mapping would need primaryjoins; they carry no action, as many mappings do not
        constraints = [sa.ForeignKeyConstraint([key.column], [f"{key.parent}.id"]) for key in own]
        sa.Table(
            table,
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("t", sa.Integer),
            *columns,
            *constraints,
        )
    for table in found.tables:
        classes[table] = type(table.upper(), (), {})
    for table in found.tables:
        properties = {}
        for key in found.keys:
            if key.parent == table and rng.random() < 0.6:
                properties[f"many_{key.column}"] = _collection(rng, classes, metadata, key)
            if key.child == table and rng.random() < 0.3:
                properties[f"one_{key.column}"] = _reference(rng, classes, metadata, key)
        mapped.map_imperatively(classes[table], metadata.tables[table], properties=properties)
    configure_mappers()
    return classes


def _collection(rng: random.Random, classes: Mapping[str, type], metadata: sa.MetaData, key: Key) -> Any:
    child = metadata.tables[key.child]
    options: dict[str, Any] = {}
    options["cascade"] = rng.choice(("save-update, merge", "save-update, merge", "all", "all, delete-orphan"))
    options["passive_deletes"] = rng.choice((False, False, True, "all"))
    if options["passive_deletes"] == "all" and "all" in options["cascade"]:
        options["passive_deletes"] = True
    options["lazy"] = rng.choice(("select", "select", "selectin", "raise"))
    return relationship(
        classes[key.child],
        primaryjoin=metadata.tables[key.parent].c.id == sa.orm.foreign(child.c[key.column]),
        remote_side=[child.c[key.column]],
        overlaps="*",
        **options,
    )


def _reference(rng: random.Random, classes: Mapping[str, type], metadata: sa.MetaData, key: Key) -> Any:
    parent = metadata.tables[key.parent]
    cascade = rng.choice(("save-update, merge", "save-update, merge", "save-update, merge", "all"))
    return relationship(
        classes[key.parent],
        primaryjoin=sa.orm.remote(parent.c.id) == sa.orm.foreign(metadata.tables[key.child].c[key.column]),
        cascade=cascade,
        overlaps="*",
    )


@dataclass(frozen=True)
class Truth:
    """What really deleting did: the error, or the rows that went, by table."""

    error: str | None
    gone: Counter[str] = field(default_factory=Counter)


def delete_row(engine: sa.Engine, found: Graph, table: str, key: int) -> Truth:
    """Delete one row by SQL, and take it back."""
    with engine.connect() as connection:
        return _tried(
            connection, found, lambda: connection.exec_driver_sql(f"DELETE FROM {table} WHERE id = {key}")
        )


def delete_object(engine: sa.Engine, found: Graph, cls: type, key: int) -> Truth:
    """Delete one freshly loaded object by a session, and take it back."""
    with (
        engine.connect() as connection,
        Session(connection, join_transaction_mode="rollback_only") as session,
    ):
        subject = session.get(cls, key)

        def delete() -> None:
            session.delete(subject)
            session.flush()

        return _tried(connection, found, delete)


def _tried(connection: sa.Connection, found: Graph, action: Any) -> Truth:
    if found.dialect == "sqlite" and not connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr] # connected
        connection.exec_driver_sql("BEGIN")
    before = _counts(connection, found)
    try:
        action()
        if found.dialect == "postgresql":
            connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
        after = _counts(connection, found)
        if found.dialect == "sqlite" and _dangles_at_commit(connection):
            return Truth("deferred foreign key")
        return Truth(None, before - after)
    except FAILURES as error:
        return Truth(f"{type(error).__name__}: {error}".split("\n", 1)[0])
    finally:
        connection.rollback()


def _dangles_at_commit(connection: sa.Connection) -> bool:
    """True where SQLite's COMMIT would fail; all rows were sound before."""
    return connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None


def _counts(connection: sa.Connection, found: Graph) -> Counter[str]:
    return Counter(
        {
            table: connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
            for table in found.tables
        }
    )
