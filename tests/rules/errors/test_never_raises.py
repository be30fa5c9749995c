"""`classify` never raises and always ends, whatever exceptions it is handed and however they are linked."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import exc

from diag_rules.errors import PAIRS, Category, Classification, classify
from diag_rules.errors._drivers import _READERS
from rules.errors._stand_ins import stand_in

NAMES = (
    "Error", "IntegrityError", "OperationalError", "InterfaceError", "DatabaseError", "ProgrammingError", "DataError",
    "UniqueViolation", "PoolTimeout", "ReadTimeoutError", "ConnectionRefusedError", "TimeoutError",
)  # fmt: skip
CODES = (
    "23505",
    "57P01",
    "08006",
    "25P02",
    "ZZZZZ",
    "HY000",
    "45000",
    "23000",
    "P0001",
    "42501",
    "54000",
    "08P01",
    "57014",
)
ATTRIBUTES = (
    "sqlstate",
    "pgcode",
    "errno",
    "msg",
    "sqlite_errorcode",
    "diag",
    "orig",
    "exceptions",
    "message",
    "detail",
    "constraint_name",
)

leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30), st.binary(max_size=20), st.sampled_from(CODES),
    st.sampled_from([1, 5, 787, 1062, 1205, 1213, 1290, 1305, 2003, 2013, 3024, 4025, 4031, 5001, 547, 60, 2091, 20001]),
    st.sampled_from(["UNIQUE constraint failed: a.b", "ORA-00001: x", "(547) (SQLExecDirectW)", 'near "x": syntax error',
                     "Original exception was: (pymysql.err.IntegrityError) (1062, 'x')", "connection failed: FATAL:  x"]),
)  # fmt: skip
values = st.one_of(
    leaves,
    st.tuples(leaves, leaves),
    st.dictionaries(
        st.sampled_from(["C", "M", "S", "V", "n", "t", "D", "R", "code", "full_code", "message"]), leaves
    ),
)
builtin = st.sampled_from(
    [
        KeyError,
        ValueError,
        OSError,
        TimeoutError,
        ConnectionRefusedError,
        RuntimeError,
        UnicodeError,
        AssertionError,
        OverflowError,
    ]
)
foreign = st.builds(
    lambda module, name, arguments, attributes: stand_in(f"{module}.{name}", *arguments, **attributes),
    st.sampled_from([*_READERS, "somewhere.else", "redis.exceptions"]),
    st.sampled_from(NAMES),
    st.lists(values, max_size=3),
    st.dictionaries(st.sampled_from(ATTRIBUTES), values, max_size=4),
)
plain = st.builds(lambda kind, arguments: kind(*arguments), builtin, st.lists(leaves, max_size=2))
own = st.builds(
    lambda kind, message: kind(message),
    st.sampled_from([exc.TimeoutError, exc.PendingRollbackError, exc.InvalidRequestError, exc.ArgumentError]),
    st.text(max_size=40)
    | st.just("Original exception was: (sqlite3.IntegrityError) UNIQUE constraint failed: a.b"),
)
wrappers = st.builds(
    lambda kind, orig, statement, lost: kind(statement, (), orig, connection_invalidated=lost),
    st.sampled_from([exc.DBAPIError, exc.IntegrityError, exc.OperationalError, exc.InterfaceError]),
    foreign | plain, st.none() | st.just("SELECT 1"), st.booleans(),
)  # fmt: skip
errors = st.lists(foreign | plain | own | wrappers, min_size=1, max_size=6)
links = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.integers(0, 5),
        st.sampled_from(["__cause__", "__context__", "__suppress_context__"]),
    ),
    max_size=12,
)


def _linked(nodes: list[BaseException], edges: list[tuple[int, int, str]], grouped: int) -> BaseException:
    for start, end, name in edges:
        one, other = nodes[start % len(nodes)], nodes[end % len(nodes)]
        setattr(one, name, bool(end % 2) if name == "__suppress_context__" else other)
    if grouped:
        return BaseExceptionGroup("several", nodes)
    return nodes[0]


def _sensible(answer: Classification) -> None:
    assert isinstance(answer, Classification)
    assert (answer.category, answer.kind) in PAIRS
    assert answer.evidence.partition(":")[0].partition(" ")[0] in {"code", "flag", "class", "text", "none"}, (
        answer.evidence
    )
    assert "classifying failed" not in answer.evidence, answer.evidence
    assert answer.summary
    assert answer.advice


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(errors, links, st.integers(0, 1))
def test_any_graph_of_exceptions_gets_a_sensible_answer(nodes: Any, edges: Any, grouped: int) -> None:
    _sensible(classify(_linked(nodes, edges, grouped)))


def test_a_chain_of_ten_thousand_ends() -> None:
    first: BaseException = ValueError(0)
    error = first
    for number in range(10_000):
        error.__context__ = ValueError(number)
        error = error.__context__

    assert classify(first).category is Category.UNKNOWN


def test_an_exception_whose_every_attribute_raises_is_unknown() -> None:
    class Hostile(Exception):
        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError(name)

        def __str__(self) -> str:
            raise RuntimeError

    Hostile.__module__ = "psycopg.errors"

    assert classify(Hostile()).category is Category.UNKNOWN


@pytest.mark.parametrize("value", [None, 1, "error", object()])
def test_what_is_no_exception_at_all_is_unknown(value: Any) -> None:
    assert classify(value).category is Category.UNKNOWN


def test_threads_get_the_same_answer() -> None:
    found: list[Classification] = []
    errors_ = [stand_in("psycopg.errors.UniqueViolation", "x", sqlstate="23505") for _ in range(200)]
    threads = [threading.Thread(target=lambda: found.extend(map(classify, errors_))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(found)) == 1
    assert len(found) == 800
