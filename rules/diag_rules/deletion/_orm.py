"""What ``session.delete()`` does by each relationship, read from the mappers: before any data exists.

Source: SQLAlchemy 2.0.58 and 2.1.9, ``orm/dependency.py``, ``orm/relationships.py`` and ``orm/sync.py``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Mapper, RelationshipDirection, RelationshipProperty

EAGER = ("joined", "selectin", "subquery", "immediate", False)
NEVER = ("noload", None)


class Step(StrEnum):
    """What the ORM does with the rows behind a relationship when their parent is deleted."""

    NOTHING = "nothing"  # the database decides
    NULLS = "nulls"  # UPDATE child SET fk = NULL
    BLANKS_KEY = "blanks_key"  # the same where the column is of the child's primary key: AssertionError
    DELETES = "deletes"  # the related rows are deleted, each with its own relationships
    UNLINKS = "unlinks"  # DELETE FROM the secondary table
    REFUSES = "refuses"  # InvalidRequestError: a write-only collection can't be loaded


@dataclass(frozen=True, slots=True)
class Relation:
    """A relationship, as far as deletion goes.

    Attributes:
        name: ``Project.invitations``.
        loaded: a freshly loaded subject has it loaded already.
        passive: what was not loaded is left alone.
        pairs: (table key, column name) that the ORM nulls, of the child, or of the row itself for a many-to-one.
        deletes: the delete cascade is on.
    """

    name: str
    prop: RelationshipProperty[Any]
    parent: Mapper[Any]
    target: Mapper[Any]
    direction: Literal["one_to_many", "many_to_one", "many_to_many"]
    deletes: bool
    passive: bool
    left_alone: bool
    loaded: bool
    never_loads: bool
    write_only: bool
    uselist: bool
    post_update: bool
    nulled: tuple[sa.Column[Any], ...]
    secondary: sa.FromClause | None

    @property
    def joined(self) -> bool:
        """True where it is loaded by a JOIN, in the query of its parent."""
        return self.prop.lazy in ("joined", False)

    @property
    def queried(self) -> bool:
        """True where it is loaded by a query of its own, for all parents at once."""
        return self.prop.lazy in ("selectin", "subquery")

    @property
    def subqueried(self) -> bool:
        """True where that query repeats the parent's as a subquery."""
        return self.prop.lazy == "subquery"

    @property
    def dynamic(self) -> bool:
        """True where it is read by a query of its own that knows nothing of the parent."""
        return self.prop.lazy == "dynamic"

    @property
    def repeats(self) -> bool:
        """True where eager loading puts an object into a collection as often as the secondary table links it.

        So does select-in loading since SQLAlchemy 2.1; all other loading takes it once.
        """
        return self.prop.lazy == "selectin" and not sa.__version__.startswith("2.0.")

    def comes_back(self, path: Collection[Mapper[Any]]) -> bool:
        """True where eager loading stops, since the object was itself loaded through the target.

        *path*: the mappers on the way to it, as far as that kind of loading looks back.
        """
        return self.loaded and _may_stop(self.prop) and any(each.isa(self.target) for each in path)

    def too_deep(self, depth: int) -> bool:
        """True where eager loading stops at its join_depth, *depth* relationships being on the way to the object."""
        deepest = self.prop.join_depth
        return self.loaded and deepest is not None and depth >= deepest

    def loads_with(self, asked: Mapper[Any], *, first: bool) -> bool:
        """False for what only a subclass has, and the query for *asked* does not look at.

        What is joined needs the subclass's tables in the query. What takes a query of its own is left out where the objects
        are what was *first* asked for, and loaded where a relationship has led to them.
        """
        if asked.relationships.get(self.prop.key) is self.prop or not (self.joined or self.queried):
            return True
        if self.parent in asked.with_polymorphic_mappers or self.parent.polymorphic_load == "selectin":
            return True
        return self.queried and not first

    def not_loaded(self) -> Relation:
        """The same, without eager loading."""
        return replace(self, loaded=False)

    @property
    def by_key(self) -> bool:
        """True for a many-to-one by primary key: its target is found in the session without a SELECT."""
        return self.direction == "many_to_one" and self.prop._use_get  # noqa: SLF001 - the flush goes by it, too

    @property
    def queries(self) -> bool:
        """True where looking at it always reads rows; a lazy many-to-one finds in the session what is there."""
        return self.loaded or not self.by_key

    @property
    def spares_loading(self) -> bool:
        """True for a many-to-one that post_update nulls only where its target is in the session."""
        return self.by_key and self.post_update

    @property
    def turns_back(self) -> bool:
        """True where it leads to its own class or one of the same hierarchy."""
        return bool(self.prop._is_self_referential)  # noqa: SLF001 - the flush goes by it, too

    @property
    def raises(self) -> bool:
        """True for a many-to-one with lazy="raise"."""
        return self.direction == "many_to_one" and self.prop.lazy == "raise"

    @property
    def place(self) -> int:
        """When a flush looks at it, among the relationships of its mapper."""
        return list(self.parent.relationships).index(self.prop)

    @property
    def nulls_before(self) -> bool:
        """True for post_update: the reference is nulled first, even between rows that are deleted alike."""
        if not self.post_update or self.left_alone:
            return False
        return not (self.direction == "many_to_one" and self.prop.cascade.delete_orphan)

    @property
    def concrete(self) -> tuple[Mapper[Any], ...]:
        """The mappers behind the target that have each a table of their own (concrete inheritance); else none."""
        every = tuple(self.target.self_and_descendants)
        if not any(each.concrete for each in every):
            return ()
        return tuple(each for each in every if isinstance(each.local_table, sa.Table))

    @property
    def depends_on_loading(self) -> bool:
        """True where loading the collection changes what is done."""
        return not self.never_loads and self.step(loaded=True) is not self.step(loaded=False)

    def seen(self, *, loaded: bool) -> bool:
        """True where the ORM looks at the related rows."""
        return not self.never_loads and (loaded or self.loaded or not self.passive)

    def step(self, *, loaded: bool = False) -> Step:
        """What is done where the collection is loaded, or (the default) as a fresh subject has it."""
        if self.write_only:
            return Step.NOTHING if self.passive else Step.REFUSES
        if not self.seen(loaded=loaded):
            return Step.NOTHING
        if self.direction == "many_to_many":
            return Step.UNLINKS
        if self.deletes:
            return Step.DELETES
        if self.direction == "many_to_one":
            return self._nulling() if self.post_update and not self.left_alone else Step.NOTHING
        return Step.NOTHING if self.left_alone and not self.post_update else self._nulling()

    def _nulling(self) -> Step:
        return Step.BLANKS_KEY if any(column.primary_key for column in self.nulled) else Step.NULLS


def circles(mapper: Mapper[Any]) -> bool:
    """True where loading an object loads those below it, of its own class, at once: lazy="immediate", or a join_depth.

    Whether a flush that only updates such an object meets a cycle hangs on what was loaded on the way to it.
    """
    turning = (item for item in relations(mapper) if item.turns_back)
    return any(item.loaded or item.prop.lazy == "immediate" for item in turning)


def relations(mapper: Mapper[Any]) -> tuple[Relation, ...]:
    """Every relationship of *mapper* that plays a part in a deletion; those that only view play none."""
    return tuple(relation(mapper, prop) for prop in mapper.relationships if not prop.viewonly)


def relation(mapper: Mapper[Any], prop: RelationshipProperty[Any]) -> Relation:
    """Read one relationship, as *mapper* has or inherits it."""
    return Relation(
        name=f"{prop.parent.class_.__name__}.{prop.key}",
        prop=prop,
        parent=mapper,
        target=prop.mapper,
        direction=_direction(prop),
        deletes=bool(prop.cascade.delete),
        passive=bool(prop.passive_deletes),
        left_alone=prop.passive_deletes == "all",
        loaded=prop.lazy in EAGER and not _stops(mapper, prop),
        never_loads=prop.lazy in NEVER,
        write_only=prop.lazy == "write_only",
        uselist=bool(prop.uselist),
        post_update=bool(prop.post_update),
        nulled=tuple(right for _, right in prop.synchronize_pairs if isinstance(right, sa.Column)),
        secondary=prop.secondary,
    )


def _stops(mapper: Mapper[Any], prop: RelationshipProperty[Any]) -> bool:
    """True for eager loading that would come back to its own mapper: without join_depth it does not begin."""
    return _may_stop(prop) and mapper.isa(prop.mapper)


def _may_stop(prop: RelationshipProperty[Any]) -> bool:
    """True unless eager loading goes on for ever: ``immediate`` only spares a many-to-one its SELECT."""
    endless = prop.lazy == "immediate" and prop.direction is not RelationshipDirection.MANYTOONE
    return prop.join_depth is None and not endless


def _direction(prop: RelationshipProperty[Any]) -> Literal["one_to_many", "many_to_one", "many_to_many"]:
    if prop.direction is RelationshipDirection.ONETOMANY:
        return "one_to_many"
    if prop.direction is RelationshipDirection.MANYTOONE:
        return "many_to_one"
    return "many_to_many"


def reached(mapper: Mapper[Any]) -> Iterator[Mapper[Any]]:
    """The mappers whose rows ``session.delete()`` may itself delete, *mapper* and all subclasses included."""
    found: dict[Mapper[Any], None] = {}
    pending = [mapper]
    while pending:
        above = pending.pop()
        for each in above.self_and_descendants:
            if each in found:
                continue
            found[each] = None
            pending += [item.target for item in relations(each) if item.deletes]
    yield from found


def orm_mapper(subject: Any) -> Mapper[Any] | None:
    """The mapper of a mapped class; None for a table."""
    if isinstance(subject, sa.Table):
        return None
    found = sa.inspect(subject, raiseerr=False)
    return found if isinstance(found, Mapper) else None
