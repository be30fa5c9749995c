"""A deletion by PostgreSQL's rules: a queue of trigger events, run in whole batches, by trigger name within a row.

Source: PostgreSQL 15 and 18, ``commands/trigger.c`` and ``utils/adt/ri_triggers.c``; proved on 15.18 and 18.4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from ._schema import Action, ForeignKey
from ._simulate import Simulator
from ._world import Changes, Row, World

Event = Callable[[], None]


class PostgresqlSimulator(Simulator):
    """Non-deferred NO ACTION and RESTRICT run in the same queue as cascades, so both depend on level and name.

    A row that the transaction has written already has all its keys checked when it is written again, changed or not
    (``RI_FKey_fk_upd_check_required``): a parent that has gone, and whose own event is yet to come, is missed then.
    """

    def __init__(self, world: World, *, backwards: bool = False) -> None:
        super().__init__(world, backwards=backwards)
        self._queue: list[Event] = []
        self._late: list[Event] = []
        self._written: Counter[Row] = Counter()

    def delete(self, rows: Sequence[Row]) -> None:
        """One DELETE: the rows go first, then their events run."""
        for row in rows:
            self._bury(row, None)
        self._drain()

    def update(self, rows: Sequence[Row], changes: Changes) -> None:
        """One UPDATE, and its events."""
        self._change_all(rows, lambda _: changes, None, None)
        self._drain()

    def commit(self) -> None:
        """Run the deferred checks on what is left."""
        late, self._late = self._late, []
        for event in late:
            event()

    def _drain(self) -> None:
        while self._queue:
            batch, self._queue = self._queue, []
            for event in batch:
                event()

    def _bury(self, row: Row, cause: Row | None) -> None:
        self.bury(row, cause)
        for fk in self.world.referring(row):
            self._queue.append(self._deleted(fk, row))

    def _deleted(self, fk: ForeignKey, row: Row) -> Event:
        """The action of *fk* after *row* has gone."""

        def fire() -> None:
            children = self.children(fk, row)
            if fk.ondelete is Action.CASCADE:
                for child in children:
                    if child.alive:
                        self._bury(child, row)
            elif fk.ondelete is Action.SET_NULL:
                self._change_all(children, lambda _: dict.fromkeys(fk.touched), fk, row)
            elif fk.ondelete is Action.SET_DEFAULT:
                self._change_all(children, lambda child: self.world.default(child, fk.touched), fk, row)
                self._refuse_all(fk, row)  # the default may be the very key that went
            else:
                self._refuse(fk, row, fk.ondelete)

        return fire

    def _refuse(self, fk: ForeignKey, row: Row, action: Action) -> None:
        if action is Action.NO_ACTION and fk.initially_deferred:
            self._late.append(lambda: self._refuse_all(fk, row))
        else:
            self._refuse_all(fk, row)

    def _refuse_all(self, fk: ForeignKey, row: Row) -> None:
        for child in self.children(fk, row):
            self.refuse(fk, child, row)

    def _change_all(
        self,
        rows: Sequence[Row],
        changes: Callable[[Row], Changes],
        fk: ForeignKey | None,
        cause: Row | None,
    ) -> None:
        for row in rows:
            written = changes(row)
            differs = any(self.world.differs(row, name, value) for name, value in written.items())
            changed = self.change(row, written, fk, cause)
            if changed or not differs:  # else it was refused
                self._written[row] += 1
                self._queue_updates(row, changed)

    def _queue_updates(self, row: Row, changed: set[str]) -> None:
        """Events of a changed row, by name: actions of the keys that refer to it, and checks of its own keys."""
        events = [
            (fk.order_update, self._updated(fk, row))
            for fk in self.world.referring(row)
            if changed & set(fk.referred_columns)
        ]
        events += [
            (fk.order_check, self._checked(fk, row, self._misses))
            for fk, target in self.relink(row, changed)
            if target is not None
        ]
        if self._written[row] > 1:
            events += [
                (fk.order_check, self._checked(fk, row, self._has_lost))
                for fk in self.world.own_keys(row)
                if fk.enforced and not changed & set(fk.columns)
            ]
        self._queue += [event for _, event in sorted(events, key=lambda pair: str(pair[0]))]

    def _checked(self, fk: ForeignKey, row: Row, fails: Callable[[ForeignKey, Row], bool]) -> Event:
        """The check that *row* refers to something, unless it is written again before: that has its own."""
        version = self._written[row]

        def fire() -> None:
            if row.alive and self._written[row] == version and fails(fk, row):
                self.refuse(fk, row, None)

        def later() -> None:
            self._late.append(fire)

        return later if fk.initially_deferred else fire

    def _misses(self, fk: ForeignKey, row: Row) -> bool:
        """True where the changed key refers to nothing."""
        values = self.world.values(row, fk.columns)
        mixed = fk.match == "FULL" and None in values and any(value is not None for value in values)
        return mixed or (None not in values and self.world.points_to(fk, row) is False)

    def _has_lost(self, fk: ForeignKey, row: Row) -> bool:
        """True where a key that was not changed, or not by the last write, refers to nothing."""
        if not row.changes.keys().isdisjoint(fk.columns):
            return self._misses(fk, row)
        parent = row.links.get(fk)
        return fk in row.orphaned or (parent is not None and not parent.alive)

    def _updated(self, fk: ForeignKey, row: Row) -> Event:
        """The action of *fk* after the key of *row* has changed."""

        def fire() -> None:
            children = self.children(fk, row)
            if fk.onupdate is Action.CASCADE:
                key = dict(zip(fk.columns, self.world.values(row, fk.referred_columns), strict=True))
                self._change_all(children, lambda _: key, fk, row)
            elif fk.onupdate is Action.SET_NULL:
                self._change_all(children, lambda _: dict.fromkeys(fk.columns), fk, row)
            elif fk.onupdate is Action.SET_DEFAULT:
                self._change_all(children, lambda child: self.world.default(child, fk.columns), fk, row)
                self._refuse_all(fk, row)
            else:
                self._refuse(fk, row, fk.onupdate)

        return fire
