"""What deleting a subject can reach: by cascades of the database, and by cascades of the ORM."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from sqlalchemy.orm import Mapper, RelationshipProperty

from diag_rules.deletion._schema import Action, ForeignKey, Schema

from ._links import Link, many_to_one_deletes

_DEEPEST = 32  # levels; beyond it every database has given up or the schema goes in circles


class Touch(IntEnum):
    """How surely the ORM itself deletes rows of a class, one object at a time."""

    LOADED = 1  # only those that happen to be in the session
    ALWAYS = 2


@dataclass(frozen=True, slots=True)
class Reached:
    """One table whose rows go with the subject.

    Attributes:
        path: the tables from the subject down to this one, both included.
        levels: how many database cascades deep its rows can lie; empty where only the ORM reaches it.
    """

    path: tuple[str, ...]
    levels: frozenset[int]


def by_database(schema: Schema, roots: Iterable[str]) -> dict[str, Reached]:
    """Return every table that a plain DELETE of a root empties, the roots at level 0."""
    found: dict[str, Reached] = {}
    level: dict[str, tuple[str, ...]] = {root: (root,) for root in roots}
    depth = 0
    while level and depth <= min(len(schema.tables), _DEEPEST):
        for key, path in level.items():
            known = found.get(key, Reached(path, frozenset()))
            found[key] = Reached(known.path, known.levels | {depth})
        level = {fk.table: (*path, fk.table) for key, path in level.items() for fk in cascades(schema, key)}
        depth += 1
    return found


def cascades(schema: Schema, key: str) -> Iterable[ForeignKey]:
    """Yield the foreign keys by which rows of other tables go with rows of *key*."""
    # a self-reference adds no table, and its depth is a matter of the data
    return (fk for fk in schema.children_of(key) if fk.ondelete is Action.CASCADE and fk.table != key)


@dataclass(frozen=True, slots=True)
class Deleted:
    """A class whose objects ``session.delete()`` of a subject deletes.

    Attributes:
        path: the classes from the subject to this one, both included.
        by: the many-to-one relationship whose delete cascade leads here, or None.
    """

    touch: Touch
    path: tuple[Mapper[Any], ...]
    by: RelationshipProperty[Any] | None = None

    def came_from(self, link: Link) -> bool:
        """Return whether *link* only leads back to the one object that is being deleted and led here."""
        if self.by is None or not (self.by.single_parent or link.prop.uselist is False):
            return False
        return set(link.columns) == {column.name for column in self.by.local_columns} and link.target.isa(
            self.by.parent
        )


def by_orm(
    roots: Iterable[Mapper[Any]], outgoing: Callable[[Mapper[Any]], Iterable[Link]]
) -> Mapping[Mapper[Any], Deleted]:
    """Return every mapper whose objects ``session.delete()`` of a root deletes."""
    found: dict[Mapper[Any], Deleted] = {}
    todo = [(each, Deleted(Touch.ALWAYS, (root,))) for root in roots for each in root.self_and_descendants]
    while todo:
        mapper, deleted = todo.pop(0)
        if mapper in found and found[mapper].touch >= deleted.touch:
            continue
        found[mapper] = deleted
        for target, step in _steps(mapper, deleted, outgoing):
            todo += [(each, step) for each in target.self_and_descendants]
    return found


def _steps(
    mapper: Mapper[Any], deleted: Deleted, outgoing: Callable[[Mapper[Any]], Iterable[Link]]
) -> Iterable[tuple[Mapper[Any], Deleted]]:
    for link in outgoing(mapper):
        if link.deletes:
            touch = Touch.LOADED if link.passive and not link.secondary else deleted.touch
            yield link.prop.mapper, Deleted(touch, (*deleted.path, link.prop.mapper))
    for prop in many_to_one_deletes(mapper):
        yield prop.mapper, Deleted(deleted.touch, (*deleted.path, prop.mapper), prop)
