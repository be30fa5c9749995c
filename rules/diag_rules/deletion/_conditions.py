"""Conditions on one row: a small closed tree that Python and SQL evaluate alike.

Every node is two-valued, in Python and in SQL. NULL has one meaning: a comparison with NULL is false (``==``, ``!=``,
``<``, ``in``, ``not in``), ``== null`` and ``!= null`` test for it, and ``not`` turns false into true.
So ``status != 'pending'`` leaves rows without a status out, and ``not (status == 'pending')`` takes them in.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Dialect, FromClause, and_, bindparam, false, not_, or_, true
from sqlalchemy.types import BigInteger, Float, Numeric, TypeDecorator, TypeEngine

Now: TypeAlias = datetime | Callable[[], datetime] | None

OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_EARLIEST, _LATEST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
# a date `d` stands for its midnight: d < t is d < ceiling(t), d <= t is d <= floor(t)
_ROUNDED_UP = {"<", ">="}


class Family(StrEnum):
    """What values a column holds, as far as comparing them goes."""

    TEXT = "text"
    WHOLE = "whole number"
    DECIMAL = "decimal number"
    FLOATING = "floating-point number"
    BOOLEAN = "true or false"
    MOMENT = "date and time"
    DAY = "date"
    CHOICE = "one of a fixed list"
    IDENTIFIER = "UUID"
    OPAQUE = "value that a condition can't compare"


class _Exact(TypeDecorator[Any]):
    """A decimal number for a comparison: exact where the database has decimals, a float on SQLite, which has none."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Float() if dialect.name == "sqlite" else Numeric())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return float(value) if dialect.name == "sqlite" and value is not None else value


@dataclass(frozen=True, slots=True)
class Operand:
    """A column of the row: its name, its family, and its SQLAlchemy type."""

    name: str
    family: Family
    type: TypeEngine[Any]

    def value(self, row: Mapping[str, Any]) -> Any:
        """Return this column's value in *row* in a form that compares as the database compares; None for NULL."""
        return comparable(row[self.name], self.family)

    def bound(self, value: Any) -> ColumnElement[Any]:
        """Return *value*, or the callable that gives it when the statement runs, as a parameter of a fitting type."""
        kind = _bind_type(self)
        if callable(value):
            return bindparam(None, callable_=value, type_=kind, unique=True)
        return bindparam(None, value, type_=kind, unique=True)


def comparable(value: Any, family: Family) -> Any:
    """Normalise a stored *value*: moments and days become UTC datetimes, naive ones taken as UTC; enums their label."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    if family is Family.DECIMAL and isinstance(value, float):
        return Decimal(repr(value))
    if family is Family.FLOATING:
        return float(value)
    return value


def _bind_type(column: Operand) -> TypeEngine[Any]:
    # not the column's own type where that would round the literal (NUMERIC(10, 2)) or refuse a UTC value
    if column.family is Family.WHOLE:
        return BigInteger()
    if column.family is Family.DECIMAL:
        return _Exact()
    if column.family is Family.FLOATING:
        return Float(53)
    if column.family in (Family.MOMENT, Family.DAY):
        return column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    return column.type


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time: a fixed one, or ``$now`` or ``$today`` (midnight UTC), moved by *offset*."""

    base: datetime | str
    offset: timedelta = timedelta()

    def at(self, now: datetime) -> datetime:
        """Return the point in time, in UTC; a result outside the calendar becomes its nearest end."""
        base = now if self.base == "now" else now.replace(hour=0, minute=0, second=0, microsecond=0)
        start = self.base.astimezone(UTC) if isinstance(self.base, datetime) else base
        try:
            return start + self.offset
        except OverflowError:
            return _LATEST if self.offset > timedelta() else _EARLIEST


def _resolved(now: Now) -> datetime:
    moment = now() if callable(now) else now or datetime.now(UTC)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Node:
    """One node of a condition. ``test`` evaluates it in Python, ``sql`` compiles it; both give only true or false."""

    __slots__ = ()

    def test(self, row: Mapping[str, Any], now: Now = None) -> bool:
        """Evaluate on *row*, column names to values. *now* is a datetime, a callable, or None for the clock."""
        raise NotImplementedError

    def sql(self, table: FromClause, now: Now = None) -> ColumnElement[bool]:
        """Compile for *table*'s columns; with *now* None or callable the time is taken anew at each execution."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Always(Node):
    """A condition that was constant."""

    value: bool

    def test(self, row: Mapping[str, Any], now: Now = None) -> bool:  # noqa: ARG002  a constant reads nothing
        """Return the constant."""
        return self.value

    def sql(self, table: FromClause, now: Now = None) -> ColumnElement[bool]:  # noqa: ARG002  as in test
        """Return the constant."""
        return true() if self.value else false()


@dataclass(frozen=True, slots=True)
class Every(Node):
    """All parts hold."""

    parts: tuple[Node, ...]

    def test(self, row: Mapping[str, Any], now: Now = None) -> bool:
        """Return whether all parts hold."""
        return all(part.test(row, now) for part in self.parts)

    def sql(self, table: FromClause, now: Now = None) -> ColumnElement[bool]:
        """Return the conjunction."""
        return and_(*(part.sql(table, now) for part in self.parts))


@dataclass(frozen=True, slots=True)
class Some(Node):
    """At least one part holds."""

    parts: tuple[Node, ...]

    def test(self, row: Mapping[str, Any], now: Now = None) -> bool:
        """Return whether a part holds."""
        return any(part.test(row, now) for part in self.parts)

    def sql(self, table: FromClause, now: Now = None) -> ColumnElement[bool]:
        """Return the disjunction."""
        return or_(*(part.sql(table, now) for part in self.parts))


@dataclass(frozen=True, slots=True)
class Negation(Node):
    """The part does not hold."""

    part: Node

    def test(self, row: Mapping[str, Any], now: Now = None) -> bool:
        """Return the opposite of the part."""
        return not self.part.test(row, now)

    def sql(self, table: FromClause, now: Now = None) -> ColumnElement[bool]:
        """Return the negation, which is safe because every node is two-valued."""
        return not_(self.part.sql(table, now))


@dataclass(frozen=True, slots=True)
class IsNull(Node):
    """The column is NULL."""

    column: str

    def test(self, row: Mapping[str, Any], now: Now = None) -> bool:  # noqa: ARG002  NULL knows no time
        """Return whether the value is None."""
        return row[self.column] is None

    def sql(self, table: FromClause, now: Now = None) -> ColumnElement[bool]:  # noqa: ARG002  as in test
        """Return ``IS NULL``."""
        return table.c[self.column].is_(None)


@dataclass(frozen=True, slots=True)
class Truth(Node):
    """A boolean column is *wanted*; NULL is neither true nor false."""

    column: str
    wanted: bool

    def test(self, row: Mapping[str, Any], now: Now = None) -> bool:  # noqa: ARG002  a truth knows no time
        """Return whether the value is the wanted one."""
        value = row[self.column]
        return value is not None and bool(value) is self.wanted

    def sql(self, table: FromClause, now: Now = None) -> ColumnElement[bool]:  # noqa: ARG002  as in test
        """Return ``IS TRUE`` or ``IS FALSE``."""
        return table.c[self.column].is_(true() if self.wanted else false())


@dataclass(frozen=True, slots=True)
class Member(Node):
    """The column's value is one of *values* (or, negated, is a value but none of them)."""

    column: Operand
    values: tuple[Any, ...]
    negated: bool = False

    def test(self, row: Mapping[str, Any], now: Now = None) -> bool:  # noqa: ARG002  the list is fixed
        """Return whether the value is in the list; False for NULL."""
        value = _label(self.column.value(row), self.column)
        return value is not None and (value in self.values) is not self.negated

    def sql(self, table: FromClause, now: Now = None) -> ColumnElement[bool]:  # noqa: ARG002  as in test
        """Return ``IN (...)``, guarded against NULL."""
        column = table.c[self.column.name]
        bound = [self.column.bound(value) for value in self.values]
        return _guarded(column.not_in(bound) if self.negated else column.in_(bound), column)


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    """A column against a constant, a point in time, or another column of the row."""

    column: Operand
    operator: str
    other: Any

    def test(self, row: Mapping[str, Any], now: Now = None) -> bool:
        """Compare; False where a side is NULL."""
        left, right = self.column.value(row), self.other
        if isinstance(right, Operand):
            right = _label(right.value(row), right)
        elif isinstance(right, Moment):
            right = right.at(_resolved(now))
        if left is None or right is None:
            return False
        return bool(OPERATORS[self.operator](_label(left, self.column), right))

    def sql(self, table: FromClause, now: Now = None) -> ColumnElement[bool]:
        """Return the comparison, guarded against NULL on either side."""
        column = table.c[self.column.name]
        if isinstance(self.other, Operand):
            second = table.c[self.other.name]
            return _guarded(OPERATORS[self.operator](column, second), column, second)
        value = _timed(self, now) if isinstance(self.other, Moment) else self.other
        return _guarded(OPERATORS[self.operator](column, self.column.bound(value)), column)


def _label(value: Any, column: Operand) -> Any:
    """Return an enum member as the label its database knows, as conditions write it."""
    if isinstance(value, Enum) and column.family is Family.CHOICE:
        labels = getattr(column.type, "_valid_lookup", {})
        return labels.get(value, value.name)
    return value


def _guarded(comparison: ColumnElement[bool], *columns: ColumnElement[Any]) -> ColumnElement[bool]:
    """Make *comparison* false instead of NULL; a NOT NULL column needs no guard and keeps its index."""
    nullable = [column for column in columns if getattr(column, "nullable", True)]
    return and_(*(column.is_not(None) for column in nullable), comparison) if nullable else comparison


def _timed(comparison: Comparison, now: Now) -> Any:
    """Return the moment in the form that the column stores: a value, or a callable where time goes on."""
    moment: Moment = comparison.other
    column, up = comparison.column, comparison.operator in _ROUNDED_UP

    def value() -> Any:
        return _stored(moment.at(_resolved(now)), column, up=up)

    return value() if isinstance(now, datetime) or isinstance(moment.base, datetime) else value


def _stored(moment: datetime, column: Operand, *, up: bool) -> datetime | date:
    if column.family is Family.DAY:
        whole = moment.time() == time() or not up or moment.date() == date.max
        return moment.date() if whole else moment.date() + timedelta(days=1)
    zoned = getattr(column.type, "timezone", False)
    return moment if zoned else moment.replace(tzinfo=None)
