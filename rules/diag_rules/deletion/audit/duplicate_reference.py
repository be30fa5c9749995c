"""DEL012 duplicate-reference."""

from __future__ import annotations

from collections.abc import Iterator

from diag_rules.deletion._finding import Severity
from diag_rules.deletion._schema import ForeignKey

from ._model import Model
from ._rule import Hazard, rule
from ._words import target, where


@rule("DEL012", "duplicate-reference", Severity.WARNING)
def check(model: Model) -> Iterator[Hazard]:
    """Two foreign keys over the same columns to the same key.

    What it flags: a second foreign key with the same columns and the same target as another, in whatever order it lists them.
    Why: each is checked and each acts; where one cascades and the other has no action, whether the database refuses depends on
        the order of their names or creation. Two alike cost time only, and are a note. It is usually left behind by a migration that added instead of altered.
    Hint: drop the one whose action is wrong.
    """
    seen: dict[tuple[str, str, frozenset[tuple[str, str]]], ForeignKey] = {}
    for fk in model.references():
        pairs = frozenset(zip(fk.columns, fk.referred_columns, strict=True))
        first = seen.setdefault((fk.table, fk.referred, pairs), fk)
        if first is not fk:
            yield Hazard(
                where=where(fk),
                message=f"{where(fk)} refers to {target(fk)} by two foreign keys, {_named(first)} and {_named(fk)}.",
                fix=f"Drop one of them with a migration{_choice(first, fk)}.",
                place=model.place(fk),
                severity=None if _clash(first, fk) else Severity.NOTE,
            )


def _named(fk: ForeignKey) -> str:
    return f"{fk.name or 'one without a name'} ({fk.ondelete})"


def _clash(first: ForeignKey, second: ForeignKey) -> bool:
    return first.ondelete.refuses is not second.ondelete.refuses


def _choice(first: ForeignKey, second: ForeignKey) -> str:
    if not _clash(first, second):
        return ""
    kept, dropped = (second, first) if first.ondelete.refuses else (first, second)
    return f": drop the one with {dropped.ondelete} if ON DELETE {kept.ondelete} is meant"
