"""DEL007 set-null-on-tenant-key."""

from __future__ import annotations

from collections.abc import Iterator

from diag_rules.deletion._finding import Severity
from diag_rules.deletion._schema import Action

from ._model import Model
from ._rule import Hazard, rule
from ._words import not_null, reference, where


@rule("DEL007", "set-null-on-tenant-key", Severity.ERROR)
def check(model: Model) -> Iterator[Hazard]:
    """ON DELETE SET NULL on a composite key of which only a part can be NULL.

    What it flags: a foreign key over several columns with ON DELETE SET NULL, where one column (usually the tenant's) is
        NOT NULL and another is nullable.
    Why: SET NULL nulls every column of the key, the tenant's too, and the database refuses with a not-null violation.
    Hint: on PostgreSQL 15 and later name the columns, ``ON DELETE SET NULL (project_id)``; elsewhere use CASCADE, or a key
        of one column.
    """
    for fk in model.references():
        blocked = not_null(fk.touched, fk.table, model.schema)
        free = tuple(column for column in fk.touched if column not in blocked)
        if fk.ondelete is Action.SET_NULL and blocked and free:
            yield Hazard(
                where=where(fk),
                message=f"{where(fk)} has ON DELETE SET NULL, which nulls {reference(fk.table, blocked)} too, and that is "
                "NOT NULL: any such row blocks the deletion.",
                fix=f'Write ondelete="SET NULL ({", ".join(free)})" (PostgreSQL 15 or later), or ondelete="CASCADE", '
                "with a migration.",
                place=model.place(fk),
                severity=None if model.surely(fk) and not model.goes_too(fk) else Severity.WARNING,
            )
