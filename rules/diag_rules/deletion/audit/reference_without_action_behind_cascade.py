"""DEL004 reference-without-action-behind-cascade."""

from __future__ import annotations

from collections.abc import Iterator

from diag_rules.deletion._finding import Severity
from diag_rules.deletion._schema import ForeignKey

from ._model import Model
from ._rule import Hazard, rule
from ._words import actions, where
from .reference_without_action import attended, unattended


@rule("DEL004", "reference-without-action-behind-cascade", Severity.ERROR)
def check(model: Model) -> Iterator[Hazard]:
    """A foreign key without an action to a table that a cascade empties.

    What it flags: a foreign key without ON DELETE that points to a table whose rows go with the subject by ON DELETE CASCADE
        or by the ORM's cascade.
    Why: the cascade says that all may go, and one row behind it refuses. The tables that refer to the subject itself look
        clean, so nobody looks for it there.
    Hint: give the foreign key an action, CASCADE or SET NULL. RESTRICT, if it is meant, stays quiet.
    """
    for fk in model.references():
        if fk.referred in model.roots or not unattended(model, fk):
            continue
        if attended(model, fk):
            continue  # DEL017: session.delete() passes
        yield Hazard(
            where=where(fk),
            message=f"{where(fk)} refers to {fk.referred} without ON DELETE, behind the cascade "
            f"{model.path(fk.referred)} -> {fk.table}: one such row blocks the deletion of {_root(model, fk)}.",
            fix=f"Write {actions(fk, model.schema)}.",
            place=model.place(fk),
            severity=None if model.surely(fk) else Severity.WARNING,
        )


def _root(model: Model, fk: ForeignKey) -> str:
    return model.reached[fk.referred].path[0]
