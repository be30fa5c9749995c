"""Relationships as far as deleting their owner goes: what ``session.delete()`` does to the other side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Mapper, RelationshipDirection, RelationshipProperty

from ._rule import Place
from ._source import attribute_place


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One relationship from a parent to rows that refer to it.

    Attributes:
        name: ``Project.invitations``.
        owner: the mapper that defines it.
        target: the mapper of the other side.
        table: the sa.Table that holds the referencing columns: the target's, or the secondary table.
        columns: the referencing columns.
        deletes: deleting the owner deletes the other side by the ORM's cascade.
        passive: its ``passive_deletes``.
        lazy: its loading strategy.
        concrete: the target is a base of concrete classes, of whose tables this is one.
    """

    name: str
    owner: Mapper[Any]
    target: Mapper[Any]
    prop: RelationshipProperty[Any]
    table: sa.Table
    columns: tuple[str, ...]
    secondary: bool
    deletes: bool
    passive: bool | Literal["all"]
    lazy: str
    concrete: bool = False

    @property
    def where(self) -> str:
        """The link as findings name it: one relationship can reach several concrete tables."""
        return f"{self.name} ({self.table.name})" if self.concrete else self.name

    @property
    def place(self) -> Place | None:
        """Where it is written: in its class, or where the backref that makes it is."""
        origin = backref_origin(self.prop)
        if origin is not None:
            return attribute_place(origin.parent.class_, origin.key)
        return attribute_place(self.owner.class_, self.prop.key)

    @property
    def call(self) -> str:
        """What to change in the source: ``relationship()`` or the ``backref()`` that makes it."""
        origin = backref_origin(self.prop)
        if origin is None:
            return f"relationship() of {self.name}"
        return f"backref() in {origin.parent.class_.__name__}.{origin.key}, which makes {self.name}"


def backref_origin(prop: RelationshipProperty[Any]) -> RelationshipProperty[Any] | None:
    """Return the relationship whose ``backref=`` made *prop*, or None where *prop* stands in its own class."""
    for reverse in prop._reverse_property:  # noqa: SLF001  SQLAlchemy has no public name for it
        backref = reverse.backref
        name = backref if isinstance(backref, str) else backref[0] if backref else None
        if name == prop.key:
            return reverse
    return None


def links(mappers: Iterable[Mapper[Any]]) -> Iterator[Link]:
    """Yield the one-to-many, one-to-one and many-to-many relationships, each once, at the class that defines it.

    A relationship to a base of concrete classes is yielded once for each of their tables.
    """
    for mapper in mappers:
        for prop in mapper.relationships:
            referencing = [column for _, column in prop.synchronize_pairs]
            if (
                prop.parent is not mapper
                or prop.viewonly
                or prop.direction is RelationshipDirection.MANYTOONE
            ):
                continue
            if referencing and isinstance(referencing[0].table, sa.Table):
                yield _link(prop, prop.mapper, referencing[0].table, referencing)
            elif referencing:
                yield from _concrete(prop, referencing)


def _concrete(prop: RelationshipProperty[Any], referencing: list[Any]) -> Iterator[Link]:
    for target in prop.mapper.self_and_descendants:
        table = target.local_table
        if isinstance(table, sa.Table) and all(column.name in table.c for column in referencing):
            yield replace(_link(prop, target, table, referencing), concrete=True)


def _link(
    prop: RelationshipProperty[Any], target: Mapper[Any], table: sa.Table, referencing: list[Any]
) -> Link:
    owner = prop.parent
    return Link(
        name=f"{owner.class_.__name__}.{prop.key}",
        owner=owner,
        target=target,
        prop=prop,
        table=table,
        columns=tuple(column.name for column in referencing),
        secondary=prop.secondary is not None,
        deletes=prop.cascade.delete,
        passive=prop.passive_deletes,
        lazy=str(prop.lazy),
    )


def many_to_one_deletes(mapper: Mapper[Any]) -> Iterator[RelationshipProperty[Any]]:
    """Yield the many-to-one relationships by which deleting a child deletes its parent."""
    for prop in mapper.relationships:
        if prop.direction is RelationshipDirection.MANYTOONE and prop.cascade.delete and not prop.viewonly:
            yield prop
