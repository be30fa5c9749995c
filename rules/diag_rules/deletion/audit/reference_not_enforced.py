"""DEL014 reference-not-enforced."""

from __future__ import annotations

from collections.abc import Iterator

from diag_rules.deletion._finding import Severity
from diag_rules.deletion._schema import ForeignKey

from ._model import Model
from ._rule import Hazard, rule
from ._words import where


@rule("DEL014", "reference-not-enforced", Severity.ERROR)
def check(model: Model) -> Iterator[Hazard]:
    """A foreign key that the database does not act on.

    What it flags: with a connection to look at, foreign keys that are switched off: SQLite without ``PRAGMA foreign_keys=ON``,
        disabled triggers on PostgreSQL, ``foreign_key_checks=0`` and engines without foreign keys on MySQL and MariaDB; and
        foreign keys that SQLite can't use ("foreign key mismatch").
    Why: nothing blocks and nothing cascades, so that a deletion leaves rows behind which refer to nothing; or, for a mismatch,
        every deletion fails.
    Hint: on SQLite run ``PRAGMA foreign_keys=ON`` for each connection (an event listener on ``connect``); elsewhere enable the
        triggers again and check the data.
    """
    keys = list(model.references())
    off = [fk for fk in keys if not fk.enforced and not fk.broken]
    if off and len(off) == len(keys):
        yield _all(model)
        off = []
    yield from (_one(model, fk, "is not enforced here, so that deletions leave rows behind") for fk in off)
    yield from (_one(model, fk, f"makes every deletion fail: {fk.broken}") for fk in keys if fk.broken)


def _all(model: Model) -> Hazard:
    fix = (
        "Run PRAGMA foreign_keys=ON on each new connection."
        if model.schema.dialect == "sqlite"
        else "Enable them again."
    )
    return Hazard(
        where=f"{model.roots[0] if model.roots else 'schema'} (all foreign keys)",
        message="No foreign key is enforced on this connection: deletions leave rows behind, and nothing cascades.",
        fix=fix,
    )


def _one(model: Model, fk: ForeignKey, what: str) -> Hazard:
    return Hazard(
        where=where(fk),
        message=f"{where(fk)} -> {fk.referred} {what}.",
        fix=f"Refer to a unique key of {fk.referred}."
        if fk.broken
        else "Enable the foreign key again and check its rows.",
        place=model.place(fk),
    )
