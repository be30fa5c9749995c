"""A deletion by InnoDB's rules: depth first, row by row, each check before its row is gone.

Source: MariaDB 10.11, ``storage/innobase/row/row0ins.cc``; proved on 10.11.19.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ._plan_keys import looked_up_again
from ._schema import Action, ForeignKey
from ._simulate import Simulator, Violation
from ._verdict import Reason
from ._world import Changes, Row

DEEPEST = 14  # nested actions below the root; the next fails with error 1296, "Got error 193"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the cascade an action runs: how deep, and below which updates."""

    depth: int = 0
    updated: tuple[str, ...] = ()

    def below(self, table: str | None = None) -> Place:
        """One action deeper, after an update of *table*."""
        return Place(self.depth + 1, self.updated if table is None else (*self.updated, table))


class InnodbSimulator(Simulator):
    """Nothing waits: NO ACTION is RESTRICT, and a row that is going still refers."""

    _going: set[Row]

    def delete(self, rows: Sequence[Row]) -> None:
        """One DELETE, row after row."""
        self._going = set()
        for row in rows:
            if row.alive:
                self._remove(row, None, Place())

    def update(self, rows: Sequence[Row], changes: Changes) -> None:
        """One UPDATE, row after row."""
        self._going = set()
        for row in rows:
            changed = self._write(row, changes, None, None)
            self._referrers_follow(row, changed, Place(updated=(row.table,)))

    def _remove(self, row: Row, cause: Row | None, place: Place) -> None:
        self._going.add(row)
        if row.cause is None:
            row.cause = cause
        for fk in self.world.referring(row):
            for child in self._visible(fk, row):
                if child.alive and child.links.get(fk) is row:
                    self._on_delete(fk, child, row, place)
        self._going.discard(row)
        self.bury(row, cause)

    def _visible(self, fk: ForeignKey, row: Row) -> list[Row]:
        """Children whose entry in the index is still there: the clustered one is marked first, the others last."""
        table = self.world.schema.tables[fk.table]
        clustered = table.primary_key[: len(fk.columns)] == fk.columns
        return [child for child in self.children(fk, row) if not (clustered and child in self._going)]

    def _on_delete(self, fk: ForeignKey, child: Row, row: Row, place: Place) -> None:
        if fk.ondelete is Action.CASCADE:
            if child not in self._going and self._deep_enough(fk, child, row, place):
                self._remove(child, row, place.below())
        elif fk.ondelete.refuses or child.table in place.updated:
            self.refuse(fk, child, row)
        elif child not in self._going and self._deep_enough(fk, child, row, place):
            changed = self._write(child, dict.fromkeys(fk.columns), fk, row)
            self._referrers_follow(child, changed, place.below(child.table))

    def _deep_enough(self, fk: ForeignKey, child: Row, row: Row, place: Place) -> bool:
        """False, and noted, where the action would be one too deep."""
        if place.depth >= DEEPEST:
            self.note(Violation(Reason.DEPTH, child, fk.columns, fk.name, row, fk))
        return place.depth < DEEPEST

    def _write(self, row: Row, changes: Changes, fk: ForeignKey | None, cause: Row | None) -> set[str]:
        changed = self.change(row, changes, fk, cause)
        for _ in self.relink(row, changed):
            pass
        table = self.world.schema.tables[row.table]
        for other, parent in list(row.links.items()):
            if other is not fk and parent in self._going and looked_up_again(table, other, changed):
                self.refuse(other, row, parent)
        return changed

    def _referrers_follow(self, row: Row, changed: set[str], place: Place) -> None:
        """The actions of ON UPDATE, where the key of *row* has changed; they never come back to a table."""
        for fk in self.world.referring(row):
            for child in self.children(fk, row) if changed & set(fk.referred_columns) else ():
                if fk.onupdate.refuses or child.table in place.updated:
                    self.refuse(fk, child, row)
                elif child not in self._going and self._deep_enough(fk, child, row, place):
                    written = self._write(child, self._key(fk, row), fk, row)
                    self._referrers_follow(child, written, place.below(child.table))

    def _key(self, fk: ForeignKey, row: Row) -> Changes:
        if fk.onupdate is Action.CASCADE:
            return dict(zip(fk.columns, self.world.values(row, fk.referred_columns), strict=True))
        return dict.fromkeys(fk.columns)
