"""The shape of one row of a table of codes, and the checks that every table passes at import."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from ._classification import Category, Retry
from ._kinds import Kind
from ._meanings import MEANINGS

Code: TypeAlias = "str | int"


class Row(NamedTuple):
    """One code of one database.

    Attributes:
        code: a SQLSTATE (five characters), or the database's own number.
        symbol: what the database calls it.
        weak: another exception of the same chain may say more: "connection lost" gives way to why it was lost.
    """

    code: Code
    symbol: str
    kind: Kind
    category: Category
    retry: Retry
    summary: str
    advice: str
    weak: bool = False


Table: TypeAlias = "dict[Code, Row]"


def row(  # noqa: PLR0913 - the columns of a row
    code: Code,
    kind: Kind,
    symbol: str = "",
    *,
    category: Category | None = None,
    retry: Retry | None = None,
    summary: str | None = None,
    advice: str | None = None,
    weak: bool = False,
) -> Row:
    """Return a row; what is not given comes from the meaning of *kind*."""
    meaning = MEANINGS[kind]
    return Row(
        code,
        symbol or kind.value,
        kind,
        meaning.category if category is None else category,
        meaning.retry if retry is None else retry,
        meaning.summary if summary is None else summary,
        meaning.advice if advice is None else advice,
        weak,
    )


def table(*rows: Row) -> Table:
    """Index *rows* by code; a code listed twice raises ValueError at import."""
    found: Table = {}
    for each in rows:
        if each.code in found:
            raise ValueError(f"Code {each.code} is listed twice: keep one row.")
        found[each.code] = each
    return found


def classes(**kinds: Kind) -> dict[str, Row]:
    """Index the fallback of SQLSTATE classes: ``classes(C08=Kind.CONNECTION_EXCEPTION)``."""
    return {name[1:]: row(name[1:] + "000", kind) for name, kind in kinds.items()}
