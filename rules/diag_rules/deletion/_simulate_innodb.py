"""A deletion by InnoDB's rules: depth first, row by row, each check before its row is gone.

Source: MariaDB 10.11, ``storage/innobase/row/row0ins.cc``; proved on 10.11.19.
"""

from __future__ import annotations

from collections.abc import Sequence

from ._schema import Action, ForeignKey
from ._simulate import Simulator, Violation
from ._verdict import Reason
from ._world import Changes, Row

DEEPEST = 14  # nested actions below the root; the next fails with error 1296, "Got error 193"


class InnodbSimulator(Simulator):
    """Nothing waits: NO ACTION is RESTRICT, and a row that is going still refers."""

    _going: set[Row]

    def delete(self, rows: Sequence[Row]) -> None:
        """One DELETE, row after row."""
        self._going = set()
        for row in rows:
            if row.alive:
                self._remove(row, None, 0, ())

    def update(self, rows: Sequence[Row], changes: Changes) -> None:
        """One UPDATE, row after row."""
        self._going = set()
        for row in rows:
            self._change(row, changes, None, None, 0, ())

    def _remove(self, row: Row, cause: Row | None, depth: int, updated: tuple[str, ...]) -> None:
        self._going.add(row)
        if row.cause is None:
            row.cause = cause
        for fk in self.world.referring(row):
            for child in self._visible(fk, row):
                self._act(fk.ondelete, fk, child, row, depth, updated, deleted=True)
        self._going.discard(row)
        self.bury(row, cause)

    def _visible(self, fk: ForeignKey, row: Row) -> list[Row]:
        """Children whose entry in the index is still there: the clustered one is marked first, the others last."""
        table = self.world.schema.tables[fk.table]
        clustered = table.primary_key[: len(fk.columns)] == fk.columns
        return [child for child in self.children(fk, row) if not (clustered and child in self._going)]

    def _act(
        self,
        action: Action,
        fk: ForeignKey,
        child: Row,
        row: Row,
        depth: int,
        updated: tuple[str, ...],
        *,
        deleted: bool,
    ) -> None:
        if not child.alive or child.links.get(fk) is not row:
            return
        if action.refuses or (child.table in updated and not (deleted and action is Action.CASCADE)):
            self.refuse(fk, child, row)
        elif child in self._going:
            return
        elif depth >= DEEPEST:
            self.note(Violation(Reason.DEPTH, child, fk.columns, fk.name, row, fk))
        elif deleted and action is Action.CASCADE:
            self._remove(child, row, depth + 1, updated)
        else:
            self._change(child, self._new_key(action, fk, row), fk, row, depth + 1, updated)

    def _new_key(self, action: Action, fk: ForeignKey, row: Row) -> Changes:
        if action is Action.CASCADE:
            return dict(zip(fk.columns, self.world.values(row, fk.referred_columns), strict=True))
        return dict.fromkeys(fk.columns)

    def _change(
        self,
        row: Row,
        changes: Changes,
        fk: ForeignKey | None,
        cause: Row | None,
        depth: int,
        updated: tuple[str, ...],
    ) -> None:
        changed = self.change(row, changes, fk, cause)
        for _ in self.relink(row, changed):
            pass
        for below in self.world.referring(row):
            if changed & set(below.referred_columns):
                for child in self.children(below, row):
                    self._act(below.onupdate, below, child, row, depth, (*updated, row.table), deleted=False)
