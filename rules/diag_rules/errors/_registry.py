"""Rows of other databases and of the application's own codes, and packages that bring them."""

from __future__ import annotations

import logging
from typing import TypeAlias, TypeVar

from . import _settings
from ._classification import Category, Retry
from ._kinds import Kind
from ._reading import Reading
from ._row import Code, Row, row

T = TypeVar("T", Kind, Category, Retry)
Key: TypeAlias = "tuple[str, Code]"

GROUP = "flask_diag.errors"
"""The entry-point group: each entry is a function without arguments that calls `register`."""

_log = logging.getLogger(__name__)
_rows: dict[Key, Row] = {}
_loaded = False
quiet = False
"""The entry points are loaded and nobody has registered anything: there is nothing to ask."""


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

    ``register("postgresql", "P0042", Kind.RAISE_EXCEPTION, summary="The project is under legal hold.")``. A private
    exception class is a code too, of the dialect ``python``: ``register("python", "myapp.errors.QuotaExceeded", ...)``.
    A row of the application's own beats ours.

    Raises:
        ValueError: *kind*, *category* or *retry* is none of the closed vocabulary, or the code is registered
            already with another meaning and *replace* is false.
    """
    global quiet  # noqa: PLW0603 - one store for the process
    new = row(
        code,
        _word(Kind, kind),
        category=None if category is None else _word(Category, category),
        retry=None if retry is None else _word(Retry, retry),
        summary=summary,
        advice=advice,
    )
    old = _rows.get((dialect, code))
    if old is not None and old != new and not replace:
        raise ValueError(
            f"Code {code!r} of {dialect} is registered already as {old.category}/{old.kind}: "
            "pass replace=True to change it, or remove one of the two."
        )
    _rows[dialect, code] = new
    quiet = False
    _settings.changed()


def _word(vocabulary: type[T], value: T | str) -> T:
    try:
        return vocabulary(value)
    except ValueError:
        from difflib import get_close_matches

        near = get_close_matches(str(value), [each.value for each in vocabulary], 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"There is no {vocabulary.__name__.lower()} {value!r}.{hint}") from None


def find(reading: Reading) -> tuple[Row, str] | None:
    """Return the registered row of the reading's code with its evidence, or None."""
    if not _loaded:
        load()
    if not _rows:
        return None
    for code in (reading.code, reading.sqlstate):
        mine = (
            (_rows.get((reading.family, code)) or _rows.get((reading.family, str(code))))
            if code is not None
            else None
        )
        if mine is not None:
            return mine, f"code {code}, registered"
    return None


def find_class(kind: type) -> tuple[Row, str] | None:
    """Return the registered row of an exception class or of one that it derives from, or None."""
    if not _loaded:
        load()
    if not _rows:
        return None
    for base in kind.__mro__:
        name = f"{base.__module__}.{base.__qualname__}"
        mine = _rows.get(("python", name))
        if mine is not None:
            return mine, f"class {name}, registered"
    return None


def load() -> None:
    """Load the rows that installed packages bring, once; a package that fails is logged and left out."""
    global _loaded, quiet  # noqa: PLW0603 - one store for the process
    _loaded = True
    from importlib.metadata import entry_points

    for entry in entry_points(group=GROUP):
        try:
            entry.load()()
        except Exception:  # noqa: BLE001 - a package of somebody else may raise anything
            _log.exception("The entry point %s of %s failed; its codes are unknown.", entry.name, GROUP)
    quiet = not _rows
