"""A subject's key, made what its columns hold before any statement carries it.

A route gives text for a UUID or a number. The ORM finds rows again by what the database returns, so the value must be of
the column's own Python type; and PostgreSQL aborts the caller's transaction at a value that it can't read, so such a
value must not be sent.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import operator
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ._refused import UnknownSubject

NUMBER = re.compile(r"[+-]?[0-9]+")
TEXTUAL = (str, int, float, decimal.Decimal, uuid.UUID, dt.date, dt.time, enum.Enum)
LARGEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
NUMERIC = (sa.Numeric, sa.Float)
MYSQL = ("mysql", "mariadb")


class _Impossible(Exception):
    """No row can have this value in this column."""


class KeyReader:
    """Reads the keys of one table as one dialect holds them; made once, since a check is counted in microseconds."""

    def __init__(self, name: str, columns: Sequence[sa.Column[Any]], dialect: sa.Dialect) -> None:
        self._name = name
        self._columns = tuple(columns)
        self._parts = tuple(_Part.of(column, dialect) for column in columns)
        only = self._parts[0] if len(self._parts) == 1 else None
        plain = only is not None and isinstance(only.kind, sa.Integer) and only.process is None
        self._whole = _limits(self._parts[0].kind, dialect.name) if plain else None

    def __call__(self, key: Any) -> tuple[Any, ...]:
        """The parts of *key* as the columns hold them; those of types that are not ours to read stay as they are.

        Raises ValueError for a key of the wrong shape, UnknownSubject where a part can be no value of its column.
        """
        if self._whole is not None and type(key) is int and self._whole[0] <= key <= self._whole[1]:
            return (key,)
        parts = tuple(key) if isinstance(key, (tuple, list, sa.Row)) else (key,)
        if len(parts) != len(self._columns) or not all(map(_plain, parts, self._columns)):
            names = ", ".join(column.name for column in self._columns)
            raise ValueError(
                f"{key!r} is no key of {self._name}: give {len(self._columns)} value(s) for ({names})."
            )
        try:
            return tuple(map(_Part.read, self._parts, parts))
        except _Impossible:
            raise UnknownSubject(self._name, key) from None


@dataclass(frozen=True, slots=True)
class _Part:
    """How one column's values are read.

    Attributes:
        kind: the column's type; a variant's, where it has one for this database.
        convert: makes a value of the type's own Python type; None where the type is not ours to read.
        process: what the driver gets of it, or None for the value itself.
    """

    kind: Any
    dialect: sa.Dialect
    convert: Callable[[Any, Any, sa.Dialect], Any] | None
    process: Callable[[Any], Any] | None

    @classmethod
    def of(cls, column: sa.Column[Any], dialect: sa.Dialect) -> _Part:
        kind = column.type.dialect_impl(dialect)
        ours = not isinstance(kind, sa.types.TypeDecorator)
        convert = next((reader for kinds, reader in READERS if ours and isinstance(kind, kinds)), None)
        return cls(kind, dialect, convert, kind.bind_processor(dialect))

    def read(self, value: Any) -> Any:
        """The value. Raises _Impossible."""
        found = value if self.convert is None else self.convert(self.kind, value, self.dialect)
        if isinstance(found, str):
            _check_text(found, self.dialect)
        if self.process is not None:
            _try(self.process, found)
        return found


def _plain(value: Any, column: sa.Column[Any]) -> bool:
    """True for one value: what a column of a type that we read could be given, and anything but NULL for others."""
    if value is None or isinstance(value, (dict, set, frozenset, list, tuple)):
        return False
    kind = column.type
    if isinstance(kind, (sa.Integer, sa.Uuid, sa.String, *NUMERIC)):
        return isinstance(value, TEXTUAL) or hasattr(value, "__index__")
    return not (isinstance(value, str) and isinstance(kind, sa.LargeBinary))


def _try(convert: Callable[[Any], Any], value: Any) -> Any:
    """What *convert* makes of the value. Raises _Impossible where it refuses."""
    try:
        return convert(value)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as refused:
        raise _Impossible from refused


def _integer(kind: sa.Integer, value: Any, dialect: sa.Dialect) -> int:
    return _in_range(kind, _try(_whole, value), dialect.name)


def _whole(value: Any) -> int:
    if isinstance(value, str):
        if not NUMBER.fullmatch(value):
            raise ValueError(value)
        return int(value)
    if isinstance(value, (float, decimal.Decimal)) and value == int(value):
        return int(value)
    return int(operator.index(value))


def _in_range(kind: sa.Integer, value: int, dialect: str) -> int:
    smallest, largest = _limits(kind, dialect)
    if not smallest <= value <= largest:
        raise _Impossible
    return value


def _limits(kind: sa.Integer, dialect: str) -> tuple[int, int]:
    """PostgreSQL holds to the type's range; SQLite to 64 bits whatever the type says; MySQL only finds no row."""
    name = "bigint"
    if dialect not in ("sqlite", *MYSQL):
        small, big = isinstance(kind, sa.SmallInteger), isinstance(kind, sa.BigInteger)
        name = "smallint" if small else "bigint" if big else "integer"
    largest = LARGEST[name]
    return -largest - 1, largest * 2 + 1 if dialect in MYSQL else largest  # UNSIGNED


def _uuid(kind: sa.Uuid[Any], value: Any, _: sa.Dialect) -> Any:
    found = value if isinstance(value, uuid.UUID) else _try(_uuid_of_text, value)
    return found if kind.as_uuid else str(found)


def _uuid_of_text(value: Any) -> uuid.UUID:
    if not isinstance(value, str):
        raise TypeError(value)
    return uuid.UUID(value)


def _member(kind: sa.Enum, value: Any, _: sa.Dialect) -> Any:
    """A member or a name of the enumeration; PostgreSQL fails at any other."""
    known = isinstance(value, kind.enum_class) if kind.enum_class is not None else False
    if not known and value not in kind.enums:
        raise _Impossible
    return value


def _text(_: sa.String, value: Any, __: sa.Dialect) -> str:
    """MySQL would compare a number as a number, and so find '7abc' for 7."""
    return value if isinstance(value, str) else str(value)


def _number(kind: Any, value: Any, _: sa.Dialect) -> Any:
    found = _try(decimal.Decimal, str(value))
    if not found.is_finite():
        raise _Impossible
    return found if kind.asdecimal else float(found)


def _moment(kind: Any, value: Any, _: sa.Dialect) -> Any:
    return _try(kind.python_type.fromisoformat, value) if isinstance(value, str) else value


def _check_text(value: str, dialect: sa.Dialect) -> None:
    """No database holds half a surrogate pair, and PostgreSQL no NUL."""
    try:
        value.encode()
    except UnicodeEncodeError as refused:
        raise _Impossible from refused
    if "\x00" in value and dialect.name == "postgresql":
        raise _Impossible


# an Enum is a String too
READERS: tuple[tuple[Any, Callable[[Any, Any, sa.Dialect], Any]], ...] = (
    (sa.Integer, _integer),
    (sa.Uuid, _uuid),
    (sa.Enum, _member),
    (sa.String, _text),
    (NUMERIC, _number),
    ((sa.Date, sa.DateTime, sa.Time), _moment),
)
