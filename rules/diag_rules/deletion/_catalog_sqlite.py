"""Read the model of the schema from SQLite: PRAGMAs, and the text of CREATE TABLE for what they leave out.

Source: sqlite.org "PRAGMA Statements" and "SQLite Foreign Key Support", read 2026-11-22; proved on 3.40.1.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from . import _sqlite_ddl as ddl
from ._metadata import action, mentions
from ._schema import Check, Column, ForeignKey, Index, Schema, Table, Trigger, Unique

OFF = "foreign keys are not enforced on this connection (PRAGMA foreign_keys is off)"
ROWIDS = ("rowid", "_rowid_", "oid")


def read_sqlite(connection: sa.Connection) -> Schema:
    """The schema of the main database, as its PRAGMAs and its CREATE statements show it."""
    statements = list(
        connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY rowid")
    )
    without_rowid = {row[1] for row in connection.exec_driver_sql("PRAGMA main.table_list") if row[4]}
    triggers = _triggers(statements)
    written = {row[1]: row[3] for row in statements if row[0] == "index"}
    names = [(row[1], row[3]) for row in statements if row[0] == "table" and not row[1].startswith("sqlite_")]
    canonical = {name.lower(): name for name, _ in names}
    tables = {}
    for position, (name, sql) in enumerate(names):
        table = _table(connection, name, sql, written, without_rowid=name in without_rowid)
        keys = _foreign_keys(connection, name, sql, position, canonical)
        tables[name] = replace(
            table, foreign_keys=tuple(keys), triggers=tuple(triggers.get(name.lower(), ()))
        )
    return Schema(tables={name: _resolved(table, tables) for name, table in tables.items()}, dialect="sqlite")


def _pragma(connection: sa.Connection, pragma: str, name: str) -> list[Any]:
    quoted = name.replace('"', '""')
    return list(connection.exec_driver_sql(f'PRAGMA main.{pragma}("{quoted}")'))


def _table(
    connection: sa.Connection, name: str, sql: str, written: dict[str, str | None], *, without_rowid: bool
) -> Table:
    rows = _pragma(connection, "table_xinfo", name)
    keyed = sorted((row for row in rows if row[5]), key=lambda row: int(row[5]))
    primary = tuple(row[1] for row in keyed)
    single = len(keyed) == 1 and not without_rowid and keyed[0][2].upper() == "INTEGER"
    formulas, collations = ddl.formulas(sql), ddl.collations(sql)
    columns = {
        row[1]: replace(
            _column(row, formulas, forbids=bool(row[5]) and (single or without_rowid)),
            collation=collations.get(row[1].lower()),
        )
        for row in rows
    }
    uniques, indexes = _indexes(connection, name, written)
    if primary and not any(unique.primary for unique in uniques):
        uniques.insert(0, Unique(name=None, columns=primary, primary=True))
    taken = {column.lower() for column in columns}
    free = next((word for word in ROWIDS if word not in taken), None)
    return Table(
        key=name,
        name=name,
        columns=columns,
        primary_key=primary,
        uniques=tuple(uniques),
        indexes=tuple(indexes),
        checks=tuple(_checks(sql, tuple(columns))),
        rowid=None if without_rowid else free,
    )


def _column(row: Any, formulas: dict[str, str], *, forbids: bool) -> Column:
    _, name, _, not_null, default, _, hidden = row
    return Column(
        name=name,
        nullable=not not_null and not forbids,
        default=default,
        generated=hidden in (2, 3),
        formula=formulas.get(name.lower()),
    )


def _foreign_keys(
    connection: sa.Connection, name: str, sql: str, position: int, canonical: dict[str, str]
) -> list[ForeignKey]:
    """The foreign keys of a table. PRAGMA numbers them from the last declared, which is also SQLite's order."""
    grouped: dict[int, list[Any]] = {}
    for row in _pragma(connection, "foreign_key_list", name):
        grouped.setdefault(row[0], []).append(row)
    written = ddl.references(sql)
    found = []
    for number, rows in sorted(grouped.items()):
        place = len(grouped) - 1 - number
        told = written[place] if len(written) == len(grouped) else ddl.Reference(None, False)
        rows.sort(key=lambda row: int(row[1]))
        order = (-position, number)
        found.append(
            ForeignKey(
                name=told.name,
                table=name,
                columns=tuple(row[3] for row in rows),
                referred=canonical.get(rows[0][2].lower(), rows[0][2]),
                referred_columns=tuple(row[4] for row in rows if row[4] is not None),
                ondelete=action(rows[0][6]),
                onupdate=action(rows[0][5]),
                deferrable=told.initially_deferred,
                initially_deferred=told.initially_deferred,
                order=order,
                order_update=order,
                order_check=order,
            )
        )
    return found[::-1]


def _resolved(table: Table, tables: dict[str, Table]) -> Table:
    """The table with each foreign key's parent columns filled in, as the parent spells them."""
    keys = tuple(_with_parent(_spelled(fk, table), tables.get(fk.referred)) for fk in table.foreign_keys)
    return replace(table, foreign_keys=keys)


def _spelled(fk: ForeignKey, table: Table) -> ForeignKey:
    return replace(fk, columns=_spelling(fk.columns, table))


def _spelling(names: tuple[str, ...], table: Table) -> tuple[str, ...]:
    canonical = {column.lower(): column for column in table.columns}
    return tuple(canonical.get(name.lower(), name) for name in names)


def _with_parent(fk: ForeignKey, parent: Table | None) -> ForeignKey:
    if parent is None:
        return replace(fk, broken=f"{fk.table} refers to {fk.referred}, and there is no table of that name")
    columns = _spelling(fk.referred_columns or parent.primary_key, parent)
    unique = any(set(unique.columns) == set(columns) and not unique.partial for unique in parent.uniques)
    broken = (
        None
        if unique
        else f"foreign key mismatch: {fk.table} refers to {parent.name}, whose columns are not unique"
    )
    return replace(fk, referred_columns=columns, broken=broken)


def _indexes(
    connection: sa.Connection, name: str, written: dict[str, str | None]
) -> tuple[list[Unique], list[Index]]:
    uniques: list[Unique] = []
    indexes: list[Index] = []
    for _, index, unique, origin, partial in _pragma(connection, "index_list", name):
        rows = [row for row in _pragma(connection, "index_xinfo", index) if row[5]]
        columns = tuple(row[2] for row in rows if row[2] is not None)
        whole = len(columns) == len(rows) and not partial
        indexes.append(Index(name=index, columns=columns, unique=bool(unique), partial=bool(partial)))
        if unique:
            terms, where = ddl.index_terms(written.get(index) or "") if not whole else ((), None)
            uniques.append(
                Unique(
                    name=index,
                    columns=columns,
                    primary=origin == "pk",
                    partial=not whole,
                    terms=terms,
                    where=where,
                )
            )
    return sorted(uniques, key=lambda item: (not item.primary, item.columns)), indexes


def _checks(sql: str, columns: tuple[str, ...]) -> list[Check]:
    return [
        Check(name=name, sql=text, columns=tuple(column for column in columns if mentions(text, column)))
        for name, text in ddl.checks(sql)
    ]


def _triggers(statements: list[Any]) -> dict[str, list[Trigger]]:
    found: dict[str, list[Trigger]] = {}
    for kind, name, table, sql in statements:
        if kind == "trigger":
            found.setdefault(table.lower(), []).append(_trigger(name, sql))
    return found


def _trigger(name: str, sql: str) -> Trigger:
    """Read timing and event from the head of CREATE TRIGGER, which is before ON."""
    head = []
    for token in ddl.tokens(sql):
        if token.says("ON"):
            break
        head.append(token)
    event = next(
        (word for word in ("DELETE", "UPDATE", "INSERT") if any(token.says(word) for token in head)), ""
    )
    timing = next(
        (word for word in ("AFTER", "INSTEAD") if any(token.says(word) for token in head)), "BEFORE"
    )
    place = next(
        (at for at, token in enumerate(head) if token.says("OF") and at and head[at - 1].says("UPDATE")), None
    )
    columns = (
        tuple(token.value for token in head[place + 1 :] if token.value != ",") if place is not None else ()
    )
    return Trigger(
        name=name,
        timing="INSTEAD OF" if timing == "INSTEAD" else timing,
        events=frozenset({event}),
        columns=columns,
    )
