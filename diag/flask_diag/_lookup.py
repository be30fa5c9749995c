"""The SELECTs by which one subject is found, made once: SQLAlchemy takes longer to make one than most databases to answer it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, Select, bindparam, func, select

_TEXT = "diag_text"


class Lookup:
    """Finds the rows of one table by their key, or by what people call them.

    A row that is found has the *columns* of its key, and behind them the first of *names*, where there is one.
    """

    def __init__(self, columns: Sequence[Column[Any]], names: Sequence[Column[Any]]) -> None:
        found = select(*columns, *names[:1])
        parts = (bindparam(_part(place), type_=column.type) for place, column in enumerate(columns))
        self._by_key = found.where(*(column == part for column, part in zip(columns, parts, strict=True)))
        self._named = [_equal(found, name) for name in names]
        self._lowered = [_equal(found, func.lower(name)) for name in names]

    def with_key(self, connection: Connection, key: Sequence[Any]) -> Row[Any] | None:
        """Return the row with this key, given by its parts, or None."""
        return connection.execute(
            self._by_key, {_part(place): value for place, value in enumerate(key)}
        ).first()

    def named(self, connection: Connection, spelled: Iterable[str]) -> Row[Any] | None:
        """Return the only row that has the first fitting one of *spelled* for a name, or None."""
        return _only(connection, ((name, text) for text in spelled for name in self._named))

    def named_in_any_case(self, connection: Connection, text: str) -> Row[Any] | None:
        """Return the same for a name that is *text* in any case."""
        return _only(connection, ((name, text.lower()) for name in self._lowered))


def _part(place: int) -> str:
    return f"diag_key_{place}"


def _equal(found: Select[Any], name: ColumnElement[Any]) -> Select[Any]:
    return found.where(name == bindparam(_TEXT, type_=name.type)).limit(2)


def _only(connection: Connection, asked: Iterable[tuple[Select[Any], str]]) -> Row[Any] | None:
    for statement, text in asked:
        rows = connection.execute(statement, {_TEXT: text}).all()
        if len(rows) == 1:
            return rows[0]
    return None
