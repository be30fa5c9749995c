"""The subject under diagnosis: its names, its key, and how people look one up."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Column, Connection, String, Table, func, inspect, select
from sqlalchemy.orm import Mapper

from diag_rules.deletion import UnknownSubject

LOOKUPS = (
    "name",
    "slug",
    "username",
    "login",
    "title",
    "key",
)  # tried in this order where no lookup= is given
MAX_TEXT = 200


class UnknownName(UnknownSubject):
    """No subject has this name or key.

    Attributes:
        near: names like it, the nearest first.
    """

    def __init__(self, subject: str, text: str, message: str, near: Sequence[str]) -> None:
        super().__init__(subject, text)
        self.args = (message,)
        self.near = tuple(near)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is diagnosed.

    Attributes:
        cls: the mapped class, or the table itself.
        name: the class's name (``Project``), or the table's.
        plural: the segment of the pages' addresses (``projects``).
        table: where its rows are.
        columns: the primary key's columns.
        lookups: columns that people know a subject by, besides its key.
    """

    cls: Any
    name: str
    plural: str
    table: Table
    columns: tuple[Column[Any], ...]
    lookups: tuple[Column[Any], ...]

    def key_of(self, row: Any) -> Any:
        """Return the key of a loaded instance: a scalar, or a tuple for a composite key."""
        return unwrapped(inspect(row).mapper.primary_key_from_instance(row))

    def key_from(self, text: str) -> Any | None:
        """Return the key that *text* spells (``42``, ``7,de``), or None where it can spell none."""
        parts = text.split(",") if len(self.columns) > 1 else [text]
        if len(parts) != len(self.columns):
            return None
        values = [_value(column, part) for column, part in zip(self.columns, parts, strict=True)]
        return None if None in values else unwrapped(values)

    def find(self, connection: Connection, text: str) -> Any:
        """Return the key of the subject that *text* means: by a look-up column, by its key, or in another case.

        Raises:
            UnknownName: there is none; the message names the nearest.
        """
        text = text.replace("\0", "").strip()[:MAX_TEXT]
        key = self._only(connection, [column == text for column in self.lookups])
        if key is None:
            key = self.key_from(text)
            key = key if key is not None and self._exists(connection, key) else None
        if key is None:  # last, since few databases have an index for it
            key = self._only(connection, [func.lower(column) == text.lower() for column in self.lookups])
        if key is None:
            raise self._unknown(connection, text)
        return key

    def _only(self, connection: Connection, conditions: list[Any]) -> Any | None:
        """Return the key of the only row that the first fitting one of *conditions* is true for, or None."""
        for condition in conditions:
            found = connection.execute(select(*self.columns).where(condition).limit(2)).all()
            if len(found) == 1:
                return unwrapped(found[0])
        return None

    def label(self, connection: Connection, key: Any) -> str:
        """Return what people call the subject with this *key*: its look-up text, else the key."""
        if self.lookups:
            text = connection.execute(select(self.lookups[0]).where(*self._is(key))).scalar()
            if text is not None:
                return str(text)
        return key_text(key)

    def near(self, connection: Connection, text: str, limit: int = 5) -> list[str]:
        """Return look-up texts like *text*, the nearest first; at most 200 rows are read, by prefix."""
        if not self.lookups or not text:
            return []
        column = self.lookups[0]
        lowered, start = func.lower(column), text.lower()[:3]
        for prefix in (start, start[:1]):
            rows = connection.execute(
                select(column).where(lowered.startswith(prefix, autoescape=True)).order_by(column).limit(200)
            )
            names = [str(name) for name in rows.scalars()]
            close = get_close_matches(text, names, n=limit, cutoff=0.6)
            if close:
                return close
        return []

    def search(self, connection: Connection, text: str, limit: int = 20) -> list[tuple[Any, str]]:
        """Return up to *limit* subjects whose look-up text starts with *text*, as (key, text)."""
        if not self.lookups:
            return []
        column = self.lookups[0]
        rows = connection.execute(
            select(*self.columns, column.label("_text"))
            .where(func.lower(column).startswith(text.lower(), autoescape=True))
            .order_by(column)
            .limit(limit)
        )
        return [(unwrapped(row[:-1]), str(row[-1])) for row in rows]

    def _exists(self, connection: Connection, key: Any) -> bool:
        return connection.execute(select(self.columns[0]).where(*self._is(key))).first() is not None

    def _is(self, key: Any) -> list[Any]:
        values = key if isinstance(key, tuple) else (key,)
        return [column == value for column, value in zip(self.columns, values, strict=True)]

    def _unknown(self, connection: Connection, text: str) -> UnknownName:
        near = self.near(connection, text)
        known = " or ".join([column.name for column in self.lookups] + ["key"])
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        return UnknownName(self.name, text, f"No {self.name} has the {known} {text!r}.{hint}", near)


def subject_of(cls: Any, lookup: str | Sequence[str] | None = None) -> Subject:
    """Describe a mapped class or a table.

    Raises:
        TypeError: *cls* is neither.
        ValueError: *lookup* names a column that it has not.
    """
    mapper = inspect(cls, raiseerr=False)
    if isinstance(mapper, Mapper):
        table, name = mapper.local_table, mapper.class_.__name__
        columns: Iterable[Any] = mapper.primary_key
    elif isinstance(cls, Table):
        table, name, columns = cls, cls.name, cls.primary_key.columns
    else:
        raise TypeError(
            f"subject={cls!r} is neither a mapped class nor a Table: give the class that is deleted."
        )
    return Subject(
        cls=cls,
        name=name,
        plural=plural(name) if isinstance(mapper, Mapper) else name,
        table=table,  # type: ignore[arg-type] # a mapped class of a join is refused by DeletionRules
        columns=tuple(columns),
        lookups=_lookups(mapper, table, lookup),
    )


def plural(name: str) -> str:
    """Return the English plural of a class's name as an address has it: ``ReleaseFile`` is ``release-files``."""
    word = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ies"
    return word + ("es" if re.search(r"(s|x|z|ch|sh)$", word) else "s")


def key_text(key: Any) -> str:
    """Return a key as text: ``42``, ``7,de``."""
    return ",".join(map(str, key)) if isinstance(key, tuple) else str(key)


def unwrapped(values: Iterable[Any]) -> Any:
    """Return a composite key as a tuple and a single one as itself."""
    found = tuple(values)
    return found[0] if len(found) == 1 else found


def _lookups(mapper: Any, table: Any, wanted: str | Sequence[str] | None) -> tuple[Column[Any], ...]:
    names = [wanted] if isinstance(wanted, str) else list(wanted or ())
    columns = [_column(mapper, table, name) for name in names]
    for name, column in zip(names, columns, strict=True):
        if column is None:
            near = get_close_matches(name, [c.name for c in table.columns], n=1)
            hint = (
                f"Did you mean {near[0]}?" if near else f"It has: {', '.join(c.name for c in table.columns)}."
            )
            raise ValueError(f"lookup={name!r}: {table.name} has no such column. {hint}")
    if not names:
        found = (table.columns.get(name) for name in LOOKUPS)
        columns = [column for column in found if column is not None and isinstance(column.type, String)][:1]
    return tuple(column for column in columns if column is not None)


def _column(mapper: Any, table: Any, name: str) -> Column[Any] | None:
    if isinstance(mapper, Mapper) and name in mapper.columns:
        found: Column[Any] | None = mapper.columns[name]
        return found
    column: Column[Any] | None = table.columns.get(name)
    return column


def _value(column: Column[Any], text: str) -> Any | None:
    """Read *text* as the column's Python type; None where it can't be one."""
    try:
        wanted = column.type.python_type
    except NotImplementedError:
        return text
    try:
        if wanted is uuid.UUID:
            return uuid.UUID(text)
        if wanted is int:
            number = int(text)
            return number if abs(number) < 2**63 else None
        return text if wanted is str else wanted(text)
    except (ValueError, TypeError, ArithmeticError):
        return None
