"""What constraints and indexes say of a foreign key's columns: whether one row is meant, and what could object to NULL."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from ._schema import ForeignKey, Schema, Table


def unique(table: Table, columns: tuple[str, ...]) -> bool:
    """True where no two rows have the same values in *columns*."""
    return any(set(unique.columns) <= set(columns) and not unique.partial for unique in table.uniques)


def joined_by(table: Table, pairs: Collection[tuple[str, str]]) -> Iterator[ForeignKey]:
    """The foreign keys of *table* that the database acts on and that join by exactly these: own column, column referred to."""
    wanted = set(pairs)
    return (
        fk
        for fk in table.foreign_keys
        if fk.enforced and set(zip(fk.columns, fk.referred_columns, strict=True)) == wanted
    )


def looked_up_again(table: Table, fk: ForeignKey, written: Iterable[str]) -> bool:
    """True where InnoDB looks *fk* up anew though its own columns are not written: an index has them and one that is.

    It writes a new entry of that index and checks it like an inserted one: a parent that is about to go is missing then.
    """
    index = table.index_for(fk.columns)
    return index is not None and not set(written).isdisjoint(index.columns[len(fk.columns) :])


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
