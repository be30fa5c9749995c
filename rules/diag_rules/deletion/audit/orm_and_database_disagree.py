"""DEL005 orm-and-database-disagree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from diag_rules.deletion._finding import Severity
from diag_rules.deletion._schema import Action, ForeignKey

from ._links import Link
from ._model import Model
from ._reach import Touch
from ._rule import Hazard, rule
from ._words import not_null, where, written

_KEEPING = (Action.SET_NULL, Action.SET_DEFAULT)


@rule("DEL005", "orm-and-database-disagree", Severity.ERROR)
def check(model: Model) -> Iterator[Hazard]:
    """A relationship and its foreign key that promise different things.

    What it flags: ``passive_deletes=True`` over a foreign key without ON DELETE, so that neither side acts; a delete cascade
        with ``passive_deletes`` over SET NULL; and a relationship that keeps rows over ON DELETE CASCADE, or deletes rows over
        SET NULL.
    Why: what a deletion does then depends on whether the collection was loaded, or on whether the ORM or plain SQL deletes.
    Hint: say the same on both sides: ``cascade="all, delete-orphan", passive_deletes=True`` with ON DELETE CASCADE, or
        ``passive_deletes=True`` with ON DELETE SET NULL.
    """
    for link in model.links:
        fk, touch = model.key_of(link), model.touch(link)
        if fk is None or touch is None:
            continue
        found = _passive(model, link, fk) if link.passive else _active(model, link, fk)
        if found is not None:
            yield found if touch is Touch.ALWAYS else replace(found, severity=Severity.WARNING)


def _passive(model: Model, link: Link, fk: ForeignKey) -> Hazard | None:
    """Judge a relationship that leaves unloaded rows to the database."""
    refused = fk.ondelete.refuses and (link.deletes or not model.declared(fk))
    if refused and link.passive != "all":  # "all" leaves the decision to the database, so refusing is one
        has = f"ON DELETE {fk.ondelete}" if model.declared(fk) else "no ON DELETE"
        return _hazard(
            link,
            f"leaves its rows to the database (passive_deletes), but {where(fk)} has {has}: the deletion fails "
            "unless the rows happen to be loaded.",
            f"Write {written(fk, _wanted(model, link))} with a migration, or remove passive_deletes from the {link.call}.",
        )
    if link.deletes and fk.ondelete in _KEEPING:
        return _hazard(
            link,
            f"deletes loaded rows and leaves the others to the database (passive_deletes), but {where(fk)} has "
            f"ON DELETE {fk.ondelete}, which keeps them.",
            _delete_or_keep(link, fk),
            Severity.WARNING,
        )
    return None


def _active(model: Model, link: Link, fk: ForeignKey) -> Hazard | None:
    """Judge a relationship whose rows the ORM loads and handles itself."""
    if link.secondary or link.lazy == "write_only":
        return None
    nulls = not link.deletes and not not_null(link.columns, fk.table, model.schema)
    if nulls and fk.ondelete is Action.CASCADE:
        return _hazard(
            link,
            f"makes session.delete() keep its rows and set {where(fk)} to NULL, but the foreign key has ON DELETE CASCADE: "
            "plain SQL deletes the same rows.",
            f"Add passive_deletes=True to the {link.call} if the rows shall go, "
            f"or write {written(fk, 'SET NULL')} with a migration if they shall stay.",
            Severity.WARNING,
        )
    if link.deletes and fk.ondelete in _KEEPING:
        return _hazard(
            link,
            f"makes session.delete() delete its rows, but {where(fk)} has ON DELETE {fk.ondelete}: "
            "plain SQL keeps the same rows.",
            _delete_or_keep(link, fk),
            Severity.WARNING,
        )
    return None


def _hazard(link: Link, what: str, fix: str, severity: Severity | None = None) -> Hazard:
    return Hazard(
        where=link.where, message=f"{link.name} {what}", fix=fix, place=link.place, severity=severity
    )


def _delete_or_keep(link: Link, fk: ForeignKey) -> str:
    return f'Write {written(fk, "CASCADE")} with a migration, or remove "delete" from the cascade of the {link.call}.'


def _wanted(model: Model, link: Link) -> str:
    table = model.table_of(link)
    kept = table is not None and not not_null(link.columns, table.key, model.schema)
    return "SET NULL" if kept and not link.deletes and not link.secondary else "CASCADE"
