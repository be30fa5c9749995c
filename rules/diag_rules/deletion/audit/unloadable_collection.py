"""DEL013 unloadable-collection."""

from __future__ import annotations

from collections.abc import Iterator

from diag_rules.deletion._finding import Severity

from ._links import Link
from ._model import Model
from ._reach import Touch
from ._rule import Hazard, rule
from ._words import owner


@rule("DEL013", "unloadable-collection", Severity.ERROR)
def check(model: Model) -> Iterator[Hazard]:
    """A write-only or dynamic relationship that deleting its owner loads after all.

    What it flags: ``lazy="write_only"`` without ``passive_deletes``; and, as a note, ``lazy="dynamic"`` without it.
    Why: such a collection is declared because it is too large to load. ``session.delete()`` wants to load it: write-only
        refuses with InvalidRequestError, whatever rows there are, and dynamic reads every row into memory.
    Hint: let the database act: an ON DELETE on the foreign key and ``passive_deletes=True`` on the relationship.
    """
    for link in model.links:
        touch = model.touch(link)
        if touch is None or link.passive or link.lazy not in ("write_only", "dynamic"):
            continue
        if link.lazy == "dynamic" and _nulled(model, link):
            continue  # DEL001 and DEL002 say what is worse
        yield Hazard(
            where=link.where,
            message=f"{link.name} is {link.lazy}, and {_consequence(link)}.",
            fix=f"Add passive_deletes=True to the {link.call}, with an ON DELETE action on its foreign key.",
            place=link.place,
            severity=_severity(link, touch),
        )


def _nulled(model: Model, link: Link) -> bool:
    table = model.table_of(link)
    nullable = table is None or all(
        table.columns[name].nullable for name in link.columns if name in table.columns
    )
    return not (link.deletes or link.secondary or nullable)


def _consequence(link: Link) -> str:
    if link.lazy == "write_only":
        return f"deleting any {owner(link)} raises InvalidRequestError without passive_deletes"
    return f"deleting any {owner(link)} loads all its rows without passive_deletes"


def _severity(link: Link, touch: Touch) -> Severity | None:
    if link.lazy == "dynamic":
        return Severity.NOTE
    return None if touch is Touch.ALWAYS else Severity.WARNING
