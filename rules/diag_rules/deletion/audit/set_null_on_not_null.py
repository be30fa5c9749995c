"""DEL006 set-null-on-not-null."""

from __future__ import annotations

from collections.abc import Iterator

from diag_rules.deletion._finding import Severity
from diag_rules.deletion._schema import Action

from ._model import Model
from ._rule import Hazard, rule
from ._words import not_null, reference, where, written


@rule("DEL006", "set-null-on-not-null", Severity.ERROR)
def check(model: Model) -> Iterator[Hazard]:
    """ON DELETE SET NULL on a column that can't be NULL.

    What it flags: a foreign key with ON DELETE SET NULL of which every column is NOT NULL, by itself, its domain or its
        primary key.
    Why: the database accepts the schema and refuses every deletion of a row that is referred to, with a not-null violation.
    Hint: make the column nullable, or use ON DELETE CASCADE.
    """
    for fk in model.references():
        blocked = not_null(fk.touched, fk.table, model.schema)
        if fk.ondelete is Action.SET_NULL and blocked == fk.touched:
            column = reference(fk.table, blocked)
            yield Hazard(
                where=where(fk),
                message=f"{where(fk)} has ON DELETE SET NULL, but {column} is NOT NULL: any such row blocks the deletion.",
                fix=f"Make {column} nullable, or write {written(fk, 'CASCADE')}, with a migration.",
                place=model.place(fk),
                severity=None if model.surely(fk) and not model.goes_too(fk) else Severity.WARNING,
            )
