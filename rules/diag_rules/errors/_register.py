"""Rows of other databases and of the application's own codes."""

from __future__ import annotations

from . import _lookup
from ._classification import Category, Retry
from ._kinds import Kind
from ._row import row


def register(  # noqa: PLR0913 - the columns of a row
    dialect: str,
    code: str | int,
    kind: Kind | str,
    *,
    category: Category | str | None = None,
    retry: Retry | str | None = None,
    summary: str | None = None,
    advice: str | None = None,
    replace: bool = False,
) -> None:
    """Teach `classify` and `explain` that *code* of *dialect* means *kind*.

    Raises:
        ValueError: *kind*, *category* or *retry* is none of the closed vocabulary, or the code is registered
            already with another meaning and *replace* is false.
    """
    new = row(
        code, Kind(kind),
        category=None if category is None else Category(category),
        retry=None if retry is None else Retry(retry),
        summary=summary, advice=advice,
    )  # fmt: skip
    old = _lookup._registered.get((dialect, code))  # noqa: SLF001 - one store, two doors
    if old is not None and old != new and not replace:
        raise ValueError(f"Code {code!r} of {dialect} is registered already as {old.kind}: pass replace=True to change it.")
    _lookup._registered[(dialect, code)] = new  # noqa: SLF001
