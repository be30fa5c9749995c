"""DEL008 set-default-without-default."""

from __future__ import annotations

from collections.abc import Iterator

from diag_rules.deletion._finding import Severity
from diag_rules.deletion._schema import Action

from ._model import Model
from ._rule import Hazard, rule
from ._words import not_null, reference, where, written


@rule("DEL008", "set-default-without-default", Severity.ERROR)
def check(model: Model) -> Iterator[Hazard]:
    """ON DELETE SET DEFAULT on a NOT NULL column that has no default.

    What it flags: a foreign key with ON DELETE SET DEFAULT and a NOT NULL column without a server default. A default that
        only SQLAlchemy knows (``default=``) does not count: the database sets it.
    Why: the default is then NULL, and the database refuses with a not-null violation.
    Hint: add a ``server_default`` that refers to a row which always exists, or use another action.
    """
    for fk in model.references():
        if fk.ondelete is not Action.SET_DEFAULT:
            continue
        columns = model.schema.tables[fk.table].columns
        bare = tuple(
            name for name in not_null(fk.touched, fk.table, model.schema) if columns[name].default is None
        )
        if bare:
            column = reference(fk.table, bare)
            yield Hazard(
                where=where(fk),
                message=f"{where(fk)} has ON DELETE SET DEFAULT, but {column} is NOT NULL and has no default: any such row "
                "blocks the deletion.",
                fix=f"Add a server_default to {column}, or write {written(fk, 'CASCADE')}, with a migration.",
                place=model.place(fk),
                severity=None if model.surely(fk) and not model.goes_too(fk) else Severity.WARNING,
            )
