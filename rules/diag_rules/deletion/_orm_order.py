"""In which order the unit of work sends its statements.

It sorts whole mappers and relationships by their dependencies, level by level, and by name within a level; where that
graph has a cycle (a self-reference is one), what lies on it is taken apart into steps of single objects, and within a
level chance decides.

Source: SQLAlchemy 2.0.58 and 2.1.9, ``orm/unitofwork.py``, ``orm/dependency.py`` (per_state_flush_actions).
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Mapper

from ._orm import relations
from ._orm_actions import Action, Edges, Kind, deletion, dependencies, name, on_cycles, tiers
from ._orm_apart import Apart
from ._simulate import Delete, Null, Statement, Violation
from ._verdict import Reason

if TYPE_CHECKING:
    from ._orm import Relation
    from ._orm_objects import Entity, Related
    from ._world import Row

Updates = dict[Mapper[Any], list[Null]]
By = tuple[Kind, str, bool]


@dataclass(slots=True)
class Flush:
    """What one flush has to do.

    Attributes:
        deleted: the objects that go, in the order in which they were found.
        saves: UPDATEs by the base mapper of their rows.
        before: UPDATEs of post_update, which come before the deletions of the mapper whose relationship it is.
        unlinks: deletions of secondary rows by relationship and parent.
        items: the relationships that link mappers of this flush.
        pairs: who is related to whom by a relationship, among the deleted.
    """

    deleted: list[Entity]
    pairs: Callable[[Relation], Related]
    items: dict[str, Relation] = field(default_factory=dict)
    saves: Updates = field(default_factory=lambda: defaultdict(list))
    before: Updates = field(default_factory=lambda: defaultdict(list))
    unlinks: dict[tuple[str, Entity], list[Statement]] = field(default_factory=lambda: defaultdict(list))

    def statements(self, failures: list[Violation], *, late: bool) -> list[Statement]:
        """All statements in order; *late* chooses otherwise where the unit of work leaves it open.

        A cycle among objects is a failure: CircularDependencyError.
        """
        work = Work(self)
        actions, edges = self._whole()
        cycles = on_cycles(edges)
        barriers: set[Action] = set()
        if cycles:
            apart = Apart(work, self.items.values(), self.pairs, cycles)
            actions, edges, barriers = apart.actions(actions), apart.edges(edges), apart.barriers
        steps = sorted(actions, key=lambda each: each.sort_key)
        delayed = self._delayed(steps) if late and cycles else set[Action]()
        sequence = tiers(steps, edges, barriers, delayed)
        sent = {action for tier in sequence for action in tier}
        stuck = [action for action in steps if action not in sent]
        failures += [Violation(Reason.ORM, entity.row, ()) for entity in work.going(stuck)]
        found: list[Statement] = []
        for tier in (*sequence, stuck):  # as far as they go, statements are sent
            for together in _by_chance(tier, late=late) if cycles else ([action] for action in tier):
                found += work.of(together)
        unsent = self._overtaken(cycles, work.gone) if late else set()
        return [statement for statement in found if id(statement) not in unsent]

    def cyclic(self) -> set[str]:
        """The names of the mappers whose objects are sorted one by one."""
        return {action.name for action in on_cycles(self._whole()[1]) if action.kind is not Kind.PROCESS}

    @classmethod
    def among(cls, items: Iterable[Relation]) -> Flush:
        """One in which every one of *items* takes part, whatever the rows."""
        return cls([], lambda _: {}, {item.name: item for item in items})

    def _whole(self) -> tuple[set[Action], Edges[Action]]:
        """The steps of whole mappers and relationships, and which comes before which."""
        mappers = {name(each) for each in (*self.saves, *self.before)}
        mappers |= {name(entity.mapper.base_mapper) for entity in self.deleted}
        edges = {(Action(Kind.SAVE, each), Action(Kind.DELETE, each)) for each in mappers}
        for item in self.items.values():
            edges.update(dependencies(item))
        return {action for edge in edges for action in edge}, edges

    @staticmethod
    def _shifts(mapper: Mapper[Any]) -> bool:
        """True where a row's UPDATE waits for what eager loading found behind it, one level or more: that is not read here."""
        every = (item for each in mapper.self_and_descendants for item in relations(each))
        return any(item.loaded and item.direction == "many_to_one" for item in every)

    def _delayed(self, steps: Iterable[Action]) -> set[Action]:
        """The UPDATEs that may come later than it seems."""
        names = {name(mapper) for mapper in self.saves if self._shifts(mapper)}
        return {action for action in steps if action.kind is Kind.SAVE and action.name in names}

    def _overtaken(self, cycles: set[Action], gone: AbstractSet[Row]) -> set[int]:
        """The UPDATEs of post_update, by identity, that may not be sent: those of rows that stay.

        Object by object, nothing puts their step behind the one that finds their rows: chance decides.
        """
        loose = {
            item.name
            for item in self.items.values()
            if item.post_update and item.direction == "one_to_many" and deletion(item.parent) in cycles
        }
        updates = (each for found in self.before.values() for each in found)
        return {id(each) for each in updates if each.relationship in loose and each.row not in gone}


class Work:
    """What the steps of a flush send.

    Attributes:
        saves: UPDATEs by the name of their base mapper.
        deleted: the objects that go, by the same.
        gone: their rows.
    """

    def __init__(self, flush: Flush) -> None:
        self._unlinks = flush.unlinks
        self._before = _by_name(flush.before)
        self.saves = _by_name(flush.saves)
        self.deleted = _by_mapper(flush.deleted)
        self.gone = {row for entity in flush.deleted for row in entity.rows.values()}

    def going(self, actions: Iterable[Action]) -> list[Entity]:
        """The objects that these steps delete, in the order in which they are sent."""
        found: list[Entity] = []
        for action in actions:
            if action.kind is Kind.DELETE:
                found += [action.entity] if action.entity else self.deleted.get(action.name, [])
        return sorted(found, key=by_key)

    def of(self, actions: Sequence[Action]) -> Iterator[Statement]:
        """What is sent by steps of one kind, about objects of one mapper or one relationship."""
        kind, which, deleting = actions[0].sort_key
        whole = actions[0].entity is None and actions[0].row is None
        rows, parents = {each.row for each in actions}, {each.entity for each in actions}
        if kind is Kind.DELETE:
            yield from _deletes(self.going(actions))
        elif kind is Kind.SAVE:
            yield from (each for each in self.saves.get(which, ()) if whole or each.row in rows)
        elif kind is Kind.POST_UPDATE:
            yield from (each for each in self._before.get(which, ()) if (each.row in self.gone) is deleting)
        elif deleting:
            for (relationship, parent), found in self._unlinks.items():
                if relationship == which and (whole or parent in parents):
                    yield from found


def _by_chance(tier: Sequence[Action], *, late: bool) -> Iterator[list[Action]]:
    """Steps that are free at the same time, those together that are sent together: deletions last, or first if *late*."""
    together: dict[By, list[Action]] = defaultdict(list)
    for action in tier:
        together[action.sort_key].append(action)
    for key in sorted(together, key=lambda key: (-key[0], key[1:]), reverse=late):
        yield together[key]


def _by_name(updates: Updates) -> dict[str, list[Null]]:
    found: dict[str, list[Null]] = defaultdict(list)
    for mapper, nulls in updates.items():
        found[name(mapper)] += nulls
    return found


def _by_mapper(entities: Iterable[Entity]) -> dict[str, list[Entity]]:
    found: dict[str, list[Entity]] = defaultdict(list)
    for entity in entities:
        found[name(entity.mapper.base_mapper)].append(entity)
    return found


def _deletes(entities: Iterable[Entity]) -> list[Statement]:
    """Table by table, the subclass's first; one statement a row, as an executemany sends them."""
    tables: dict[tuple[int, str], list[Entity]] = defaultdict(list)
    for entity in entities:
        for table, place in entity.places.items():
            tables[place, table].append(entity)
    return [
        Delete([entity.rows[table]], expected=entity.mapper.version_id_col is not None)
        for (_, table), found in sorted(tables.items(), reverse=True)
        for entity in found
    ]


def by_key(entity: Entity) -> tuple[str, tuple[Any, ...]]:
    """Sorts objects as a flush does: by mapper, then by key."""
    parts = (part.name if isinstance(part, enum.Enum) else part for part in entity.key)
    return name(entity.mapper.base_mapper), tuple(parts)
