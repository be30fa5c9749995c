"""DEL017 only-the-orm-acts."""

from __future__ import annotations

from collections.abc import Iterator

from diag_rules.deletion._finding import Severity
from diag_rules.deletion._schema import ForeignKey

from ._model import Model
from ._rule import Hazard, rule
from ._words import actions, where
from .reference_without_action import attended, attending, unattended


@rule("DEL017", "only-the-orm-acts", Severity.NOTE)
def check(model: Model) -> Iterator[Hazard]:
    """A foreign key without an action, whose rows only the ORM takes care of.

    What it flags: a foreign key without ON DELETE to a table that goes with the subject, where a relationship, or the joined
        inheritance of classes, deletes or detaches the rows when ``session.delete()`` is used.
    Why: plain SQL knows nothing of relationships: a bulk delete, a script, an administrator's DELETE or a cascade from above is
        refused, and a large collection is loaded into memory just to be deleted.
    Hint: say the same in the database, ON DELETE CASCADE or SET NULL, and add ``passive_deletes=True`` to the relationship.
    """
    told: set[str] = set()
    for fk in model.references():
        actors = _actors(model, fk)
        hierarchy = _hierarchy(model, fk) if actors == ["inheritance"] else None
        if actors and hierarchy not in told:
            told |= {hierarchy} if hierarchy is not None else set()
            yield Hazard(
                where=where(fk),
                message=f"{where(fk)} refers to {fk.referred} without ON DELETE, and only the ORM takes care of it "
                f"({', '.join(actors)}): plain SQL is refused.",
                fix=f"Write {actions(fk, model.schema)}.",
                place=model.place(fk),
            )


def _actors(model: Model, fk: ForeignKey) -> list[str]:
    """Return what in the ORM takes care of *fk*: relationships, or the inheritance of classes."""
    if unattended(model, fk) and attended(model, fk):
        return [link.name for link in attending(model, fk)]
    plain = fk.ondelete.refuses and not model.declared(fk)
    return ["inheritance"] if plain and model.inherits(fk) else []


def _hierarchy(model: Model, fk: ForeignKey) -> str:
    """Return the base table of the hierarchy that *fk* joins: one note tells of all its classes."""
    above = {each.table: each.referred for each in model.references() if model.inherits(each)}
    base, seen = fk.referred, {fk.table}
    while base in above and base not in seen:
        seen.add(base)
        base = above[base]
    return base
