"""The subject under diagnosis: its names, its key, and how people look one up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Row,
    String,
    Table,
    and_,
    func,
    inspect,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import Mapper

from diag_rules.deletion import KeyReader, UnknownSubject

from ._lookup import Lookup

LOOKUPS = (
    "name",
    "slug",
    "username",
    "login",
    "title",
    "key",
)  # tried in this order where no lookup= is given
MAX_TEXT = 200
MAX_LISTED = 500  # letters of a name or a key; lists leave out longer ones


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
    _lookup: Lookup = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_lookup", Lookup(self.columns, self.lookups))

    def key_of(self, row: Any) -> Any:
        """Return the key of a loaded instance: a scalar, or a tuple for a composite key."""
        return unwrapped(inspect(row).mapper.primary_key_from_instance(row))

    def key_from(self, text: str, dialect: Dialect) -> Any | None:
        """Return the key that *text* spells (``42``, ``7,de``), or None where it can spell none."""
        parts = text.split(",") if len(self.columns) > 1 else [text]
        try:
            return unwrapped(KeyReader(self.name, self.columns, dialect)(parts))
        except (UnknownSubject, ValueError):
            return None

    def find(self, connection: Connection, text: str, *, by_key: bool = False) -> tuple[Any, str]:
        """Return the key and the label of the subject that *text* means: by a look-up column, by its key, or in another case.

        *by_key* takes it for a key before all else: a name may look like the key of another.

        Raises:
            UnknownName: there is none; the message names the nearest.
        """
        whole = well_formed(text)[:MAX_TEXT]
        text = whole.strip()
        spelled = dict.fromkeys((whole, text))  # a name may begin or end with a blank of some sort
        found = self.with_key(connection, text) if by_key else None
        found = found or self._labelled(self._lookup.named(connection, spelled))
        if found is None and not by_key:
            found = self.with_key(connection, text)
        if found is None:  # last, since few databases have an index for it
            found = self._labelled(self._lookup.named_in_any_case(connection, text))
        if found is None:
            raise self._unknown(connection, text)
        return found

    def with_key(self, connection: Connection, text: str) -> tuple[Any, str] | None:
        """Return the key and the label of the subject whose key *text* spells, or None."""
        key = self.key_from(text, connection.dialect)
        if key is None:
            return None
        row = self._lookup.with_key(connection, key if isinstance(key, tuple) else (key,))
        return None if row is None else (key, self._label(row, key))

    def _labelled(self, row: Row[Any] | None) -> tuple[Any, str] | None:
        if row is None:
            return None
        key = unwrapped(row[: len(self.columns)])
        return key, self._label(row, key)

    def _label(self, row: Row[Any], key: Any) -> str:
        """Return what people call the subject of a row that the look-up found: its look-up text, else the key."""
        text = row[-1] if self.lookups else None
        return key_text(key) if text is None else str(text)[:MAX_LISTED]

    def near(self, connection: Connection, text: str, limit: int = 5) -> list[str]:
        """Return look-up texts like *text*, the nearest first; at most 200 rows are read, by prefix."""
        if not self.lookups or not text:
            return []
        column = self.lookups[0]
        lowered, start = func.lower(column), text.lower()[:3]
        for prefix in (start, start[:1]):
            rows = connection.execute(
                select(column)
                .where(lowered.startswith(prefix, autoescape=True), *_listed((column,)))
                .order_by(column)
                .limit(200)
            )
            names = [str(name) for name in rows.scalars()]
            close = get_close_matches(text, names, n=limit, cutoff=0.6)
            if close:
                return close
        return []

    def search(
        self, connection: Connection, text: str, limit: int = 20, after: tuple[str, Any] | None = None
    ) -> list[tuple[Any, str]]:
        """Return up to *limit* subjects whose look-up text starts with *text*, as (key, text), in the order of the text.

        Without a look-up column they are in the order of the key, and only an empty *text* finds any.

        Args:
            connection: to the database that has them.
            text: the start, in any case.
            limit: how many at most.
            after: the text and the key of the one after which to go on.
        """
        label = self.lookups[0] if self.lookups else None
        if label is None and text:
            return []
        order = [*([] if label is None else [label]), *self.columns]
        found = select(*self.columns, literal("") if label is None else label).order_by(*order).limit(limit)
        found = found.where(*_listed(order))
        if label is not None:
            found = found.where(label.is_not(None))
        if text and label is not None:
            found = found.where(func.lower(label).startswith(text.lower(), autoescape=True))
        if after is not None:
            key = after[1] if isinstance(after[1], tuple) else (after[1],)
            found = found.where(_behind(order, [*([] if label is None else after[:1]), *key]))
        rows = [(unwrapped(row[:-1]), row[-1]) for row in connection.execute(found)]
        return [(key, key_text(key) if label is None else str(text)) for key, text in rows]

    def labels(self, connection: Connection, keys: Sequence[str]) -> dict[str, str]:
        """Return what people call the subjects with these keys, given and told as text; those that are gone are left out."""
        read = [key for key in (self.key_from(text, connection.dialect) for text in keys) if key is not None]
        if not self.lookups or not read:
            return {}
        wanted = or_(*(and_(*self._is(key)) for key in read))
        rows = connection.execute(select(*self.columns, self.lookups[0]).where(wanted))
        return {key_text(unwrapped(row[:-1])): str(row[-1]) for row in rows if row[-1] is not None}

    def values(self, connection: Connection, key: Any, names: Iterable[str]) -> dict[str, Any]:
        """Return what these columns of the subject with *key* hold, by their names."""
        columns = [self.table.columns[name] for name in sorted(names)]
        row = connection.execute(select(*columns).where(*self._is(key))).first() if columns else None
        return {} if row is None else dict(zip((column.name for column in columns), row, strict=True))

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


def well_formed(text: str) -> str:
    """Return *text* as every database takes it: without NUL, and without the half characters of a shell's raw bytes."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def key_text(key: Any) -> str:
    """Return a key as text: ``42``, ``7,de``; its type where it has none, as a number of 5,000 digits."""
    try:
        return ",".join(map(str, key)) if isinstance(key, tuple) else str(key)
    except Exception:  # noqa: BLE001 an object of the application's own may raise anything
        return f"<{type(key).__name__}>"


def unwrapped(values: Iterable[Any]) -> Any:
    """Return a composite key as a tuple and a single one as itself."""
    found = tuple(values)
    return found[0] if len(found) == 1 else found


def _listed(columns: Sequence[Column[Any]]) -> list[ColumnElement[bool]]:
    """Return the condition that keeps megabytes out of a list: on texts whose type allows them."""
    unbounded = [
        one
        for one in columns
        if isinstance(one.type, String) and (one.type.length or MAX_LISTED + 1) > MAX_LISTED
    ]
    return [func.length(one) <= MAX_LISTED for one in unbounded]


def _behind(order: Sequence[Column[Any]], values: Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition of the rows after those *values*, in an order; not every database compares tuples."""
    return or_(
        *(
            and_(
                *(before == value for before, value in zip(order[:place], values, strict=False)),
                column > values[place],
            )
            for place, column in enumerate(order)
        )
    )


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
