"""Conditions: the grammar, its errors, and that Python, SQL and rule-engine give the same answer."""

from __future__ import annotations

import contextlib
import string
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
import rule_engine  # type: ignore[import-untyped]  # ships no types
import sqlalchemy as sa
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from diag_rules.deletion import PolicyError
from diag_rules.deletion._conditions import Node
from diag_rules.deletion._policy_grammar import parse


class Status(StrEnum):
    PENDING = "pending"
    EXPIRED = "expired"


metadata = sa.MetaData()
rows = sa.Table(
    "invitations",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("status", sa.Enum("pending", "expired", "gone", name="invitation_status")),
    sa.Column(
        "labelled",
        sa.Enum(Status, name="labelled_status", values_callable=lambda kind: [each.value for each in kind]),
    ),
    sa.Column("name", sa.String(20)),
    sa.Column("size", sa.Integer),
    sa.Column("limit_", sa.BigInteger),
    sa.Column("price", sa.Numeric(12, 2)),
    sa.Column("score", sa.Double),
    sa.Column("active", sa.Boolean),
    sa.Column("created", sa.DateTime),
    sa.Column("seen", sa.DateTime(timezone=True)),
    sa.Column("touched", sa.DateTime),
    sa.Column("day", sa.Date),
    sa.Column("token", sa.Uuid),
    sa.Column("extra", sa.JSON(none_as_null=True)),
    sa.Column("required", sa.Integer, nullable=False),
    mysql_collate="utf8mb4_nopad_bin",  # Python compares text exactly; elsewhere the column's collation decides
)
KINDS = {column.name: column.type for column in rows.columns}
NOW = datetime(2026, 11, 22, 12, 30, 15, 250, tzinfo=UTC)
EMPTY = dict.fromkeys(KINDS)


def condition(text: str) -> Node:
    return parse(text, KINDS, "invitations")


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [
        ("status == 'pending'", {"status": "pending"}, True),
        ("status == 'pending'", {"status": None}, False),
        ("status != 'pending'", {"status": None}, False),
        ("not (status == 'pending')", {"status": None}, True),
        ("status not in ['pending']", {"status": None}, False),
        ("status not in ['pending']", {"status": "gone"}, True),
        ("status == null", {"status": None}, True),
        ("null != status", {"status": None}, False),
        ("extra == null", {"extra": None}, True),
        ("size < 3", {"size": None}, False),
        ("size >= 3", {"size": None}, False),
        ("not (size >= 3)", {"size": None}, True),
        ("size + 1 > 3", {"size": 3}, True),
        ("3 < size - 1", {"size": 4}, False),
        ("size < limit_", {"size": 1, "limit_": None}, False),
        ("labelled == 'pending'", {"labelled": Status.PENDING}, True),
        ("labelled in ['pending', 'expired']", {"labelled": Status.EXPIRED}, True),
        ("active", {"active": None}, False),
        ("not active", {"active": None}, True),
        ("active == false", {"active": None}, False),
        ("active != true", {"active": False}, True),
        ("created < $now - t'P90D'", {"created": datetime(2026, 8, 1)}, True),  # noqa: DTZ001  as stored
        ("$now - created > t'P90D'", {"created": datetime(2026, 8, 1)}, True),  # noqa: DTZ001  as stored
        ("$now - created > t'P90D'", {"created": datetime(2026, 11, 1)}, False),  # noqa: DTZ001  as stored
        ("created - $now > t'P1D'", {"created": datetime(2026, 11, 24)}, True),  # noqa: DTZ001  as stored
        ("seen >= d'2026-11-22T10:00:00+02:00'", {"seen": datetime(2026, 11, 22, 8, tzinfo=UTC)}, True),
        ("day == $today", {"day": date(2026, 11, 22)}, True),
        ("day < $now", {"day": date(2026, 11, 22)}, True),
        ("day >= $now", {"day": date(2026, 11, 22)}, False),
        ("day > $now", {"day": date(2026, 11, 23)}, True),
        (
            "token == '12345678-1234-5678-1234-567812345678'",
            {"token": UUID("12345678123456781234567812345678")},
            True,
        ),
        ("price == 1.10", {"price": Decimal("1.1")}, True),
        ("score > 0.5 and (name == 'a' or name == 'b')", {"score": 0.75, "name": "b"}, True),
        ("name == 'it\\'s (here)'", {"name": "it's (here)"}, True),
        ("1 == 1", {}, True),
    ],
)
def test_a_condition_means_the_same_in_python_and_in_sql(
    text: str, row: dict[str, Any], expected: Any
) -> None:
    node = condition(text)
    values = {**EMPTY, **row, "id": 1, "required": 0}

    assert node.test(values, NOW) is expected
    engine = sa.create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.connect() as connection:
        connection.execute(rows.insert(), values)
        assert connection.execute(sa.select(node.sql(rows, NOW))).scalar_one() in (expected, int(expected))
    engine.dispose()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("statuz == 'x'", "invitations has no column 'statuz'; did you mean 'status'?"),
        ("status == 'pendin'", "invitations.status is never 'pendin'; did you mean 'pending'?"),
        ("status ==", "syntax error"),
        ("", "syntax error"),
        ("status", "not true or false by itself"),
        ("created", "not true or false by itself"),
        ("size", "not true or false by itself"),
        ("$today", "can't stand as a condition|not true or false"),
        ("size == 'a'", "can't be compared with 'a'"),
        ("size == 1.5", "whole numbers"),
        ("size == 99999999999999999999", "64 bits"),
        ("size < 'a'", "is not a condition"),
        ("size == inf", "can't be compared with"),
        ("name < 'b'", "order depends on the database"),
        ("token == 'x'", "'x' is none"),
        ("created == 'x'", "compare it with d'"),
        ("created < 5", "is not a condition|compare it with"),
        ("day == $now", "never equals a time of day"),
        ("extra == 'x'", "can only be tested for null"),
        ("size in [1, null]", "holds null"),
        ("size in limit_", "`in` needs a column|is not a condition"),
        ("name =~ '.*'", "regular expressions"),
        ("name =~~ '(a+)+$'", "regular expressions"),
        ("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!' =~ '(a+)+$'", "regular expressions"),
        ("[x for x in [1, 2]]", "comprehensions"),
        ("$range(1000000000)", "only \\$now and \\$today"),
        ("size ** 99999999 > 1", "powers"),
        ("name.length > 1", "attribute expression|can't stand"),
        ("name.to_upper() == 'A'", "functions"),
        ("size(1)", "functions"),
        ("size * 2 > 1", "can't stand in a comparison"),
        ("created - seen > t'P1D'", "only a literal can be added"),
        ("created < seen", "can't be compared"),
        ("size == price", "can't be compared"),
        ("__class__", "has no column"),
        ("status == 'x'; drop table users", "illegal character|syntax error"),
    ],
)
def test_what_sql_can_not_say_is_refused_when_it_is_loaded(text: str, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        condition(text)


@pytest.mark.parametrize(
    "text", ["(" * 900 + "active" + ")" * 900, "not " * 480 + "active", "size == " + "1" * 3000]
)
def test_a_monstrous_condition_is_refused_or_understood_but_never_crashes(text: str) -> None:
    said = ""
    try:
        condition(text)
    except PolicyError as error:
        said = str(error)

    assert len(said) < 500


def test_a_fixed_time_is_fixed_and_no_time_is_asked_for_at_each_execution() -> None:
    ticks = iter([NOW, NOW + timedelta(days=2)])
    select = sa.select(condition("created < $now - t'P1D'").sql(rows, lambda: next(ticks)))
    engine = sa.create_engine("sqlite://")
    metadata.create_all(engine)

    with engine.connect() as connection:
        connection.execute(
            rows.insert(), {**EMPTY, "id": 1, "required": 0, "created": NOW.replace(tzinfo=None)}
        )
        answers = [connection.execute(select).scalar_one() for _ in range(2)]

    engine.dispose()
    assert answers == [0, 1]


# random conditions: built together with text that rule-engine reads, over every kind of column

_TEXTS = st.sampled_from(["", "a", "A", "ä", "it's", "50%", "x_y", "a "])
_MOMENTS = st.integers(0, 44 * 86400).map(
    lambda seconds: NOW.replace(tzinfo=None, microsecond=0) + timedelta(seconds=seconds - 22 * 86400)
)
_UUIDS = st.sampled_from([UUID(int=1), UUID(int=2)])
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "status": st.sampled_from(["pending", "expired", "gone"]),
    "labelled": st.sampled_from(list(Status)),
    "name": _TEXTS,
    "size": st.integers(-3, 3),
    "limit_": st.integers(-3, 3),
    "price": st.decimals(-3, 3, places=2),
    "score": st.sampled_from([-1.5, -0.25, 0.0, 0.1, 0.5, 2.0]),
    "active": st.booleans(),
    "created": _MOMENTS,
    "seen": _MOMENTS.map(lambda each: each.replace(tzinfo=UTC)),
    "touched": _MOMENTS,
    "day": st.dates(date(2026, 11, 1), date(2026, 12, 15)),
    "token": _UUIDS,
}
_ORDERED = ("size", "limit_", "price", "score", "created", "seen", "touched", "day")
_PAIRS = (("created", "touched"), ("touched", "created"), ("name", "name"), ("score", "score"))
_TIMES = st.sampled_from(
    ["$now", "$today", "$now - t'P7D'", "$today + t'P3DT5H'", "d'2026-11-15'", "d'2026-11-20T06:00:00Z'"]
)


def _quoted(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | UUID):
        return "'" + str(value).replace("'", "\\'") + "'"
    return str(value)


@st.composite
def _atoms(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(sorted(_VALUES)))
    form = draw(st.sampled_from(["null", "list", "pair", "compare", "compare", "compare"]))
    symbols = ["==", "!=", "<", "<=", ">", ">="] if name in _ORDERED else ["==", "!="]
    symbol = draw(st.sampled_from(symbols))
    if form == "null":
        return f"{name} {draw(st.sampled_from(['==', '!=']))} null"
    if form == "pair":
        left, right = draw(st.sampled_from(_PAIRS))
        return f"{left} {symbol if left in _ORDERED else '=='} {right}"
    if name in ("created", "seen", "touched", "day"):
        if name == "day" and symbol in ("==", "!="):
            return f"day {symbol} {draw(st.sampled_from(['$today', chr(100) + chr(39) + '2026-11-15' + chr(39)]))}"
        return f"{name} {symbol} {draw(_TIMES)}"
    literals = draw(
        st.lists(_VALUES[name].filter(lambda value: not _negative(value)), min_size=1, max_size=3)
    )
    if form == "list":
        return f"{name} {draw(st.sampled_from(['in', 'not in']))} [{', '.join(map(_quoted, literals))}]"
    return f"{name} {symbol} {_quoted(literals[0])}"


def _negative(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool) and value < 0


_CONDITIONS = st.recursive(
    _atoms(),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda each: f"({each[0]} {each[1]} {each[2]})"
        ),
        inner.map(lambda each: f"not ({each})"),
    ),
    max_leaves=6,
)
_ROWS = st.fixed_dictionaries({name: st.none() | values for name, values in _VALUES.items()})
_FULL_ROWS = st.fixed_dictionaries(_VALUES)


def test_random_conditions_select_the_same_rows_in_python_and_in_sql(database: Any) -> None:
    engine = database.engine()
    metadata.create_all(engine)
    with engine.connect() as connection:
        _differential(connection)


def _differential(connection: sa.Connection) -> None:
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(text=_CONDITIONS, data=st.lists(_ROWS, min_size=1, max_size=6))
    def agree(text: str, data: list[dict[str, Any]]) -> None:
        note(text)
        node = condition(text)
        numbered = [
            {**row, "id": number, "required": 0, "extra": None} for number, row in enumerate(data, 1)
        ]  # 0 asks MariaDB for a number
        transaction = connection.begin()
        try:
            connection.execute(rows.insert(), numbered)
            found = connection.execute(sa.select(rows).order_by(rows.c.id)).mappings().all()
            answers = connection.execute(sa.select(rows.c.id, node.sql(rows, NOW)).order_by(rows.c.id)).all()
            chosen = connection.execute(sa.select(rows.c.id).where(node.sql(rows, NOW))).scalars().all()
        finally:
            transaction.rollback()

        stored: list[dict[str, Any]] = [dict(row) for row in found]
        expected = [node.test(row, NOW) for row in stored]
        assert [answer for _, answer in answers] == expected
        assert sorted(chosen) == [row["id"] for row, holds in zip(stored, expected, strict=True) if holds]

    agree()


@settings(max_examples=300, deadline=None)
@given(text=_CONDITIONS, row=_FULL_ROWS)
def test_without_nulls_rule_engine_itself_agrees(text: str, row: dict[str, Any]) -> None:
    if any(word in text for word in ("$", "day", "token")):
        return  # rule-engine has its own clock, and compares dates and UUIDs otherwise
    context = rule_engine.Context(default_timezone="utc")
    plain = {name: str(value) if isinstance(value, StrEnum) else value for name, value in row.items()}

    assert condition(text).test(row, NOW) is rule_engine.Rule(text, context).matches(plain)


@given(text=st.text(string.printable, max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_text_is_parsed_or_refused_with_our_own_error(text: str) -> None:
    with contextlib.suppress(PolicyError):
        condition(text)
