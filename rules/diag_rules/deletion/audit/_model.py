"""What the rules look at: a schema, the classes mapped onto it, and what deleting the subject can reach in both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapper, configure_mappers

from diag_rules.deletion._metadata import action, read_metadata
from diag_rules.deletion._schema import Action, ForeignKey, Schema, Table

from ._links import Link, links
from ._reach import Deleted, Reached, Touch, by_database, by_orm
from ._rule import Place
from ._source import attribute_place

INNODB = ("mysql", "mariadb")


@dataclass(frozen=True)
class Model:
    """Everything an audit needs; made by ``Model.of``.

    Attributes:
        mappers: all mapped classes of the registry.
        mapped: SQLAlchemy's tables, by their key in *schema*.
        roots: the tables of the subjects.
        root_mappers: the classes of the subjects; empty for reflected tables.
        links: every relationship to rows that refer to their owner, in the order of names.
        keys: the same keys by SQLAlchemy's table.
    """

    schema: Schema
    mappers: tuple[Mapper[Any], ...]
    mapped: Mapping[str, sa.Table]
    roots: tuple[str, ...]
    root_mappers: tuple[Mapper[Any], ...]
    links: tuple[Link, ...]
    keys: Mapping[sa.Table, str] = field(repr=False)

    @classmethod
    def of(cls, *subjects: Any, base: Any = None, schema: Schema | None = None) -> Model:
        """Return the model of *subjects*, mapped classes or tables; without any, of every class of *base*.

        *base* is a declarative base, a registry or a MetaData; *schema* is what a database's catalogs say, if known,
        and the mappings' own word otherwise. Raises TypeError for a subject that is neither class nor table.
        """
        configure_mappers()
        mappers, tables = _mapped(subjects, base)
        merged = schema or _merged(tables)
        keys = {table: merged.key(table.name, table.schema) for table in tables}
        known = {key: table for table, key in keys.items() if key in merged.tables}
        chosen = _mappers_of(subjects) if subjects else mappers
        rooted = _tables_of(chosen) + [subject for subject in subjects if isinstance(subject, sa.Table)]
        if not subjects and not mappers:
            rooted = list(tables)
        roots = dict.fromkeys(keys[table] for table in rooted if keys[table] in known)
        found = tuple(sorted(links(mappers), key=lambda link: link.name))
        return cls(merged, tuple(mappers), known, tuple(roots), tuple(chosen), found, keys)

    def each(self) -> Iterator[Model]:
        """Yield the model of one subject after the other: reach and paths are those of that subject alone."""
        for mapper in self.root_mappers:
            tables = [
                self.keys[table] for table in _tables_of([mapper]) if self.keys.get(table) in self.mapped
            ]
            yield replace(self, roots=tuple(tables), root_mappers=(mapper,))
        rest = {key for mapper in self.root_mappers for key in map(self.keys.get, _tables_of([mapper]))}
        for root in self.roots:
            if root not in rest:
                yield replace(self, roots=(root,), root_mappers=())

    @cached_property
    def reached(self) -> dict[str, Reached]:
        """The tables that go with a subject, by the database's cascades or by the ORM's."""
        found = by_database(self.schema, self.roots)
        for mapper, deleted in self.deleted.items():
            for table in _tables_of([mapper]):
                key = self.keys.get(table)
                if key is not None and key in self.mapped and key not in found:
                    found[key] = Reached(self._path(deleted.path), frozenset())
        return found

    @cached_property
    def deleted(self) -> Mapping[Mapper[Any], Deleted]:
        """The classes whose objects the ORM deletes itself."""
        return by_orm(self.root_mappers, self._outgoing)

    def touch(self, link: Link) -> Touch | None:
        """Return how surely the ORM acts on *link* when a subject is deleted; None for never."""
        found = [
            each.touch
            for mapper, each in self.deleted.items()
            if mapper.isa(link.owner) and not each.came_from(link)
        ]
        return max(found, default=None)

    def orm_deletes(self, key: str) -> Touch | None:
        """Return how surely the ORM itself deletes rows of the table *key*."""
        table = self.mapped.get(key)
        found = [each.touch for mapper, each in self.deleted.items() if table in mapper.tables]
        return max(found, default=None)

    def references(self) -> Iterator[ForeignKey]:
        """Yield the foreign keys that point to a table which goes with the subject, in a stable order."""
        found = {id(fk): fk for key in self.reached for fk in self.schema.children_of(key)}
        yield from sorted(found.values(), key=lambda fk: (fk.table, fk.columns, fk.referred, fk.name or ""))

    def links_over(self, fk: ForeignKey) -> list[Link]:
        """Return the relationships that follow *fk* from the referred side."""
        return [link for link in self.links if self._follows(link, fk)]

    def key_of(self, link: Link) -> ForeignKey | None:
        """Return the foreign key that *link* follows, or None where it joins by other means."""
        table = self.table_of(link)
        for fk in table.foreign_keys if table is not None else ():
            if self._follows(link, fk):
                return fk
        return None

    def table_of(self, link: Link) -> Table | None:
        """Return the table that holds the referencing columns of *link*, if the schema has it."""
        return self.schema.tables.get(self.keys.get(link.table, ""))

    def declared(self, fk: ForeignKey) -> bool:
        """Return whether somebody chose the action: RESTRICT, or NO ACTION written out in the mapping."""
        # InnoDB's catalog says RESTRICT where nobody said anything
        unsaid = (Action.NO_ACTION, Action.RESTRICT) if self.schema.dialect in INNODB else (Action.NO_ACTION,)
        if fk.ondelete not in unsaid:
            return True
        written = self.written(fk)
        return written is not None and written.ondelete is not None and action(written.ondelete).refuses

    def written(self, fk: ForeignKey) -> sa.ForeignKeyConstraint | None:
        """Return the constraint of the mapping that stands for *fk*, or None where the mapping lacks it."""
        table = self.mapped.get(fk.table)
        constraints = table.foreign_key_constraints if table is not None else ()
        same = [
            each
            for each in constraints
            if _names(each) == fk.columns and self.keys.get(_referred(each)) == fk.referred
        ]
        # of duplicates, the one of that name, else one of that action
        return max(
            same, key=lambda each: (each.name == fk.name, action(each.ondelete) is fk.ondelete), default=None
        )

    def surely(self, fk: ForeignKey) -> bool:
        """Return whether the rows that *fk* refers to go with every subject, not only if they happen to be loaded."""
        return bool(self.reached[fk.referred].levels) or self.orm_deletes(fk.referred) is Touch.ALWAYS

    def goes_too(self, fk: ForeignKey) -> bool:
        """Return whether the referring rows themselves go by a cascade, so that the order decides what *fk* still meets."""
        return fk.table in self.reached and bool(self.reached[fk.table].levels - {0})

    def inherits(self, fk: ForeignKey) -> bool:
        """Return whether *fk* only ties a subclass's table to its parent's, whose rows the ORM deletes as one.

        Without a discriminator it doesn't: a row loaded as the parent goes alone.
        """
        table = self.mapped.get(fk.table)
        heirs = [
            each for each in self.mappers if each.local_table is table and each.polymorphic_on is not None
        ]
        above = [each.inherits for each in heirs if each.inherits is not None]
        return any(self.keys.get(parent) == fk.referred for parent in _tables_of(above))

    def place(self, fk: ForeignKey) -> Place | None:
        """Return where the column of *fk* is written, or its ``__table_args__``, class or relationship; else None."""
        table = self.mapped.get(fk.table)
        owners = [mapper for mapper in self.mappers if mapper.local_table is table and table is not None]
        found = [self._column_place(mapper, fk) for mapper in owners]
        # classes made by type() have no source, but a relationship to them may
        return next(filter(None, (*found, *(link.place for link in self.links_over(fk)))), None)

    def _column_place(self, mapper: Mapper[Any], fk: ForeignKey) -> Place | None:
        column = self.mapped[fk.table].c.get(fk.columns[0])
        known = column is not None and column in mapper.columns.values() and len(fk.columns) == 1
        names = [mapper.get_property_by_column(column).key] if column is not None and known else []
        return attribute_place(mapper.class_, *names, "__table_args__")

    def path(self, key: str) -> str:
        """Return the chain of tables from the subject to *key*, for people: ``projects -> releases``."""
        return " -> ".join(self.reached[key].path)

    def _outgoing(self, mapper: Mapper[Any]) -> Iterable[Link]:
        return (link for link in self.links if mapper.isa(link.owner))

    def _follows(self, link: Link, fk: ForeignKey) -> bool:
        return self.keys.get(link.table) == fk.table and set(link.columns) == set(fk.columns)

    def _path(self, mappers: tuple[Mapper[Any], ...]) -> tuple[str, ...]:
        keys = [self.keys.get(table) for mapper in mappers for table in _tables_of([mapper])[:1]]
        return tuple(key for key in keys if key is not None)


def _names(constraint: sa.ForeignKeyConstraint) -> tuple[str, ...]:
    return tuple(element.parent.name for element in constraint.elements)


def _referred(constraint: sa.ForeignKeyConstraint) -> Any:
    try:
        return constraint.referred_table
    except sa.exc.NoReferenceError:  # a table that the application does not map
        return None


def _mappers_of(subjects: Iterable[Any]) -> list[Mapper[Any]]:
    return [_inspected(subject) for subject in subjects if not isinstance(subject, sa.Table)]


def _inspected(subject: Any) -> Mapper[Any]:
    found = sa.inspect(subject, raiseerr=False)
    if not isinstance(found, Mapper):
        raise TypeError(f"{subject!r} is neither a mapped class nor a Table: pass one of these to audit.")
    return found


def _tables_of(mappers: Iterable[Mapper[Any]]) -> list[sa.Table]:
    found = [table for mapper in mappers for table in (mapper.local_table, *mapper.tables)]
    return [table for table in dict.fromkeys(found) if isinstance(table, sa.Table)]


def _mapped(subjects: tuple[Any, ...], base: Any) -> tuple[list[Mapper[Any]], list[sa.Table]]:
    """Return all mapped classes and tables around *subjects* and *base*, in a stable order."""
    registries = {mapper.registry for mapper in _mappers_of(subjects)}
    if base is not None and not isinstance(base, sa.MetaData):
        registries.add(getattr(base, "registry", base))
    mappers = sorted(
        (mapper for registry in registries for mapper in registry.mappers),
        key=lambda mapper: (mapper.class_.__module__, mapper.class_.__qualname__),
    )
    metadatas = [subject.metadata for subject in subjects if isinstance(subject, sa.Table)]
    metadatas += [table.metadata for table in _tables_of(mappers)]
    metadatas += [base] if isinstance(base, sa.MetaData) else []
    return mappers, [table for metadata in dict.fromkeys(metadatas) for table in metadata.tables.values()]


def _merged(tables: list[sa.Table]) -> Schema:
    """Return one schema of all metadata (an application with several binds has several)."""
    found: dict[str, Table] = {}
    for metadata in dict.fromkeys(table.metadata for table in tables):
        found = {**read_metadata(metadata).tables, **found}
    return Schema(tables=found)
