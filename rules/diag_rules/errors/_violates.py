"""Does an error break this constraint: told from names where the database gives them, from columns where not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import (
    CheckConstraint,
    Column,
    Constraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)
from sqlalchemy.schema import ColumnCollectionConstraint

from ._kinds import Kind

if TYPE_CHECKING:
    from ._classification import Classification

_UNIQUE = frozenset({Kind.UNIQUE_VIOLATION, Kind.EXCLUSION_VIOLATION})
_FOREIGN = frozenset({Kind.FOREIGN_KEY_VIOLATION, Kind.RESTRICT_VIOLATION})
_CONSTRAINTS = (
    _UNIQUE | _FOREIGN | {Kind.NOT_NULL_VIOLATION, Kind.CHECK_VIOLATION, Kind.INTEGRITY_CONSTRAINT_VIOLATION}
)


class _Wanted(NamedTuple):
    """A constraint asked for, or columns: then any constraint with them."""

    table: Table | None
    name: str | None
    columns: frozenset[str]
    kinds: frozenset[Kind]
    all_columns: bool


def violates(answer: Classification, target: Any, models: Any = None) -> bool:
    """Return whether *answer* is about *target*; see `Classification.violates`."""
    if answer.kind not in _CONSTRAINTS:
        return False
    if isinstance(target, str):
        return _violates_name(answer, target, models)
    wanted = _wanted(target)
    return answer.kind in wanted.kinds and _matches(answer, wanted)


def _violates_name(answer: Classification, name: str, models: Any) -> bool:
    """A constraint's name; ``column`` or ``table.column`` for what a database names by columns only."""
    if answer.constraint is not None and _same(answer.constraint, name):
        return True
    table, _, column = name.rpartition(".")
    if column in answer.columns and (not table or _same_table(answer.table, table)):
        return True
    return any(violates(answer, each) for each in _named(models, name))


def _named(models: Any, name: str) -> Iterator[Any]:
    """Yield the constraints and unique indexes of *models* that are called *name*."""
    for table in _tables(models):
        schema: list[Constraint | Index] = [*table.constraints, *table.indexes]
        for each in schema:
            if each.name is not None and _same(str(each.name), name):
                yield each


def _tables(models: Any) -> Iterable[Table]:
    if models is None:
        return ()
    if isinstance(models, Table):
        return (models,)
    metadata = models if isinstance(models, MetaData) else getattr(models, "metadata", None)
    if isinstance(metadata, MetaData):
        return metadata.tables.values()
    if isinstance(models, Iterable):
        return [table for each in models for table in _tables(getattr(each, "__table__", each))]
    raise TypeError(
        f"models is {models!r}: give a declarative base, a MetaData, a Table, or several of them."
    )


def _wanted(target: Any) -> _Wanted:
    if isinstance(target, ForeignKey):
        target = target.constraint
    if isinstance(target, (Constraint, Index)):
        return _wanted_constraint(target)
    if isinstance(target, (set, frozenset, tuple, list)):
        columns = [_column(each) for each in target]
        tables = [column.table for column in columns if isinstance(column, Column)]
        names = frozenset(column.name if isinstance(column, Column) else column for column in columns)
        return _Wanted(tables[0] if tables else None, None, names, _CONSTRAINTS, all_columns=True)
    column = _column(target)
    if isinstance(column, str):
        raise TypeError(f"{target!r} is no constraint and no column.")
    return _Wanted(column.table, None, frozenset({column.name}), _CONSTRAINTS, all_columns=False)


def _column(target: Any) -> Column[Any] | str:
    """Return the column that *target* is or maps: ``User.email``, ``users.c.email``, or a column's name."""
    if isinstance(target, str):
        return target
    if hasattr(target, "__clause_element__"):
        target = target.__clause_element__()
    if isinstance(target, Column):
        # an attribute of the ORM is an annotated copy of its column: the table has the column itself
        table = target.table
        found: Column[Any] = table.c.get(target.key, target)
        return found
    raise TypeError(
        f"{target!r} is no constraint and no column: give User.email, a constraint, a name or columns."
    )


def _wanted_constraint(target: Constraint | Index) -> _Wanted:
    columns: frozenset[str] = frozenset()
    if isinstance(target, (ColumnCollectionConstraint, Index)):
        columns = frozenset(column.name for column in target.columns)
    return _Wanted(
        target.table, None if target.name is None else str(target.name), columns, _kinds(target), True
    )


def _kinds(target: Constraint | Index) -> frozenset[Kind]:
    if isinstance(target, ForeignKeyConstraint):
        return _FOREIGN
    if isinstance(target, (UniqueConstraint, PrimaryKeyConstraint, Index)):
        return _UNIQUE
    if isinstance(target, CheckConstraint):
        return frozenset({Kind.CHECK_VIOLATION})
    return _CONSTRAINTS


def _matches(answer: Classification, wanted: _Wanted) -> bool:
    if wanted.name is not None and answer.constraint is not None:
        return _same(answer.constraint, wanted.name)
    if (
        wanted.table is not None
        and answer.table is not None
        and not _same_table(answer.table, wanted.table.fullname)
    ):
        return False
    found = _columns_of(answer, wanted.table)
    if not found:
        return False
    return found == wanted.columns if wanted.all_columns else wanted.columns <= found


def _columns_of(answer: Classification, table: Table | None) -> frozenset[str]:
    """Return the columns of the violated constraint: those of the model by its name, else those the database names."""
    if answer.constraint is not None and table is not None:
        for each in _column_sets(table):
            names = {str(each.name)} if each.name is not None else _default_names(table, each)
            if any(_same(answer.constraint, name) for name in names):
                return frozenset(column.name for column in each.columns)
    if answer.kind in _FOREIGN and answer.constraint is not None and answer.dialect == "postgresql":
        return frozenset()  # PostgreSQL names the columns of the other side where a parent is deleted
    if not answer.columns and table is None and answer.kind in _UNIQUE and answer.constraint is not None:
        return frozenset({answer.constraint})  # MySQL calls a key without a name after its first column
    return frozenset(answer.columns)


def _column_sets(table: Table) -> Iterator[Any]:
    yield from (each for each in table.constraints if isinstance(each, ColumnCollectionConstraint))
    yield from (each for each in table.indexes if each.unique)


def _default_names(table: Table, constraint: Any) -> set[str]:
    """Return the names that databases give to *constraint* of *table* where the model gives none."""
    columns = "_".join(column.name for column in constraint.columns)
    if isinstance(constraint, PrimaryKeyConstraint):
        return {f"{table.name}_pkey", "PRIMARY"}
    if isinstance(constraint, UniqueConstraint):
        return {f"{table.name}_{columns}_key", next(iter(constraint.columns)).name}
    if isinstance(constraint, ForeignKeyConstraint):
        return {f"{table.name}_{columns}_fkey", *_numbered(table, constraint)}
    return {f"{table.name}_{columns}_check"} if columns else set()


def _numbered(table: Table, constraint: ForeignKeyConstraint) -> set[str]:
    """InnoDB numbers the foreign keys without a name in their order."""
    unnamed = [each for each in table.foreign_key_constraints if each.name is None]
    return {f"{table.name}_ibfk_1"} if unnamed == [constraint] else set()


def _same(one: str, other: str) -> bool:
    return one == other or one.lower() == other.lower()


def _same_table(one: str | None, other: str) -> bool:
    """Compare tables of which either may lack its schema."""
    if one is None:
        return True
    return _same(one, other) or (
        ("." in one) != ("." in other) and _same(one.rpartition(".")[2], other.rpartition(".")[2])
    )
