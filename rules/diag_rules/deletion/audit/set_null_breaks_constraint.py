"""DEL015 set-null-breaks-constraint."""

from __future__ import annotations

from collections.abc import Iterator

from diag_rules.deletion._finding import Severity
from diag_rules.deletion._schema import Action, ForeignKey, Table

from ._model import Model
from ._rule import Hazard, rule
from ._words import minds_null, where, written


@rule("DEL015", "set-null-breaks-constraint", Severity.WARNING)
def check(model: Model) -> Iterator[Hazard]:
    """ON DELETE SET NULL on a column that another constraint wants to be set.

    What it flags: a foreign key with ON DELETE SET NULL whose column a CHECK requires with IS NOT NULL, or weighs with IS NULL,
        num_nonnulls or coalesce, or that stands in a unique constraint with NULLS NOT DISTINCT, or that is MATCH FULL and nulls only some of its columns.
    Why: SET NULL is an UPDATE of the row, and constraints of the row apply to it: the deletion of the row referred to fails.
    Hint: use ON DELETE CASCADE, or relax the constraint.
    """
    for fk in model.references():
        table = model.schema.tables[fk.table]
        broken = _broken(fk, table) if fk.ondelete is Action.SET_NULL else None
        if broken is not None:
            yield Hazard(
                where=where(fk),
                message=f"{where(fk)} has ON DELETE SET NULL, but {broken}: such a row may block the deletion.",
                fix=f"Write {written(fk, 'CASCADE')} with a migration, or relax that constraint.",
                place=model.place(fk),
            )


def _broken(fk: ForeignKey, table: Table) -> str | None:
    minded = minds_null(table, fk.touched)
    if minded is not None:
        return minded
    for unique in table.uniques:
        if not unique.nulls_distinct and not unique.partial and set(fk.touched) & set(unique.columns):
            return f"{unique.name or 'a unique constraint'} counts NULLs as equal"
    if fk.match == "FULL" and set(fk.touched) != set(fk.columns):
        return "MATCH FULL allows no key that is NULL in part"
    return None
