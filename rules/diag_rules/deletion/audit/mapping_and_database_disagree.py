"""DEL016 mapping-and-database-disagree."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from diag_rules.deletion._finding import Severity
from diag_rules.deletion._metadata import action
from diag_rules.deletion._schema import Action, ForeignKey

from ._model import INNODB, Model
from ._rule import Hazard, rule
from ._words import where

# InnoDB treats these alike, and reports SET DEFAULT as NO ACTION
_ALIKE_ON_INNODB = (Action.NO_ACTION, Action.RESTRICT, Action.SET_DEFAULT)


@rule("DEL016", "mapping-and-database-disagree", Severity.WARNING)
def check(model: Model) -> Iterator[Hazard]:
    """A foreign key whose action in the database is not the one in the mapping.

    What it flags: with a connection to look at, a foreign key for which ``ondelete=`` in the models and ON DELETE in the
        database differ. It is an error where the models promise CASCADE or SET NULL and the database refuses.
    Why: SQLAlchemy never sends ON DELETE with a deletion; only the table's own definition counts, and a change of
        ``ondelete=`` without a migration changes nothing.
    Hint: write the migration that drops and creates the constraint, or correct the models.
    """
    if not model.schema.dialect:
        return
    for fk in model.references():
        written = model.written(fk)
        if written is None or _alike(fk, written, model.schema.dialect):
            continue
        promised = action(written.ondelete)
        yield Hazard(
            where=where(fk),
            message=f"{where(fk)} has ON DELETE {promised} in the models, but ON DELETE {fk.ondelete} in the database.",
            fix=f"Write a migration that creates {fk.name or 'the foreign key'} with ON DELETE {promised}, or correct the models.",
            place=model.place(fk),
            severity=Severity.ERROR if fk.ondelete.refuses and not promised.refuses else None,
        )


def _alike(fk: ForeignKey, written: sa.ForeignKeyConstraint, dialect: str) -> bool:
    promised = action(written.ondelete)
    if dialect in INNODB and {promised, fk.ondelete} <= set(_ALIKE_ON_INNODB):
        return True
    return promised is fk.ondelete
