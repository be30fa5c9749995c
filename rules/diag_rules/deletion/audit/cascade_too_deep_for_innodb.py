"""DEL010 cascade-too-deep-for-innodb."""

from __future__ import annotations

from collections.abc import Iterator

from diag_rules.deletion._finding import Severity
from diag_rules.deletion._schema import Action, ForeignKey, Schema

from ._model import INNODB, Model
from ._rule import Hazard, rule
from ._words import where

NESTED = 14  # actions below the root that InnoDB 10.11 carries out; the 15th fails with error 193


@rule("DEL010", "cascade-too-deep-for-innodb", Severity.WARNING)
def check(model: Model) -> Iterator[Hazard]:
    """A chain of cascades longer than InnoDB follows.

    What it flags: a chain of more than 14 foreign keys with CASCADE, SET NULL as the last included, below the subject; on
        MySQL and MariaDB, or where the database is not known.
    Why: InnoDB carries out 14 nested actions and refuses the 15th with error 1296, "Got error 193", which no code for foreign
        keys catches.
    Hint: delete the lower part first in the application, or break the chain.
    """
    if model.schema.dialect not in ("", *INNODB):
        return
    for root in model.roots:
        chain = _longest(model.schema, root, {}, frozenset())
        if len(chain) > NESTED:
            tables = " -> ".join([root, *(fk.table for fk in chain)])
            yield Hazard(
                where=root,
                message=f"Deleting a row of {root} can cascade {len(chain)} levels deep ({tables}), and InnoDB stops at {NESTED}.",
                fix=f"Empty {chain[NESTED - 1].table} before {root}, or take the cascade off {where(chain[NESTED - 1])}.",
                place=model.place(chain[NESTED - 1]),
            )


def _longest(
    schema: Schema, key: str, known: dict[str, tuple[ForeignKey, ...]], above: frozenset[str]
) -> tuple[ForeignKey, ...]:
    """Return the longest chain of actions below the table *key*; a circle is followed once, for its depth is in the data."""
    if key in known:
        return known[key]
    best: tuple[ForeignKey, ...] = ()
    for fk in schema.children_of(key):
        if fk.ondelete.refuses or fk.table == key or fk.table in above:
            continue
        below = _longest(schema, fk.table, known, above | {key}) if fk.ondelete is Action.CASCADE else ()
        best = max(best, (fk, *below), key=len)
    known[key] = best
    return best
