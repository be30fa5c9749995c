"""DEL001 relationship-nulls-not-null."""

from __future__ import annotations

from collections.abc import Iterator

from diag_rules.deletion._finding import Severity
from diag_rules.deletion._schema import Action, ForeignKey

from ._links import Link
from ._model import Model
from ._reach import Touch
from ._rule import Hazard, rule
from ._words import not_null, owner, reference, where, written


@rule("DEL001", "relationship-nulls-not-null", Severity.ERROR)
def check(model: Model) -> Iterator[Hazard]:
    """A relationship that sets a NOT NULL column to NULL when its owner is deleted.

    What it flags: a one-to-many or one-to-one relationship without ``passive_deletes`` and without a delete cascade, whose
        foreign key column is NOT NULL.
    Why: before ``session.delete()`` deletes the owner it loads the other side and sends ``UPDATE ... SET column = NULL``.
        The database refuses that, even where the foreign key says ON DELETE CASCADE.
        (This was PyPI's outage page of 2025, pypi/warehouse#17751.)
    Hint: set ``passive_deletes=True`` where the foreign key cascades; with ``cascade="all, delete-orphan"`` beside it the
        deletion also passes while the collection is loaded, which the ORM otherwise nulls. Without ON DELETE use that cascade
        alone, or leave the decision to the database with ``passive_deletes="all"``.
    """
    for link in model.links:
        table, touch = model.table_of(link), model.touch(link)
        if table is None or touch is None or link.secondary or link.deletes or link.passive:
            continue
        if link.lazy == "write_only" or set(link.columns) & set(table.primary_key):
            continue  # DEL013 and DEL002: the ORM fails before it sends the UPDATE
        for column in not_null(link.columns, table.key, model.schema)[:1]:
            yield _hazard(model, link, reference(table.key, (column,)), touch)


def _hazard(model: Model, link: Link, column: str, touch: Touch) -> Hazard:
    fk = model.key_of(link)
    loaded = "" if touch is Touch.ALWAYS else "loaded "
    deliberate = fk is not None and fk.ondelete.refuses and model.declared(fk)
    return Hazard(
        where=link.where,
        message=f"{link.name} makes session.delete() set {column} to NULL, but the column is NOT NULL: "
        f"deleting any {loaded}{owner(link)} that has such rows fails.",
        fix=_fix(link, fk, deliberate=deliberate),
        place=link.place,
        severity=None if touch is Touch.ALWAYS and not deliberate else Severity.WARNING,
    )


def _fix(link: Link, fk: ForeignKey | None, *, deliberate: bool) -> str:
    if fk is not None and fk.ondelete is Action.CASCADE:
        return (
            f"Add passive_deletes=True to the {link.call}: {where(fk)} has ON DELETE CASCADE, so the database deletes the rows. "
            'Add cascade="all, delete-orphan" too, so that it also works while the collection is loaded.'
        )
    if deliberate and fk is not None:
        return (
            f'Add passive_deletes="all" to the {link.call}, so that the {fk.ondelete} of {where(fk)} decides.'
        )
    if fk is None:
        return f'Add cascade="all, delete-orphan" to the {link.call}, or passive_deletes="all" to leave its rows alone.'
    return (
        f'Add cascade="all, delete-orphan" to the {link.call}; or add passive_deletes=True to it and '
        f"{written(fk, 'CASCADE')} to {where(fk)}, with a migration."
    )
