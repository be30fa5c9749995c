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


def read_key(name: str, columns: Sequence[sa.Column[Any]], key: Any, dialect: sa.Dialect) -> tuple[Any, ...]:
    """The parts of *key* as *columns* hold them; those of types that are not ours to read stay as they are.

    Raises ValueError for a key of the wrong shape, UnknownSubject where a part can be no value of its column.
    """
    parts = _parts(key)
    if len(parts) != len(columns) or not all(map(_plain, parts, columns)):
        names = ", ".join(column.name for column in columns)
        raise ValueError(f"{key!r} is no key of {name}: give {len(columns)} value(s) for ({names}).")
    try:
        return tuple(_read(column, part, dialect) for column, part in zip(columns, parts, strict=True))
    except _Impossible:
        raise UnknownSubject(name, key) from None


def _parts(key: Any) -> tuple[Any, ...]:
    return tuple(key) if isinstance(key, (tuple, list, sa.Row)) else (key,)


def _plain(value: Any, column: sa.Column[Any]) -> bool:
    """True for one value: what a column of a type that we read could be given, and anything but NULL for others."""
    if value is None or isinstance(value, (dict, set, frozenset, list, tuple)):
        return False
    kind = column.type
    if isinstance(kind, (sa.Integer, sa.Uuid, sa.String, *NUMERIC)):
        return isinstance(value, TEXTUAL) or hasattr(value, "__index__")
    return not (isinstance(value, str) and isinstance(kind, sa.LargeBinary))


def _read(column: sa.Column[Any], value: Any, dialect: sa.Dialect) -> Any:
    kind = column.type.dialect_impl(dialect)  # a variant's, where the column has one for this database
    found = value if isinstance(kind, sa.types.TypeDecorator) else _by_type(kind, value, dialect)
    if isinstance(found, str):
        _check_text(found, dialect)
    process = kind.bind_processor(dialect)
    if process is not None:
        _try(process, found)
    return found


def _by_type(kind: Any, value: Any, dialect: sa.Dialect) -> Any:
    """The value in the Python type of the column's own."""
    for kinds, reader in READERS:
        if isinstance(kind, kinds):
            return reader(kind, value, dialect)
    return value


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
    """PostgreSQL holds to the type's range; SQLite to 64 bits whatever the type says; MySQL only finds no row."""
    name = "bigint"
    if dialect not in ("sqlite", *MYSQL):
        small, big = isinstance(kind, sa.SmallInteger), isinstance(kind, sa.BigInteger)
        name = "smallint" if small else "bigint" if big else "integer"
    largest = LARGEST[name] * 2 + 1 if dialect in MYSQL else LARGEST[name]  # UNSIGNED
    if not -LARGEST[name] - 1 <= value <= largest:
        raise _Impossible
    return value


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
