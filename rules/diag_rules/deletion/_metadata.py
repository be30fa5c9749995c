"""Read the model of the schema from SQLAlchemy's MetaData: what the application believes its database to be."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from ._schema import Action, Check, Column, ForeignKey, Index, Schema, Table, Unique


def read_metadata(metadata: sa.MetaData) -> Schema:
    """The schema as *metadata* has it. Foreign keys to tables that it does not hold are left out."""
    tables = {table.key: _table(table, position) for position, table in enumerate(metadata.tables.values())}
    return Schema(tables=tables)


def _table(table: sa.Table, position: int) -> Table:
    return Table(
        key=table.key,
        name=table.name,
        schema=table.schema,
        columns={column.name: _column(column) for column in table.columns},
        primary_key=tuple(column.name for column in table.primary_key.columns),
        foreign_keys=tuple(_foreign_keys(table, position)),
        uniques=tuple(_uniques(table)),
        checks=tuple(_checks(table)),
        indexes=tuple(_index(index) for index in sorted(table.indexes, key=lambda index: str(index.name))),
    )


def _column(column: sa.Column[object]) -> Column:
    return Column(
        name=column.name,
        nullable=bool(column.nullable) and not column.primary_key,
        default=_default(column),
        generated=column.computed is not None,
        type=column.type,
    )


def _default(column: sa.Column[object]) -> str | None:
    default = column.server_default
    argument = getattr(default, "arg", None)
    if argument is None:
        return None
    if isinstance(argument, str):
        return "'" + argument.replace("'", "''") + "'"
    return str(argument.compile(compile_kwargs={"literal_binds": True}))


def _foreign_keys(table: sa.Table, position: int) -> list[ForeignKey]:
    found = []
    for number, constraint in enumerate(sorted(table.foreign_key_constraints, key=_declared)):
        parent = _referred(constraint)
        if parent is None:
            continue
        order = (position, number)
        found.append(
            ForeignKey(
                name=str(constraint.name) if constraint.name else None,
                table=table.key,
                columns=tuple(element.parent.name for element in constraint.elements),
                referred=parent.key,
                referred_columns=tuple(element.column.name for element in constraint.elements),
                ondelete=action(constraint.ondelete),
                onupdate=action(constraint.onupdate),
                deferrable=bool(constraint.deferrable),
                initially_deferred=(constraint.initially or "").upper() == "DEFERRED",
                match="FULL" if (constraint.match or "").upper() == "FULL" else "SIMPLE",
                set_null_columns=set_null_columns(constraint.ondelete),
                order=order,
                order_update=order,
                order_check=order,
            )
        )
    return found


def _declared(constraint: sa.ForeignKeyConstraint) -> int:
    return int(getattr(constraint, "_creation_order", 0))


def _referred(constraint: sa.ForeignKeyConstraint) -> sa.Table | None:
    try:
        return constraint.referred_table
    except sa.exc.NoReferenceError:
        return None


def action(text: str | None) -> Action:
    """The action that *text* names, as reflection or a mapping writes it; None means NO ACTION."""
    words = " ".join((text or "NO ACTION").split("(")[0].upper().split())
    return Action(words)


def set_null_columns(text: str | None) -> tuple[str, ...]:
    """The columns of ``SET NULL (a, b)``; empty where there is no list."""
    if text is None or "(" not in text:
        return ()
    inside = text.split("(", 1)[1].rsplit(")", 1)[0]
    return tuple(part.strip().strip('"') for part in inside.split(","))


def _uniques(table: sa.Table) -> list[Unique]:
    found = []
    if len(table.primary_key.columns):
        names = tuple(column.name for column in table.primary_key.columns)
        name = table.primary_key.name
        found.append(Unique(name=str(name) if name else None, columns=names, primary=True))
    constraints = [item for item in table.constraints if isinstance(item, sa.UniqueConstraint)]
    indexes = sorted((index for index in table.indexes if index.unique), key=lambda index: str(index.name))
    found.extend(_unique_constraint(constraint) for constraint in constraints)
    found.extend(_unique_index(index) for index in indexes)
    return sorted(found, key=lambda unique: (not unique.primary, unique.columns))


def _unique_constraint(constraint: sa.UniqueConstraint) -> Unique:
    return Unique(
        name=str(constraint.name) if constraint.name else None,
        columns=tuple(column.name for column in constraint.columns),
        nulls_distinct=not _option(constraint, "postgresql", "nulls_not_distinct"),
        deferrable=bool(constraint.deferrable),
    )


def _unique_index(index: sa.Index) -> Unique:
    columns = _plain_columns(index)
    return Unique(
        name=str(index.name) if index.name else None,
        columns=columns,
        nulls_distinct=not _option(index, "postgresql", "nulls_not_distinct"),
        partial=_partial(index) or len(columns) < len(index.expressions),
    )


def _index(index: sa.Index) -> Index:
    return Index(
        name=str(index.name) if index.name else None,
        columns=_plain_columns(index),
        unique=bool(index.unique),
        partial=_partial(index),
    )


def _partial(index: sa.Index) -> bool:
    return any(_option(index, dialect, "where") is not None for dialect in ("postgresql", "sqlite"))


def _option(item: sa.Index | sa.UniqueConstraint, dialect: str, name: str) -> Any:
    """Return an option that was given; to ask SQLAlchemy for one that was not would load the whole dialect."""
    options = item.dialect_options
    return options[dialect].get(name) if dialect in options else None


def _plain_columns(index: sa.Index) -> tuple[str, ...]:
    names = []
    for expression in index.expressions:
        if not isinstance(expression, sa.Column):
            break
        names.append(expression.name)
    return tuple(names)


def _checks(table: sa.Table) -> list[Check]:
    found = []
    for constraint in table.constraints:
        if isinstance(constraint, sa.CheckConstraint):
            text = str(constraint.sqltext.compile(compile_kwargs={"literal_binds": True}))
            found.append(
                Check(
                    name=str(constraint.name) if isinstance(constraint.name, str) else None,
                    sql=text,
                    columns=_columns_in(constraint, table, text),
                )
            )
    return sorted(found, key=lambda check: check.sql)


def _columns_in(constraint: sa.CheckConstraint, table: sa.Table, text: str) -> tuple[str, ...]:
    nodes = visitors.iterate(constraint.sqltext)
    named = {node.name for node in nodes if isinstance(node, sa.Column)}
    return tuple(
        column.name for column in table.columns if column.name in named or mentions(text, column.name)
    )


def mentions(sql: str, name: str) -> bool:
    """True where the SQL text may read the column *name*: a word of it, whatever its quotes and case."""
    words = "".join(char if char.isalnum() or char in "_$" else " " for char in sql.lower()).split()
    wanted = "".join(char if char.isalnum() or char in "_$" else " " for char in name.lower()).split()
    return all(word in words for word in wanted)
