"""Read the model of the schema from MariaDB's and MySQL's information_schema.

Source: MariaDB 10.11 knowledge base, "Information Schema Tables", read 2026-11-22; proved on 10.11.19.
"""
# ruff: noqa: S608 - the queries are put together from constants of this module alone

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from ._metadata import action, mentions
from ._schema import Action, Check, Column, ForeignKey, Index, Schema, Table, Trigger, Unique

OURS = "NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')"

TABLES = f"""
SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE FROM information_schema.TABLES
WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA {OURS} ORDER BY TABLE_SCHEMA, TABLE_NAME"""

COLUMNS = f"""
SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, IS_NULLABLE, COLUMN_DEFAULT, GENERATION_EXPRESSION
FROM information_schema.COLUMNS
WHERE TABLE_SCHEMA {OURS} ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION"""

# not sorted: the server tells the indexes of a table in its own order, by which InnoDB chooses among them
INDEXES = f"""
SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS
WHERE TABLE_SCHEMA {OURS}"""

FOREIGN_KEYS = f"""
SELECT k.CONSTRAINT_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA,
       k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, r.UPDATE_RULE
FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r
  ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME
WHERE k.REFERENCED_TABLE_NAME IS NOT NULL AND k.CONSTRAINT_SCHEMA {OURS}
ORDER BY k.CONSTRAINT_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION"""

CHECKS_MARIADB = f"""
SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS
WHERE CONSTRAINT_SCHEMA {OURS}"""

CHECKS_MYSQL = f"""
SELECT c.CONSTRAINT_SCHEMA, t.TABLE_NAME, c.CONSTRAINT_NAME, c.CHECK_CLAUSE
FROM information_schema.CHECK_CONSTRAINTS c JOIN information_schema.TABLE_CONSTRAINTS t
  ON t.CONSTRAINT_SCHEMA = c.CONSTRAINT_SCHEMA AND t.CONSTRAINT_NAME = c.CONSTRAINT_NAME
WHERE t.CONSTRAINT_TYPE = 'CHECK' AND c.CONSTRAINT_SCHEMA {OURS}"""

TRIGGERS = f"""
SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_NAME, ACTION_TIMING, EVENT_MANIPULATION
FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA {OURS}"""

SQL_FOREIGN_KEYS = (9, 6)
MOVED = "MySQL 9.6 and later enforce foreign keys in another place, for which this engine has no proved rules"
LAX = "sql_mode is not strict, so that NULL in a NOT NULL column may silently become another value"

Place = tuple[str, str]


def read_mysql(connection: sa.Connection) -> Schema:
    """The schema of every table that *connection* may see, other databases included."""
    return _Reader(connection).read()


class _Reader:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._default: str | None = connection.scalar(sa.text("SELECT database()"))

    def read(self) -> Schema:
        places = {(row[0], row[1]): row[2] for row in self._rows(TABLES)}
        columns: dict[Place, dict[str, Column]] = defaultdict(dict)
        for schema, table, name, nullable, default, formula in self._rows(COLUMNS):
            columns[schema, table][name] = Column(
                name=name,
                nullable=nullable == "YES",
                default=None if default in (None, "NULL") else str(default),
                generated=bool(formula),
                formula=formula or None,
            )
        indexes = self._indexes()
        keys, checks, triggers = self._foreign_keys(indexes), self._checks(columns), self._triggers()
        tables = {}
        for place, engine in places.items():
            table = self._table(place, engine, columns[place], indexes[place])
            tables[table.key] = replace(
                table,
                foreign_keys=tuple(keys[place]),
                checks=tuple(checks[place]),
                triggers=tuple(triggers[place]),
            )
        return Schema(tables=tables, dialect="mysql", default=self._default, caveats=self._caveats())

    def _caveats(self) -> tuple[str, ...]:
        version = self._connection.dialect.server_version_info or (0,)
        moved = not self._mariadb and tuple(version) >= SQL_FOREIGN_KEYS
        mode = str(self._connection.scalar(sa.text("SELECT @@sql_mode")))
        strict = "STRICT_TRANS_TABLES" in mode or "STRICT_ALL_TABLES" in mode
        return ((MOVED,) if moved else ()) + (() if strict else (LAX,))

    @property
    def _mariadb(self) -> bool:
        return bool(getattr(self._connection.dialect, "is_mariadb", False))

    def _rows(self, sql: str) -> list[Any]:
        return list(self._connection.exec_driver_sql(sql))

    def _key(self, schema: str, table: str) -> str:
        return table if schema == self._default else f"{schema}.{table}"

    def _table(
        self, place: Place, engine: str, columns: dict[str, Column], indexes: dict[str, Index]
    ) -> Table:
        schema, name = place
        primary = indexes["PRIMARY"].columns if "PRIMARY" in indexes else ()
        return Table(
            key=self._key(schema, name),
            name=name,
            schema=schema,
            columns=columns,
            primary_key=primary,
            uniques=tuple(
                Unique(
                    name=index.name,
                    columns=index.columns,
                    primary=index.name == "PRIMARY",
                    partial=index.partial,
                )
                for index in indexes.values()
                if index.unique
            ),
            indexes=tuple(indexes.values()),
            enforces=(engine or "").lower() in ("innodb", "ndbcluster"),
        )

    def _indexes(self) -> dict[Place, dict[str, Index]]:
        grouped: dict[tuple[str, str, str], list[Any]] = {}
        for row in self._rows(INDEXES):
            grouped.setdefault((row[0], row[1], row[2]), []).append(row)
        found: dict[Place, dict[str, Index]] = defaultdict(dict)
        for (schema, table, name), rows in grouped.items():
            found[schema, table][name] = Index(
                name=name,
                columns=tuple(row[4] for row in rows if row[4] is not None),
                unique=not rows[0][3],
                partial=any(row[5] is not None or row[4] is None for row in rows),
            )
        return found

    def _foreign_keys(self, indexes: dict[Place, dict[str, Index]]) -> dict[Place, list[ForeignKey]]:
        grouped: dict[tuple[str, str, str], list[Any]] = {}
        for row in self._rows(FOREIGN_KEYS):
            grouped.setdefault((row[0], row[1], row[2]), []).append(row)
        found: dict[Place, list[ForeignKey]] = defaultdict(list)
        for (schema, table, _), rows in grouped.items():
            found[schema, table].append(self._foreign_key(rows, indexes))
        return found

    def _foreign_key(self, rows: list[Any], indexes: dict[Place, dict[str, Index]]) -> ForeignKey:
        schema, table, name, _, parent_schema, parent, _, ondelete, onupdate = rows[0]
        referred = tuple(row[6] for row in rows)
        order = (_rank(referred, indexes[parent_schema, parent]), f"{schema}/{name}".encode())
        return ForeignKey(
            name=name,
            table=self._key(schema, table),
            columns=tuple(row[3] for row in rows),
            referred=self._key(parent_schema, parent),
            referred_columns=referred,
            ondelete=_action(ondelete),
            onupdate=_action(onupdate),
            order=order,
            order_update=order,
            order_check=order,
        )

    def _checks(self, columns: dict[Place, dict[str, Column]]) -> dict[Place, list[Check]]:
        found: dict[Place, list[Check]] = defaultdict(list)
        for schema, table, name, sql in self._rows(CHECKS_MARIADB if self._mariadb else CHECKS_MYSQL):
            read = tuple(column for column in columns[schema, table] if mentions(sql, column))
            found[schema, table].append(Check(name=name, sql=sql, columns=read))
        return found

    def _triggers(self) -> dict[Place, list[Trigger]]:
        found: dict[Place, list[Trigger]] = defaultdict(list)
        for schema, table, name, timing, event in self._rows(TRIGGERS):
            found[schema, table].append(Trigger(name=name, timing=timing, events=frozenset({event})))
        return found


def _action(rule: str) -> Action:
    """InnoDB takes SET DEFAULT for no action at all."""
    found = action(rule)
    return Action.NO_ACTION if found is Action.SET_DEFAULT else found


def _rank(referred: tuple[str, ...], indexes: dict[str, Index]) -> int:
    """InnoDB visits the keys that refer to the clustered index first, then those of each further index."""
    for rank, index in enumerate(indexes.values()):
        if tuple(name.lower() for name in index.columns[: len(referred)]) == tuple(
            name.lower() for name in referred
        ):
            return rank
    return len(indexes)
