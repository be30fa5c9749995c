"""The text of a condition, parsed and typed by the library rule-engine, translated into the tree of ``_conditions``.

What can be said: columns of the row, literals, ``$now`` and ``$today`` (UTC) with ``+`` and ``-`` a duration, comparisons,
``in``, ``and``, ``or``, ``not``, ``null``. All of it runs in SQL. Nothing else does: functions, attributes, regular
expressions and comprehensions are refused when the policy is loaded, so a policy file reaches neither Python nor SQL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy.types import Enum, Float, TypeDecorator, TypeEngine, Uuid

from ._conditions import (
    Always,
    Comparison,
    Every,
    Family,
    IsNull,
    Member,
    Moment,
    Negation,
    Node,
    Operand,
    Some,
    Truth,
)
from ._policy_errors import PolicyError, nearest

if TYPE_CHECKING:
    from rule_engine import Context  # type: ignore[import-untyped]  # ships no types

LONGEST = 2_000  # characters; a condition nobody can read is a mistake
_PARSER = Lock()  # rule-engine has one parser for all, and keeps its context in it
_WHOLE_RANGE = range(-(2**63), 2**63)
_LITERAL_TEXT = re.compile(r"""(?<![A-Za-z0-9_])[rsbdt]?(["'])(?:[^\\\n]|\\.)*?\1""")
_REFUSED = (
    (re.compile(r"=~|!~"), "regular expressions differ between databases: compare with == or use a list, x in ['a', 'b']"),
    (re.compile(r"\bfor\b|\bif\b"), "comprehensions can't run in SQL: use a list, x in ['a', 'b']"),
    (re.compile(r"\$(?!(?:now|today)\b)\w*"), "only $now and $today are known"),
    (re.compile(r"\*\*"), "powers can't be compared the same way everywhere: write the number"),
    (re.compile(r"(?!\b(?:and|or|not|in)\b)(?:\$?\b[A-Za-z_]\w*|[\])'])\s*\("), "functions can't be called here"),
)  # fmt: skip
_SWAPPED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_SYMBOLS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_ORDERED = {Family.WHOLE, Family.DECIMAL, Family.FLOATING, Family.MOMENT, Family.DAY}
_NUMBERS = {Family.WHOLE, Family.DECIMAL, Family.FLOATING}
_TIMES = {Family.MOMENT, Family.DAY}


def family(kind: TypeEngine[Any]) -> Family:
    """Return how values of the SQLAlchemy type *kind* compare; OPAQUE for types that no literal can meet."""
    plain = kind.impl_instance if isinstance(kind, TypeDecorator) else kind
    if isinstance(plain, Enum):
        return Family.CHOICE
    if isinstance(plain, Uuid):
        return Family.IDENTIFIER
    if isinstance(plain, Float):
        return Family.FLOATING
    try:
        python: type = plain.python_type
    except NotImplementedError:
        return Family.OPAQUE
    return _BY_PYTHON.get(python, Family.OPAQUE)


_BY_PYTHON: Mapping[type, Family] = {
    str: Family.TEXT,
    int: Family.WHOLE,
    bool: Family.BOOLEAN,
    Decimal: Family.DECIMAL,
    float: Family.FLOATING,
    datetime: Family.MOMENT,
    date: Family.DAY,
    UUID: Family.IDENTIFIER,
}


def parse(text: str, columns: Mapping[str, TypeEngine[Any]], table: str) -> Node:
    """Return the condition that *text* states about a row of *table* with these typed *columns*.

    Raises PolicyError for syntax, an unknown column (with the nearest name), a literal of the wrong type,
    and all that can't be compiled to SQL.
    """
    _screen(text)
    import rule_engine  # half a second to load: only where a policy has conditions

    operands = {name: Operand(name, family(kind), kind) for name, kind in columns.items()}
    context = _context(operands, table)
    try:
        with _PARSER:
            statement = rule_engine.Rule(text, context).statement
        return _Translator(operands, table).condition(statement.expression)
    except rule_engine.errors.EngineError as error:
        raise PolicyError(f"{text!r} is not a condition: {error.message}.") from error
    except RecursionError:
        raise PolicyError(
            f"The condition {text[:60]!r}... nests too deeply: split it into several entries."
        ) from None


def _screen(text: str) -> None:
    """Refuse what rule-engine would parse, or even run while parsing, but SQL can't say."""
    if len(text) > LONGEST:
        raise PolicyError(
            f"A condition has {len(text)} characters, more than {LONGEST}: split it into several entries."
        )
    bare = _LITERAL_TEXT.sub("''", text)
    for pattern, reason in _REFUSED:
        if pattern.search(bare):
            raise PolicyError(f"{text!r} can't be used as a condition: {reason}.")


def _context(operands: Mapping[str, Operand], table: str) -> Context:
    from rule_engine import Context, DataType

    kinds = {
        **dict.fromkeys((Family.TEXT, Family.CHOICE, Family.IDENTIFIER), DataType.STRING),
        **dict.fromkeys(_NUMBERS, DataType.FLOAT),
        **dict.fromkeys(_TIMES, DataType.DATETIME),
        Family.BOOLEAN: DataType.BOOLEAN,
    }

    def resolve(name: str) -> Any:
        if name not in operands:
            raise PolicyError(f"{table} has no column {name!r}{nearest(name, operands)}")
        return kinds.get(operands[name].family, DataType.UNDEFINED)

    return Context(type_resolver=resolve, default_timezone="utc")


class _Translator:
    """rule-engine's syntax tree in, ours out."""

    def __init__(self, operands: Mapping[str, Operand], table: str) -> None:
        self.operands = operands
        self.table = table

    def condition(self, node: Any) -> Node:
        """Translate an expression that is true or false."""
        visit = getattr(self, f"_{type(node).__name__}", None)
        if visit is None:
            raise PolicyError(
                f"A {_said(node)} can't stand as a condition on {self.table}: compare columns with literals, $now or $today."
            )
        answer: Node = visit(node)
        return answer

    def _LogicExpression(self, node: Any) -> Node:  # noqa: N802  named after rule-engine's class
        parts = (self.condition(node.left), self.condition(node.right))
        return Every(parts) if node.type == "and" else Some(parts)

    def _UnaryExpression(self, node: Any) -> Node:  # noqa: N802  named after rule-engine's class
        if node.type != "not":
            raise PolicyError(f"A number can't stand as a condition on {self.table}: compare it.")
        if type(node.right).__name__ == "ContainsExpression":
            return self._membership(node.right, negated=True)
        return Negation(self.condition(node.right))

    def _BooleanExpression(self, node: Any) -> Node:  # noqa: N802  named after rule-engine's class
        return Always(bool(node.value))

    def _SymbolExpression(self, node: Any) -> Node:  # noqa: N802  named after rule-engine's class
        column = self._column(node)
        if column is None or column.family is not Family.BOOLEAN:
            raise PolicyError(
                f"{self.table}.{node.name} is not true or false by itself: compare it with a value."
            )
        return Truth(column.name, wanted=True)

    def _ContainsExpression(self, node: Any) -> Node:  # noqa: N802  named after rule-engine's class
        return self._membership(node, negated=False)

    def _ComparisonExpression(self, node: Any) -> Node:  # noqa: N802  named after rule-engine's class
        return self._compare(node.left, _SYMBOLS[node.type], node.right)

    _ArithmeticComparisonExpression = _ComparisonExpression

    def _membership(self, node: Any, *, negated: bool) -> Node:
        column = self._column(node.member)
        if column is None or type(node.container).__name__ not in ("ArrayExpression", "SetExpression"):
            raise PolicyError(
                f"`in` needs a column of {self.table} and a list of literals, as in status in ['a', 'b']."
            )
        literals = [_constant(member) for member in node.container.value]
        if None in literals:
            raise PolicyError(f"A list holds null: write `{column.name} == null or {column.name} in [...]`.")
        if column.family in _TIMES or column.family is Family.BOOLEAN:
            equal = Some(tuple(self._equal(column, literal) for literal in literals))
            return Every((Negation(IsNull(column.name)), Negation(equal))) if negated else equal
        return Member(column, tuple(self._literal(column, literal) for literal in literals), negated)

    def _equal(self, column: Operand, literal: Any) -> Node:
        if column.family is Family.BOOLEAN:
            return Truth(column.name, wanted=bool(self._literal(column, literal)))
        return self._against(column, "==", self._moment(column, "==", literal))

    def _compare(self, left: Any, symbol: str, right: Any) -> Node:
        age = self._age(left, symbol, right) or self._age(right, _SWAPPED[symbol], left)
        if age:
            return age
        (first, shift), (second, counter) = self._split(left), self._split(right)
        if not isinstance(first, Operand):
            first, second, symbol = second, first, _SWAPPED[symbol]
            shift, counter = counter, shift
        if not isinstance(first, Operand):
            raise PolicyError(f"A comparison names no column of {self.table}: name one.")
        if isinstance(second, Operand):
            return self._columns(first, symbol, second, moved=bool(shift or counter))
        return self._constants(first, symbol, second, shift, counter)

    def _age(self, difference: Any, symbol: str, span: Any) -> Node | None:
        """Translate ``$now - created > t'P90D'`` into ``created < $now - t'P90D'``; None where it is something else."""
        if type(difference).__name__ != "SubtractExpression" or type(span).__name__ != "TimedeltaExpression":
            return None
        (first, shift), (second, counter) = self._split(difference.left), self._split(difference.right)
        if isinstance(first, Operand) is isinstance(second, Operand) or shift or counter:
            return None
        if isinstance(first, Operand):
            return self._against(first, symbol, self._moment(first, symbol, second, span.value))
        symbol = _SWAPPED[symbol]
        return self._against(second, symbol, self._moment(second, symbol, first, -span.value))

    def _columns(self, first: Operand, symbol: str, second: Operand, *, moved: bool) -> Node:
        same = first.family is Family.WHOLE or type(first.type) is type(second.type)
        alike = same and first.family is second.family
        zones = [getattr(operand.type, "timezone", None) for operand in (first, second)]
        if moved or not alike or zones[0] != zones[1] or first.family is Family.OPAQUE:
            raise PolicyError(
                f"{first.name} ({first.family}) and {second.name} ({second.family}) of {self.table} can't be compared "
                "with each other the same way in every database: compare each with a literal."
            )
        self._orderable(first, symbol)
        return Comparison(first, symbol, second)

    def _constants(self, column: Operand, symbol: str, value: Any, shift: Any, counter: Any) -> Node:
        if value is None:
            return self._null(column, symbol, moved=bool(shift or counter))
        self._orderable(column, symbol)
        if column.family in _TIMES:
            offset = (counter or timedelta()) - (shift or timedelta())
            return self._against(column, symbol, self._moment(column, symbol, value, offset))
        if shift or counter:
            value = value + (counter or 0) - (shift or 0)
        if column.family is Family.BOOLEAN:
            return Truth(column.name, wanted=bool(self._literal(column, value)) is (symbol == "=="))
        return Comparison(column, symbol, self._literal(column, value))

    def _null(self, column: Operand, symbol: str, *, moved: bool) -> Node:
        if symbol not in ("==", "!=") or moved:
            raise PolicyError(f"Test {self.table}.{column.name} for null with == null or != null.")
        return IsNull(column.name) if symbol == "==" else Negation(IsNull(column.name))

    def _orderable(self, column: Operand, symbol: str) -> None:
        if symbol not in ("==", "!=") and column.family not in _ORDERED:
            raise PolicyError(
                f"{self.table}.{column.name} is {_a(column.family)}, whose order depends on the database: use ==, != or in."
            )

    def _against(self, column: Operand, symbol: str, moment: Moment) -> Node:
        return Comparison(column, symbol, moment)

    def _moment(self, column: Operand, symbol: str, value: Any, offset: timedelta | None = None) -> Moment:
        moment = value if isinstance(value, Moment) else Moment(value)
        if not isinstance(value, Moment | datetime):
            raise PolicyError(
                f"{self.table}.{column.name} is {_a(column.family)}: compare it with d'2026-01-31' or $now - t'P30D'."
            )
        moment = Moment(moment.base, moment.offset + (offset or timedelta()))
        if column.family is Family.DAY and symbol in ("==", "!=") and not _whole_day(moment):
            raise PolicyError(
                f"{self.table}.{column.name} is a date and never equals a time of day: use $today or d'2026-01-31'."
            )
        return moment

    def _split(self, node: Any) -> tuple[Any, Any]:
        """Return (column, Moment or constant; what is added to it), for ``created + t'P1D'`` and the like."""
        name = type(node).__name__
        if name in ("AddExpression", "SubtractExpression"):
            return self._sum(node, minus=name == "SubtractExpression")
        if name == "SymbolExpression":
            column = self._column(node)
            return (column, None) if column else (Moment(node.name), None)
        return _constant(node), None

    def _sum(self, node: Any, *, minus: bool) -> tuple[Any, Any]:
        (left, first), (right, second) = self._split(node.left), self._split(node.right)
        movable = isinstance(right, timedelta | Decimal) and second is None
        if not movable and not minus and isinstance(left, timedelta | Decimal) and first is None:
            left, right, first, movable = right, left, second, True
        if not movable:
            raise PolicyError(
                f"On {self.table} only a literal can be added or subtracted, as in $now - t'P30D'."
            )
        step = -right if minus else right
        if isinstance(left, Moment):
            return Moment(left.base, left.offset + step), None
        return left, step if first is None else first + step

    def _column(self, node: Any) -> Operand | None:
        """Return the column a symbol names; None for ``$now`` and ``$today``; refuses anything but a symbol."""
        if type(node).__name__ != "SymbolExpression":
            raise PolicyError(f"A {_said(node)} stands where a column of {self.table} belongs.")
        return None if node.scope else self.operands[node.name]

    def _literal(self, column: Operand, value: Any) -> Any:
        """Return *value* as the column stores it. Raises PolicyError where the column could never hold it."""
        where = f"{self.table}.{column.name}"
        if column.family is Family.OPAQUE:
            raise PolicyError(f"{where} ({column.type}) can only be tested for null in a condition.")
        if column.family in _NUMBERS and isinstance(value, Decimal) and value.is_finite():
            return _number(column, value, where)
        if column.family is Family.CHOICE and isinstance(value, str):
            return _choice(column, value, where)
        if column.family is Family.IDENTIFIER and isinstance(value, str):
            return _identifier(column, value, where)
        if (column.family, type(value)) in ((Family.TEXT, str), (Family.BOOLEAN, bool)):
            return value
        raise PolicyError(f"{where} is {_a(column.family)}: it can't be compared with {_shown(value)}.")


def _number(column: Operand, value: Decimal, where: str) -> Any:
    if column.family is Family.FLOATING:
        return float(value)
    if column.family is Family.DECIMAL:
        return value
    if value != value.to_integral_value() or int(value) not in _WHOLE_RANGE:
        raise PolicyError(
            f"{where} holds whole numbers of at most 64 bits: {value} can't be compared with it."
        )
    return int(value)


def _choice(column: Operand, value: str, where: str) -> str:
    plain: Any = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    if value not in plain.enums:
        raise PolicyError(f"{where} is never {value!r}{nearest(value, plain.enums)}")
    return value


def _identifier(column: Operand, value: str, where: str) -> Any:
    try:
        identifier = UUID(value)
    except ValueError:
        raise PolicyError(f"{where} is a UUID: {value!r} is none.") from None
    return identifier if getattr(column.type, "as_uuid", True) else str(identifier)


def _constant(node: Any) -> Any:
    """Return the Python value of a literal. Raises PolicyError for any other expression."""
    name = type(node).__name__
    if name in (
        "StringExpression",
        "FloatExpression",
        "BooleanExpression",
        "DatetimeExpression",
        "TimedeltaExpression",
    ):
        return node.value
    if name == "NullExpression":
        return None
    raise PolicyError(
        f"A {_said(node)} can't stand in a comparison: use a column, a literal, $now or $today."
    )


def _whole_day(moment: Moment) -> bool:
    at_midnight = moment.base == "today" or (
        isinstance(moment.base, datetime) and moment.base.time().isoformat() == "00:00:00"
    )
    return at_midnight and not moment.offset % timedelta(days=1)


def _said(node: Any) -> str:
    words = re.findall("[A-Z][a-z]*", type(node).__name__.removesuffix("Expression"))
    return " ".join(words).lower() + " expression"


def _a(kind: Family) -> str:
    return kind if kind in (Family.TEXT, Family.BOOLEAN, Family.CHOICE) else f"a {kind}"


def _shown(value: Any) -> str:
    if isinstance(value, Moment):
        return f"${value.base}" if isinstance(value.base, str) else value.base.isoformat()
    return str(value) if isinstance(value, Decimal) else repr(value)
