"""DEL002 relationship-blanks-primary-key."""

from __future__ import annotations

from collections.abc import Iterator

from diag_rules.deletion._finding import Severity
from diag_rules.deletion._schema import Action

from ._model import Model
from ._reach import Touch
from ._rule import Hazard, rule
from ._words import owner, reference


@rule("DEL002", "relationship-blanks-primary-key", Severity.ERROR)
def check(model: Model) -> Iterator[Hazard]:
    """A relationship that would blank a primary key when its owner is deleted.

    What it flags: a one-to-many or one-to-one relationship without ``passive_deletes`` and without a delete cascade, whose
        foreign key column is part of the other side's primary key (association objects, one-to-one extensions).
    Why: ``session.delete()`` raises AssertionError, "Dependency rule tried to blank-out primary key column", before it sends
        any SQL, as soon as the owner has such a row.
    Hint: let the ORM delete the rows with ``cascade="all, delete-orphan"``; where the foreign key has ON DELETE CASCADE, add
        ``passive_deletes=True``, so that they need not be loaded.
    """
    for link in model.links:
        table, touch = model.table_of(link), model.touch(link)
        if (
            table is None
            or touch is None
            or link.secondary
            or link.deletes
            or link.passive
            or link.lazy == "write_only"
        ):
            continue
        for column in [name for name in link.columns if name in table.primary_key][:1]:
            fk = model.key_of(link)
            cascading = fk is not None and fk.ondelete is Action.CASCADE
            change = 'cascade="all, delete-orphan"' + (" and passive_deletes=True" if cascading else "")
            yield Hazard(
                where=link.where,
                message=f"{link.name} makes session.delete() blank {reference(table.key, (column,))}, which is part of a "
                f"primary key: deleting any {owner(link)} that has such rows raises AssertionError.",
                fix=f"Add {change} to the {link.call}.",
                place=link.place,
                severity=None if touch is Touch.ALWAYS else Severity.WARNING,
            )
