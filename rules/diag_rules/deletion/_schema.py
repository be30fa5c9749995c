"""The one model of a database schema: plain values, whatever they were read from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal


class Action(StrEnum):
    """What a foreign key does when the row that it points to goes or changes."""

    NO_ACTION = "NO ACTION"
    RESTRICT = "RESTRICT"
    CASCADE = "CASCADE"
    SET_NULL = "SET NULL"
    SET_DEFAULT = "SET DEFAULT"

    @property
    def refuses(self) -> bool:
        """True where the action leaves the referencing row alone, so that it blocks."""
        return self in (Action.NO_ACTION, Action.RESTRICT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column.

    Attributes:
        nullable: False where the column, its domain or its primary key forbids NULL.
        default: the default as SQL text, or None.
        generated: computed from other columns, so nobody sets it.
        formula: the SQL text that computes it, where it is known.
        collation: of SQLite, unless it is BINARY: there it need not be that of the column which it refers to.
        type: SQLAlchemy's type where a mapping knows it, else None.
    """

    name: str
    nullable: bool = True
    default: str | None = None
    generated: bool = False
    formula: str | None = None
    collation: str | None = None
    type: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """A foreign key, with all that decides what happens when its parent goes.

    Attributes:
        table: key of the referencing table in the schema.
        referred: key of the table referred to.
        set_null_columns: the columns that SET NULL or SET DEFAULT touches where not all (PostgreSQL 15).
        validated: False for NOT VALID; such a key still blocks.
        enforced: False where the database does not act on it (disabled triggers, MyISAM, foreign_keys off).
        order: sorts the keys of one parent in the order in which the database visits them on DELETE.
        order_update: the same on UPDATE of the parent.
        order_check: the same for the check of the referencing side.
        broken: why the database fails on every statement that has to look at it ("foreign key mismatch"), or None.
    """

    name: str | None
    table: str
    columns: tuple[str, ...]
    referred: str
    referred_columns: tuple[str, ...]
    ondelete: Action = Action.NO_ACTION
    onupdate: Action = Action.NO_ACTION
    deferrable: bool = False
    initially_deferred: bool = False
    match: Literal["SIMPLE", "FULL"] = "SIMPLE"
    set_null_columns: tuple[str, ...] = ()
    validated: bool = True
    enforced: bool = True
    order: tuple[Any, ...] = ()
    order_update: tuple[Any, ...] = ()
    order_check: tuple[Any, ...] = ()
    broken: str | None = None

    @property
    def touched(self) -> tuple[str, ...]:
        """The columns that SET NULL or SET DEFAULT writes."""
        return self.set_null_columns or self.columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Unique:
    """A UNIQUE constraint or unique index, the primary key included.

    Attributes:
        columns: the plain columns that it begins with.
        partial: it covers only some rows, or expressions, or is an exclusion constraint.
        exclusion: it compares by operators of its own, and a NULL meets nothing (PostgreSQL's EXCLUDE).
        terms: all that it compares, as SQL texts, where it is partial and they are known.
        where: the rows that it covers, as SQL text, or None for all.
    """

    name: str | None
    columns: tuple[str, ...]
    primary: bool = False
    nulls_distinct: bool = True
    deferrable: bool = False
    partial: bool = False
    exclusion: bool = False
    terms: tuple[str, ...] = ()
    where: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A CHECK constraint: its SQL text and the columns it reads."""

    name: str | None
    sql: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index by its plain leading columns; an expression ends the list."""

    name: str | None
    columns: tuple[str, ...]
    unique: bool = False
    partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A trigger or rule of the user's.

    Attributes:
        events: of ``INSERT``, ``UPDATE``, ``DELETE``, ``TRUNCATE``.
        timing: ``BEFORE``, ``AFTER``, ``INSTEAD OF`` or ``RULE``.
        columns: those of ``UPDATE OF``; empty for all.
        statement: it fires once a statement, even one that meets no row (PostgreSQL).
        deferred: it waits for COMMIT (PostgreSQL's constraint triggers).
    """

    name: str
    timing: str
    events: frozenset[str]
    columns: tuple[str, ...] = ()
    statement: bool = False
    deferred: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        key: its name, schema-qualified unless in the default schema: how all else refers to it.
        kind: ``table``, ``partitioned``, ``view`` or ``foreign``.
        partition_of: the partitioned table that it is a part of, or None.
        inherits: the tables that it inherits from (PostgreSQL's INHERITS).
        rls: row-level security holds for our role, so that rows may be hidden.
        readable: our role may SELECT.
        removable: our role may DELETE.
        rowid: the name of the hidden row number, or None (SQLite).
        enforces: False for an engine without foreign keys (MyISAM).
    """

    key: str
    name: str
    schema: str | None = None
    kind: str = "table"
    columns: Mapping[str, Column] = field(default_factory=dict)
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    uniques: tuple[Unique, ...] = ()
    checks: tuple[Check, ...] = ()
    indexes: tuple[Index, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    partition_of: str | None = None
    inherits: tuple[str, ...] = ()
    rls: bool = False
    readable: bool = True
    removable: bool = True
    rowid: str | None = None
    enforces: bool = True

    def index_for(self, columns: Sequence[str]) -> Index | None:
        """The first index that begins with *columns*, in their order: InnoDB looks a foreign key up by it."""
        wanted = [name.lower() for name in columns]
        found = (each for each in self.indexes if not each.partial)
        return next(
            (each for each in found if [*map(str.lower, each.columns)][: len(wanted)] == wanted), None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """All tables that one connection sees.

    Attributes:
        dialect: ``postgresql``, ``mysql``, ``mariadb``, ``sqlite``, ..., or "" for a model read from mappings alone.
        default: the name of the default schema, or None.
        caveats: what makes every verdict here uncertain (foreign keys switched off, a database we have no rules for).
    """

    tables: Mapping[str, Table]
    dialect: str = ""
    default: str | None = None
    caveats: tuple[str, ...] = ()
    referring: Mapping[str, tuple[ForeignKey, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found: dict[str, list[ForeignKey]] = {}
        for table in self.tables.values():
            for fk in table.foreign_keys:
                found.setdefault(fk.referred, []).append(fk)
        ordered = {key: tuple(sorted(fks, key=lambda fk: fk.order)) for key, fks in found.items()}
        object.__setattr__(self, "referring", ordered)

    def children_of(self, key: str) -> tuple[ForeignKey, ...]:
        """The foreign keys that point to the table *key*, in the database's order on DELETE."""
        return self.referring.get(key, ())

    def broken_by(self, key: str, columns: Iterable[str]) -> Iterator[ForeignKey]:
        """The broken foreign keys that writing *columns* of the table *key* would meet, as child or as parent."""
        written = set(columns)
        for fk in self.tables[key].foreign_keys:
            if fk.broken and written & set(fk.columns):
                yield fk
        for fk in self.children_of(key):
            if fk.broken and written & set(fk.referred_columns):
                yield fk

    def key(self, name: str, schema: str | None = None) -> str:
        """The key of a table by its names. The table need not exist."""
        if schema is None or schema == self.default:
            return name
        return f"{schema}.{name}"

    def table(self, name: str, schema: str | None = None) -> Table:
        """The table of that name. Raises KeyError, with the name, where there is none."""
        return self.tables[self.key(name, schema)]

    def lineage(self, key: str) -> tuple[str, ...]:
        """The table and the partitioned tables that it is a part of, outermost last."""
        found = [key]
        while (above := self.tables[found[-1]].partition_of) is not None:
            found.append(above)
        return tuple(found)

    def descendants(self, key: str) -> tuple[str, ...]:
        """Partitions and inheriting tables below *key*, at any depth."""
        found: list[str] = []
        for name, table in self.tables.items():
            if key in (table.partition_of, *table.inherits):
                found += [name, *self.descendants(name)]
        return tuple(dict.fromkeys(found))
