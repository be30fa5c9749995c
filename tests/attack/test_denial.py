"""Nobody makes it slow or large: not by long texts, not by many labels, not by chains of errors, not by searches.

Refer also to: the bound on label values (test_prometheus), on visitors and searches (test_access), on verdicts at a
time (test_answers), on the store's queue (store/test_faults), on conditions of policies (test_policy_conditions).
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import exc

from diag_exporters._private_text import scrub_text
from diag_exporters._scrub import secrets_of
from diag_rules.errors import Category, classify, explain_line
from flask_diag._codes import meaning_of
from rules.errors._stand_ins import stand_in, wrapped

# what a pattern that goes back would read anew from each place, over and over
PUMPS = (
    "a.", "a-", "a+b://", "://:", "a://b:", "@", " ", "\n", "\n ", "\t", "DETAIL:  x\n", "[parameters: ", "[parameters: x] ", "[SQL: ", "[SQL: x] ",
    "Key (", "Key (a)=(", "Failing row contains (", "Duplicate entry '", "Incorrect x value: '", "invalid input syntax for x: ",
    "password=", "pwd={", "pwd='", "pwd='\\", 'pwd="', "\u00bb", "\u00ab", "\u00ab ", "\u201e", "\u201c", "\u300c", "'", '"', "`", "``", "`.`",
    "(`a`.`", "(`a`.`b`, CONSTRAINT `", "` FOREIGN KEY (`a`, ", "for column '", "failed: ", "[a] ", "[", "(1) (SQL", "ORA-00001: ", "12345 ", "Aa",
    "UNIQUE constraint failed: a.b, ", 'near "', "Original exception was: (", "FATAL:  x\n", "[Errno 1] ", "{'S': '",
)  # fmt: skip
LENGTH = 50_000  # characters; a pattern that goes back takes minutes for as many


QUOTES = (
    "\u00bb",
    "\u00ab",
    "\u00ab ",
    "\u201e",
    "\u201c",
    "\u300c",
    "'",
    '"',
    "`",
    "`.`",
    "[",
    "(`a`.`b`, CONSTRAINT `",
    "failed: ",
    "a",
    "\n",
)


def pumped(pumps: tuple[str, ...] = PUMPS, length: int = LENGTH) -> Iterator[str]:
    """Yield the long texts."""
    return ((pump * (length // len(pump) + 1))[:length] for pump in pumps)


def seconds(work: Callable[[], Any]) -> float:
    """Return the processor time that *work* takes of this thread: other work on the machine does not count.

    Nor does what a first time compiles, or a garbage collection of all that other tests have left: what is slow is slow again,
    so that *work* may be done twice.
    """
    spent = _once(work)
    return spent if spent < 0.1 else min(spent, _once(work))


def _once(work: Callable[[], Any]) -> float:
    gc.disable()
    try:
        started = time.thread_time()
        work()
        return time.thread_time() - started
    finally:
        gc.enable()


def test_no_text_makes_the_mask_slow() -> None:
    slow = {text[:30]: spent for text in pumped() if (spent := seconds(lambda: scrub_text(text))) > 1}  # noqa: B023 called at once

    assert slow == {}


def errors(text: str) -> Iterator[BaseException]:
    """Yield errors of many drivers whose message is *text*."""
    for state in ("22P02", "23505", "23503", "P0001", "57014", "08006", None):
        yield stand_in("psycopg.errors.Error", text, sqlstate=state)
    yield stand_in("psycopg2.OperationalError", text, pgcode=None)
    yield stand_in("pg8000.exceptions.DatabaseError", text)
    for number in (1062, 1451, 1366, 4025, 3819, 1048, 1644):
        yield stand_in("pymysql.err.DataError", number, text)
    for code in (1, 19, 2067, None):
        yield stand_in("sqlite3.IntegrityError", text, **({} if code is None else {"sqlite_errorcode": code}))
    yield stand_in("pyodbc.IntegrityError", "23000", text)
    yield stand_in("pymssql.exceptions.IntegrityError", 2627, text.encode())
    yield stand_in("oracledb.IntegrityError", f"ORA-00001: {text}")
    yield exc.PendingRollbackError(f"Original exception was: (psycopg.errors.X) {text}")
    yield AssertionError(text)
    yield OSError(text)


def test_no_message_makes_classifying_slow() -> None:
    """A message may quote what a stranger sent: invalid input syntax for type integer: "..."."""
    slow = {
        (text[:20], type(error).__module__, error.args[0] if isinstance(error.args[0], int) else ""): spent
        for text in pumped(QUOTES, 8000)
        for error in errors(text)
        if (spent := seconds(lambda: classify(error))) > 0.5  # noqa: B023 called at once
    }

    assert slow == {}


@pytest.mark.parametrize("ask", [explain_line, lambda text: meaning_of(text, "postgresql")])
def test_no_line_makes_the_question_slow_what_it_means(ask: Callable[[str], Any]) -> None:
    slow = {text[:30]: spent for text in pumped(QUOTES, 10_000) if (spent := seconds(lambda: ask(text))) > 2}  # noqa: B023 called at once

    assert slow == {}


def chained(length: int) -> BaseException:
    """Return an error whose causes and contexts, and those of its members, are very many."""
    root = first = wrapped(stand_in("sqlite3.IntegrityError", "x"))
    for number in range(length):
        group = BaseExceptionGroup("several", [ValueError(number), RuntimeError(number)])
        root.__cause__, root.__context__ = group, first
        group.__context__ = root = wrapped(stand_in("psycopg.errors.UniqueViolation", "x", sqlstate="23505"))
    return first


def test_a_chain_of_errors_without_end_is_read_in_no_time() -> None:
    error = chained(20_000)
    classify(ValueError())  # loads the tables

    assert seconds(lambda: classify(error)) < 1
    assert seconds(lambda: secrets_of(error)) < 1
    assert classify(error).category is Category.BUSINESS_RULE


def test_the_secrets_of_a_huge_insert_are_bounded() -> None:
    rows = [{"name": f"name {number}", "mail": [f"{number}@example.org"] * 50} for number in range(20_000)]
    error = exc.IntegrityError("INSERT", rows, Exception("x"))

    found: list[str] = []

    def read() -> None:
        found[:] = secrets_of(error)

    assert seconds(read) < 1
    assert 1000 <= len(found) <= 5000


def test_many_texts_of_one_error_share_one_memory(left_behind: Callable[[Callable[[], Any]], int]) -> None:
    """SQLite's texts are remembered, since few differ; a megabyte that somebody made up is not."""

    def read() -> None:
        for number in range(100):
            message = f'near "{number}{"x" * 100_000}": syntax error'
            classify(stand_in("sqlite3.OperationalError", message, sqlite_errorcode=1))

    assert left_behind(read) < 2_000_000
