"""DEL017 only-the-orm-acts."""

from __future__ import annotations

from collections.abc import Iterator

from diag_rules.deletion._finding import Severity

from ._model import Model
from ._rule import Hazard, rule
from ._words import actions, where
from .reference_without_action import attended, attending, unattended


@rule("DEL017", "only-the-orm-acts", Severity.NOTE)
def check(model: Model) -> Iterator[Hazard]:
    """A foreign key without an action, whose rows only the ORM takes care of.

    What it flags: a foreign key without ON DELETE to a table that goes with the subject, where a relationship deletes or
        detaches the rows when ``session.delete()`` is used.
    Why: plain SQL knows nothing of relationships: a bulk delete, a script, an administrator's DELETE or a cascade from above is
        refused, and a large collection is loaded into memory just to be deleted.
    Hint: say the same in the database, ON DELETE CASCADE or SET NULL, and add ``passive_deletes=True`` to the relationship.
    """
    for fk in model.references():
        if unattended(model, fk) and attended(model, fk):
            names = ", ".join(link.name for link in attending(model, fk))
            yield Hazard(
                where=where(fk),
                message=f"{where(fk)} refers to {fk.referred} without ON DELETE, and only the ORM takes care of it ({names}): "
                "plain SQL is refused.",
                fix=f"Write {actions(fk, model.schema)}.",
                place=model.place(fk),
            )
