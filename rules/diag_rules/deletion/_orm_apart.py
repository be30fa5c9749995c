"""The steps of a flush whose mappers go in a circle, taken apart into those of single objects.

Source: SQLAlchemy 2.0.58 and 2.1.9, ``orm/unitofwork.py`` (_generate_actions), ``orm/dependency.py``
(per_state_flush_actions, per_state_dependencies).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from ._orm_actions import Action, Edges, Kind, deletion, name, process, updated

if TYPE_CHECKING:
    from ._orm import Relation
    from ._orm_objects import Entity, Related
    from ._orm_order import Work


class Apart:
    """Takes the steps on *cycles* apart.

    Attributes:
        barriers: stand for the saves of a mapper, all of which come before each of its deletions. They are no steps.
    """

    def __init__(
        self, work: Work, items: Iterable[Relation], pairs: Callable[[Relation], Related], cycles: set[Action]
    ) -> None:
        self._pairs = pairs
        self._cycles = cycles
        self._items = [item for item in items if deletion(item.parent) in cycles]
        self._replaced = {
            process(item, deleting=deleting) for item in self._items for deleting in (False, True)
        }
        self._deleted = work.deleted
        self._going = {entity for found in work.deleted.values() for entity in found}
        self._saved = {
            mapper: dict.fromkeys(each.row for each in updates) for mapper, updates in work.saves.items()
        }
        self.barriers = {each for each in cycles if each.kind is Kind.SAVE and self._saved.get(each.name)}

    def actions(self, whole: set[Action]) -> set[Action]:
        """The steps, given those of whole mappers and relationships."""
        single = {part for action in self._cycles for part in self._parts(action)}
        processes = {
            process(item, parent)
            for item in self._items
            for parent, children in self._pairs(item).items()
            if children
        }
        return (whole - self._cycles - self._replaced) | single | processes

    def edges(self, whole: Edges[Action]) -> Edges[Action]:
        """Which step comes before which."""
        found: Edges[Action] = {
            edge
            for edge in whole
            if not self._replaced.intersection(edge) and not self._cycles.issuperset(edge)
        }
        for item in self._items:
            found.update(self._of_objects(item))
        found = {
            (one, two)
            for first, second in found
            for one in (self._parts(first) if first in self._cycles else (first,))
            for two in (self._parts(second) if second in self._cycles else (second,))
        }
        for barrier in self.barriers:
            found |= {(save, barrier) for save in self._parts(barrier)}
            found |= {(barrier, last) for last in self._parts(Action(Kind.DELETE, barrier.name))}
        return found

    def _parts(self, action: Action) -> Iterator[Action]:
        """The step's objects, one by one; a relationship's are told by its own pairs."""
        if action.kind is Kind.DELETE:
            yield from (
                Action(Kind.DELETE, action.name, entity=each) for each in self._deleted.get(action.name, ())
            )
        elif action.kind is Kind.SAVE:
            yield from (Action(Kind.SAVE, action.name, row=row) for row in self._saved.get(action.name, ()))

    def _of_objects(self, item: Relation) -> Iterator[tuple[Action, Action]]:
        """What comes before what because of one relationship, object by object."""
        for parent, children in self._pairs(item).items():
            first, last = (
                process(item, parent),
                Action(Kind.DELETE, name(parent.mapper.base_mapper), entity=parent),
            )
            steps = list(self._steps(item, children))
            if item.post_update:
                update = Action(Kind.POST_UPDATE, updated(item), deleting=True)
                if children:
                    yield from ((first, update), (update, last))
                if item.direction == "many_to_one":
                    yield from ((update, step) for step in steps)
            elif item.direction == "many_to_one":
                yield from ((last, step) for step in steps if step.kind is Kind.DELETE)
            else:
                yield from ((first, step) for step in steps)
                then = steps if item.direction == "one_to_many" else [first]
                yield from ((step, last) for step in then if children)

    def _steps(self, item: Relation, children: list[Entity]) -> Iterator[Action]:
        """What becomes of the children."""
        target = name(item.target.base_mapper)
        if deletion(item.target) not in self._cycles:
            if children:
                yield from (Action(Kind.SAVE, target), Action(Kind.DELETE, target))
            return
        for child in children:
            if child in self._going:
                yield Action(Kind.DELETE, target, entity=child)
            else:
                saved = self._saved.get(target, {})
                yield from (Action(Kind.SAVE, target, row=row) for row in child.rows.values() if row in saved)
