"""What holds the rows that block: the blockers' own blockers, to be cleared before them.

The rows that block are removed in a world of their own, by the database's rules; what refuses there must go first, and may be
held by others in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ._blockers import Describer, Held, Subject
from ._plan import Edge
from ._policy import DeletionPolicy
from ._probe import Unsure
from ._schema import Action, Schema
from ._switches import Switches
from ._tables import source
from ._trial import Trials
from ._verdict import Blocker, RemedyAction

ROUNDS = 10  # of blockers behind blockers
ROWS = 5_000  # that block and are looked behind; with more, what holds them is told of so many
REMOVING = (RemedyAction.DELETE, RemedyAction.MANUAL)  # the others leave the row where it is
Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Removed:
    """Rows of one table that go before the subject.

    Attributes:
        path: the tables from the subject to them.
    """

    table: str
    identities: Sequence[Key]
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Holders:
    """Finds what holds blocking rows, on one connection."""

    connection: sa.Connection
    schema: Schema
    policy: DeletionPolicy | None
    types: Callable[[str], Mapping[str, Any]]
    switches: Switches

    def behind(
        self, held: Iterable[Held], subject: Subject, root: str, cap: int | None = None
    ) -> tuple[Held, ...]:
        """What must be cleared before the blockers in *held*, in the order in which it can be."""
        first = [_removed(item) for item in held if removing(item.blocker)]
        return self.before(
            [item for item in first if may_be_held(self.schema, item.table)], subject, root, cap
        )

    def before(
        self, removed: Sequence[Removed], subject: Subject, root: str, cap: int | None
    ) -> tuple[Held, ...]:
        """What must be cleared before the rows in *removed* can go."""
        found: list[Held] = []
        fresh: Sequence[Removed] = removed
        seen = {(item.table, identity) for item in removed for identity in item.identities}
        for _ in range(ROUNDS):
            if not fresh:
                break
            new = self._of(fresh, subject, root, cap)
            new = [item for item in new if any((row.home, row.identity) not in seen for row in item.rows)]
            seen.update((row.home, row.identity) for item in new for row in item.rows)
            found = [*new, *found]
            fresh = [_removed(item) for item in new if removing(item.blocker)]
        return tuple(found)

    def _of(self, removed: Sequence[Removed], subject: Subject, root: str, cap: int | None) -> list[Held]:
        trials = Trials(self.connection, self.schema, (), None, self.switches)
        try:
            trial = trials.remove([(item.table, item.identities) for item in removed])
        except Unsure:
            return []
        if not trial.violations:
            return []
        words = Describer(self.connection, self.schema, self.policy, self.types)
        paths = {item.table: item.path for item in reversed(removed)}
        return list(words.blockers(trial, subject, cap, (root, paths)))


def removing(blocker: Blocker) -> bool:
    """True for a blocker whose rows have to go, for all that is known."""
    return blocker.remedy.action in REMOVING


def may_be_held(schema: Schema, table: str) -> bool:
    """True where rows of *table*, or what goes with them, could be held by others."""
    reached = list(schema.lineage(table))
    for key in reached:
        for fk in schema.children_of(key):
            if not fk.enforced:
                continue
            if fk.ondelete is not Action.CASCADE:
                return True
            if fk.table not in reached:
                reached.append(fk.table)
    return False


def behind(schema: Schema, edge: Edge, root: sa.Table, key: Key) -> sa.Select[Any]:
    """SELECT the identities of the rows of *edge* below the subject *key*, `ROWS` at most."""
    src = source(schema, edge.table)
    rows = src.clause().alias()
    select = sa.select(*(rows.c[name] for name in src.identity)).select_from(rows).limit(ROWS)
    at: Edge = edge
    while at.above is not None:
        upper = source(schema, at.above.table).clause().alias()
        select = select.where(*(upper.c[up] == rows.c[here] for up, here in at.pairs))
        at, rows = at.above, upper
    top = {column.name: column for column in root.columns}
    select = select.where(*(top[up] == rows.c[here] for up, here in at.pairs))
    return select.where(
        *(column == value for column, value in zip(root.primary_key.columns, key, strict=True))
    )


def _removed(item: Held) -> Removed:
    return Removed(item.blocker.table, [row.identity for row in item.rows], item.blocker.path)
