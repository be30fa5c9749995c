"""DEL011 order-dependent-reference."""

from __future__ import annotations

from collections.abc import Iterator

from diag_rules.deletion._finding import Severity
from diag_rules.deletion._schema import Action, ForeignKey

from ._diamonds import Order, refusals
from ._model import Model
from ._rule import Hazard, rule
from ._words import where, written


@rule("DEL011", "order-dependent-reference", Severity.WARNING)
def check(model: Model) -> Iterator[Hazard]:
    """A reference that refuses or passes depending on the order in which cascades run (a diamond).

    What it flags: a foreign key with NO ACTION or RESTRICT between two tables that the same cascade empties, where the row
        that refers may go after the row it refers to.
    Why: databases run cascades and checks in one queue. PostgreSQL orders them by the names of triggers, that is by the order
        of creation, which a dump and restore can change; InnoDB orders by the names of constraints. Deeper in the cascade the
        check always comes first, and refuses rows that would have gone.
    Hint: let this foreign key cascade too, or on PostgreSQL make it NO ACTION DEFERRABLE INITIALLY DEFERRED.
    """
    for fk in model.references():
        order = refusals(model, fk)
        if order is None or model.inherits(fk):
            continue
        yield Hazard(
            where=where(fk),
            message=f"{where(fk)} refers to {fk.referred} with {fk.ondelete}, while its rows also go by "
            f"{model.path(fk.table)}: {_consequence(order)}.",
            fix=f"Write {written(fk, 'CASCADE')}, or make it DEFERRABLE INITIALLY DEFERRED where the database can.",
            place=model.place(fk),
            severity=_severity(model, fk, order),
        )


def _consequence(order: Order) -> str:
    if order is Order.LATE:
        return "the check comes before the cascade and refuses"
    return "whether it blocks depends on the order in which the constraints were created or named"


def _severity(model: Model, fk: ForeignKey, order: Order) -> Severity | None:
    if fk.ondelete is Action.RESTRICT and order is Order.OPEN:
        return Severity.NOTE  # may be meant: the rows protect another subject than the one they go with
    return Severity.ERROR if order is Order.LATE and model.schema.dialect == "postgresql" else None
