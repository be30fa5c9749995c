"""A deletion by SQLite's rules: actions depth first, NO ACTION by a counter at the end of the statement.

Source: SQLite 3.40, ``fkey.c``; proved on 3.40.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from ._schema import Action, ForeignKey
from ._simulate import Simulator, Violation
from ._verdict import Reason
from ._world import Changes, Row

Steps: TypeAlias = "Iterator[Steps]"
DEEPEST = 1000  # SQLITE_MAX_TRIGGER_DEPTH


class SqliteSimulator(Simulator):
    """RESTRICT acts at once; what dangles otherwise is counted, and an orphan that vanishes is counted against it."""

    _waiting = 0  # the deferred counter, over the whole transaction
    _counter = 0
    _dangling: dict[tuple[ForeignKey, int], tuple[ForeignKey, Row, Row | None]]
    _late: dict[tuple[ForeignKey, int], tuple[ForeignKey, Row, Row | None]]

    def delete(self, rows: Sequence[Row]) -> None:
        """One DELETE and the check at its end."""
        self._begin()
        for row in rows:
            play(self._remove(row, None, 0))
        self._end()

    def update(self, rows: Sequence[Row], changes: Changes) -> None:
        """One UPDATE and the check at its end."""
        self._begin()
        for row in rows:
            play(self._change(row, changes, None, None, 0))
        self._end()

    def commit(self) -> None:
        """The deferred keys."""
        if self._waiting > 0:
            for fk, child, parent in self._late.values():
                self._refuse_if_dangling(fk, child, parent)

    def _begin(self) -> None:
        self._counter, self._dangling = 0, {}
        self._late = getattr(self, "_late", {})

    def _end(self) -> None:
        if self._counter > 0:
            for fk, child, parent in self._dangling.values():
                self._refuse_if_dangling(fk, child, parent)

    def _refuse_if_dangling(self, fk: ForeignKey, child: Row, parent: Row | None) -> None:
        if child.alive and (fk in child.orphaned if parent is None else child.links.get(fk) is parent):
            self.refuse(fk, child, parent)
            self._settle(fk, child)

    def _settle(self, fk: ForeignKey, child: Row) -> None:
        """A reference that was refused is none: it must not make up for another one in a later statement."""
        child.orphaned -= {fk}
        super().let_go(child, (fk,))

    def _count(self, fk: ForeignKey, step: int) -> None:
        if fk.initially_deferred:
            self._waiting += step
        else:
            self._counter += step

    def _remove(self, row: Row, cause: Row | None, depth: int) -> Steps:
        if not row.alive:
            return
        if depth > DEEPEST:
            self.note(Violation(Reason.DEPTH, row, (), None, cause))
            return
        self.bury(row, cause)
        self._forget(row, self.world.own_keys(row))
        self._lose_key(row, None)
        for fk in self.world.referring(row):
            yield self._act(fk.ondelete, fk, row, depth, deleted=True)

    def let_go(self, row: Row, keys: Iterable[ForeignKey]) -> None:
        """The same, and a reference that dangled is none."""
        found = list(keys)
        self._forget(row, found)
        super().let_go(row, found)

    def _forget(self, row: Row, keys: Iterable[ForeignKey]) -> None:
        """References that *row* held to nothing are gone."""
        for fk in keys:
            parent = row.links.get(fk)
            lost = parent is not None and parent is not row and self._keyless(fk, parent)
            if fk in row.orphaned or lost:
                self._count(fk, -1)

    def _keyless(self, fk: ForeignKey, parent: Row) -> bool:
        return not parent.alive or bool(parent.changes.keys() & set(fk.referred_columns))

    def _lose_key(self, row: Row, changed: set[str] | None) -> None:
        """References to *row* dangle, until an action mends them."""
        for fk in self.world.referring(row):
            if changed is None or changed & set(fk.referred_columns):
                for child in self.children(fk, row):
                    self._count(fk, 1)
                    kept = self._late if fk.initially_deferred else self._dangling
                    kept[fk, id(child)] = (fk, child, row)

    def _dangle(self, fk: ForeignKey, row: Row) -> None:
        """A new key of *row* points nowhere."""
        self._count(fk, 1)
        row.orphaned = row.orphaned | {fk}
        kept = self._late if fk.initially_deferred else self._dangling
        kept[fk, id(row)] = (fk, row, None)

    def _act(self, action: Action, fk: ForeignKey, row: Row, depth: int, *, deleted: bool) -> Steps:
        for child in self.children(fk, row):
            if action is Action.RESTRICT:
                self.refuse(fk, child, row)
                self.let_go(child, (fk,))
            elif action is Action.CASCADE and deleted:
                yield self._remove(child, row, depth + 1)
            elif action is not Action.NO_ACTION and child.alive:
                yield self._change(child, self._new_key(action, fk, row, child), fk, row, depth + 1)

    def _new_key(self, action: Action, fk: ForeignKey, row: Row, child: Row) -> Changes:
        if action is Action.CASCADE:
            return dict(zip(fk.columns, self.world.values(row, fk.referred_columns), strict=True))
        if action is Action.SET_DEFAULT:
            return self.world.default(child, fk.columns)
        return dict.fromkeys(fk.columns)

    def _change(
        self, row: Row, changes: Changes, fk: ForeignKey | None, cause: Row | None, depth: int
    ) -> Steps:
        changed = self.change(row, changes, fk, cause)
        self._forget(row, self._over(row, changed))
        row.orphaned = frozenset(own for own in row.orphaned if not changed & set(own.columns))
        for own, target in self.relink(row, changed):
            if target is False:
                self._dangle(own, row)
        self._lose_key(row, changed)
        for below in self.world.referring(row):
            if changed & set(below.referred_columns):
                yield self._act(below.onupdate, below, row, depth, deleted=False)


def play(first: Steps) -> None:
    """Run steps depth first without a stack of calls: SQLite nests deeper than Python does."""
    stack = [first]
    while stack:
        following = next(stack[-1], None)
        if following is None:
            stack.pop()
        else:
            stack.append(following)
