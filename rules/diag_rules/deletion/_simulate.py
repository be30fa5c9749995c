"""What all simulations of a database share: statements in, violations out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ._metadata import mentions
from ._schema import ForeignKey, Table, Unique
from ._verdict import Reason
from ._world import Changes, Row, World


@dataclass(frozen=True, slots=True, eq=False)
class Violation:
    """One row that stops the deletion, by one constraint.

    Attributes:
        row: the row that blocks.
        parent: the row that could not go because of it, or None.
        relationship: the ORM relationship whose statement met it, or None.
        early: the ORM refuses by what it has loaded, whatever the database does.
    """

    reason: Reason
    row: Row
    columns: tuple[str, ...]
    constraint: str | None = None
    parent: Row | None = None
    fk: ForeignKey | None = None
    relationship: str | None = None
    early: bool = False


@dataclass(slots=True)
class Delete:
    """DELETE of these rows, in one statement."""

    rows: list[Row]
    relationship: str | None = None
    expected: bool = False  # the ORM fails where a row is gone already


@dataclass(slots=True)
class Null:
    """UPDATE that nulls columns of one row, as the ORM sends it."""

    row: Row
    columns: tuple[str, ...]
    relationship: str | None = None


Statement = Delete | Null


@dataclass(frozen=True, slots=True)
class Mark:
    """How much a simulation had seen after a statement."""

    violations: int
    deleted: int
    changed: int


@dataclass(slots=True)
class Result:
    """What a simulation saw; *marks* has one entry a statement."""

    violations: list[Violation] = field(default_factory=list)
    deleted: list[Row] = field(default_factory=list)
    changed: dict[Row, None] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)

    def mark(self) -> None:
        """Note the end of a statement."""
        self.marks.append(Mark(len(self.violations), len(self.deleted), len(self.changed)))


class Simulator(ABC):
    """Plays statements on a world by the rules of one database.

    A violation is noted and the statement goes on as if it had passed, so that all blockers are found, not the first.
    """

    def __init__(self, world: World, *, backwards: bool = False) -> None:
        self.world = world
        self.result = Result()
        self.backwards = backwards
        self._relationship: str | None = None
        self._noted: set[tuple[Reason, str | None, tuple[str, ...], int]] = set()

    def run(self, statements: Iterable[Statement]) -> Result:
        """Play all *statements* as one transaction, the checks at its end included."""
        for statement in statements:
            self._relationship = statement.relationship
            if isinstance(statement, Delete):
                self._delete(statement)
            else:
                self._null(statement)
            self.result.mark()
        self._relationship = None
        self.commit()
        return self.result

    def _delete(self, statement: Delete) -> None:
        living = [row for row in statement.rows if row.alive]
        if statement.expected:
            for row in set(statement.rows) - set(living):
                self.note(Violation(Reason.ORM, row, (), relationship=statement.relationship))
        if living:
            self.delete(living)

    def _null(self, statement: Null) -> None:
        if statement.row.alive:
            self.update([statement.row], dict.fromkeys(statement.columns))
        else:
            self.note(Violation(Reason.ORM, statement.row, statement.columns))

    @abstractmethod
    def delete(self, rows: Sequence[Row]) -> None:
        """One DELETE statement."""

    @abstractmethod
    def update(self, rows: Sequence[Row], changes: Changes) -> None:
        """One UPDATE statement."""

    def commit(self) -> None:
        """The checks that wait for the end of the transaction; where nothing waits, none."""
        return

    # shared pieces

    def note(self, violation: Violation) -> None:
        """Keep a violation, once a row and constraint."""
        name = violation.constraint
        same = (violation.reason, name, violation.columns, id(violation.row))
        if same in self._noted:
            return
        self._noted.add(same)
        if violation.relationship is None and self._relationship is not None and violation.fk is None:
            violation = _by_relationship(violation, self._relationship)
        self.result.violations.append(violation)

    def refuse(self, fk: ForeignKey, child: Row, parent: Row | None) -> None:
        """Note that *child* still refers to *parent*."""
        self.note(Violation(Reason.FOREIGN_KEY, child, fk.columns, fk.name, parent, fk))

    def children(self, fk: ForeignKey, row: Row) -> list[Row]:
        """The living children, in the database's order, or against it."""
        found = self.world.children(fk, row)
        return found[::-1] if self.backwards else found

    def bury(self, row: Row, cause: Row | None) -> None:
        """Take the row away."""
        row.alive = False
        if row.cause is None:
            row.cause = cause
        self.result.deleted.append(row)

    def change(self, row: Row, changes: Changes, fk: ForeignKey | None, cause: Row | None) -> set[str]:
        """Write the columns and check what is checked at once; returns the columns that changed.

        A change that is refused is none: only the reference that it was about is taken for cleared.
        """
        changed = {name for name, value in changes.items() if self.world.differs(row, name, value)}
        before = dict(row.changes)
        row.changes.update({name: value for name, value in changes.items() if name in changed})
        if row.cause is None:
            row.cause = cause
        if changed:
            self.result.changed[row] = None  # refused or not, triggers before it fire
        if changed and self._refused_row(row, changed, fk, cause):
            row.changes = before
            self.let_go(row, [fk] if fk is not None else self._over(row, changed))
            return set()
        return changed

    def _over(self, row: Row, columns: set[str]) -> list[ForeignKey]:
        return [fk for fk in self.world.own_keys(row) if columns & set(fk.columns)]

    def let_go(self, row: Row, keys: Iterable[ForeignKey]) -> None:
        """Forget what *row* refers to by *keys*: that it does is noted already."""
        for fk in keys:
            row.links.pop(fk, None)

    def relink(self, row: Row, changed: set[str]) -> Iterator[tuple[ForeignKey, Row | bool | None]]:
        """Point *row* where its changed keys say now: yields each with its row, True for half a key, False for none."""
        for fk in self.world.own_keys(row):
            if fk.enforced and changed & set(fk.columns):
                row.links.pop(fk, None)
                yield fk, self._target(fk, row)

    def _target(self, fk: ForeignKey, row: Row) -> Row | bool | None:
        values = self.world.values(row, fk.columns)
        if None in values:
            return True if fk.match == "FULL" and any(value is not None for value in values) else None
        target = self.world.points_to(fk, row)
        if isinstance(target, Row):
            self.world.link(fk, row, target)
        return target

    def _refused_row(self, row: Row, changed: set[str], fk: ForeignKey | None, cause: Row | None) -> bool:
        """Note what the changed row breaks; True where it breaks anything."""
        found = list(self._broken(row, changed, fk, cause))
        for violation in found:
            self.note(violation)
        return bool(found)

    def _broken(
        self, row: Row, changed: set[str], fk: ForeignKey | None, cause: Row | None
    ) -> Iterator[Violation]:
        table = self.world.schema.tables[row.table]
        empty = (name for name in changed if not table.columns[name].nullable)
        if any(self.world.value(row, name) is None for name in empty):
            columns = fk.columns if fk is not None else tuple(name for name in row.changes if name in changed)
            yield Violation(Reason.NOT_NULL, row, columns, None, cause, fk)
            return
        for reason, check in self.world.broken_checks(row):
            yield Violation(reason, row, check.columns, check.name, cause, fk)
        for unique in table.uniques:
            if _reads(table, unique) & changed and self.world.unique_conflict(row, unique):
                yield Violation(Reason.UNIQUE, row, unique.columns, unique.name, cause, fk)


def _reads(table: Table, unique: Unique) -> set[str]:
    """The columns whose change a unique index notices."""
    found = set(unique.columns)
    texts = [*unique.terms, unique.where or ""]
    texts += [table.columns[name].formula or "" for name in unique.columns]
    if any(texts):
        found |= {name for name in table.columns if any(mentions(text, name) for text in texts)}
    return found


def _by_relationship(violation: Violation, name: str) -> Violation:
    return Violation(
        violation.reason,
        violation.row,
        violation.columns,
        violation.constraint,
        violation.parent,
        violation.fk,
        name,
    )
