"""What constraints say of a foreign key's columns: whether one row is meant, and what could object to NULL."""

from __future__ import annotations

from ._schema import ForeignKey, Schema, Table


def unique(table: Table, columns: tuple[str, ...]) -> bool:
    """True where no two rows have the same values in *columns*."""
    return any(set(unique.columns) <= set(columns) and not unique.partial for unique in table.uniques)


def watched(schema: Schema, table: Table, touched: frozenset[str], fk: ForeignKey | None) -> bool:
    """True where another constraint could object to NULL in the touched columns."""
    if fk is not None and fk.match == "FULL" and set(fk.columns) != touched:
        return True
    if any(touched & set(check.columns) for check in table.checks):
        return True
    if any(touched & set(other.referred_columns) for other in schema.children_of(table.key)):
        return True
    if any(column.generated for column in table.columns.values()):
        return True
    full = any(
        other.match == "FULL" and touched & set(other.columns) for other in table.foreign_keys if other != fk
    )
    return full or any(
        unique.partial or (touched & set(unique.columns) and not unique.nulls_distinct)
        for unique in table.uniques
    )
