"""DEL003 reference-without-action."""

from __future__ import annotations

from collections.abc import Iterator

from diag_rules.deletion._finding import Severity
from diag_rules.deletion._schema import ForeignKey

from ._diamonds import refusals
from ._links import Link
from ._model import Model
from ._reach import Touch, by_database
from ._rule import Hazard, rule
from ._words import actions, nullable, where


@rule("DEL003", "reference-without-action", Severity.WARNING)
def check(model: Model) -> Iterator[Hazard]:
    """A foreign key to the subject that says nothing about deletion.

    What it flags: a foreign key without ON DELETE that points straight to the subject, and that no relationship of the
        subject takes care of. RESTRICT, or NO ACTION written out, is a decision and stays quiet.
    Why: one row that refers to the subject makes its deletion fail, and nobody chose that.
    Hint: say what shall happen: ON DELETE CASCADE or SET NULL, or RESTRICT if the rows are meant to protect the subject.
    """
    for fk in model.references():
        mapped = [
            link for link in model.links_over(fk) if link.passive != "all"
        ]  # "all" takes care of nothing
        if unattended(model, fk) and fk.referred in model.roots and not mapped:
            yield Hazard(
                where=where(fk),
                message=f"{where(fk)} refers to {fk.referred} without ON DELETE: any such row blocks the deletion.",
                fix=f'Write {actions(fk, model.schema)}; or ondelete="RESTRICT" if it shall block.',
                place=model.place(fk),
            )


def unattended(model: Model, fk: ForeignKey) -> bool:
    """Return whether nobody has said what *fk* does, and no other rule tells it better."""
    if not fk.ondelete.refuses or model.declared(fk) or model.inherits(fk):
        return False
    same_level = fk.table == fk.referred and fk.referred not in model.roots
    # rows that go with the subject anyway: in time (quiet), or maybe too late (order-dependent-reference)
    return not (same_level or refusals(model, fk) or _goes_first(model, fk))


def _goes_first(model: Model, fk: ForeignKey) -> bool:
    """Return whether the referring rows are gone by the time that the referred ones go, so that nothing is refused."""
    if fk.table not in model.reached or fk.referred in model.roots or not model.reached[fk.table].levels:
        return False
    # where the ORM deletes the parents itself, it does so before the subject's own cascade takes the children
    # (unless they hang on a cascade of the parents' own)
    first = model.orm_deletes(fk.referred) is Touch.ALWAYS and model.orm_deletes(fk.table) is None
    return not first or fk.table in by_database(model.schema, [fk.referred])


def attended(model: Model, fk: ForeignKey) -> bool:
    """Return whether session.delete() deletes the referred rows one by one and clears the rows behind *fk* first."""
    return bool(attending(model, fk)) and model.orm_deletes(fk.referred) is Touch.ALWAYS


def attending(model: Model, fk: ForeignKey) -> list[Link]:
    """Return the relationships that delete or detach the rows behind *fk*; one that nulls NOT NULL columns only fails."""
    detachable = nullable(fk.columns, fk.table, model.schema)
    over = [link for link in model.links_over(fk) if not link.passive and link.lazy != "write_only"]
    return [link for link in over if link.deletes or link.secondary or detachable]
