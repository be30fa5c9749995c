"""Calls on other threads, which are kept for the next."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from contextvars import ContextVar

import pytest

from _threads import finish_late_questions
from flask_diag import _aside
from flask_diag._aside import aside

LONG = 10.0  # seconds
_said: ContextVar[str] = ContextVar("said", default="nothing")


def over() -> None:
    """Nobody counts."""


def test_a_thread_that_is_done_makes_the_next_call() -> None:
    finish_late_questions()
    first = aside(threading.get_ident, over)
    assert first.within(LONG)
    wait_for_idle()

    second = aside(threading.get_ident, over)

    assert second.within(LONG)
    assert first.answer() == second.answer() != threading.get_ident()


def test_calls_at_once_are_on_threads_of_their_own() -> None:
    both = threading.Barrier(2)
    calls = [aside(lambda: both.wait(LONG), over) for _ in range(2)]

    assert [call.within(LONG) for call in calls] == [True, True]


def test_a_call_finds_neither_the_callers_context_nor_that_of_the_call_before() -> None:
    _said.set("the caller")
    first = aside(lambda: (_said.get(), _said.set("the call before")), over)
    assert first.within(LONG)
    wait_for_idle()

    second = aside(_said.get, over)

    assert second.within(LONG)
    assert (first.answer()[0], second.answer()) == ("nothing", "nothing")


def test_what_is_raised_is_raised_where_the_answer_is_asked_for() -> None:
    found = aside(lambda: 1 / 0, over)

    assert found.within(LONG)
    with pytest.raises(ZeroDivisionError):
        found.answer()


def test_one_that_takes_too_long_is_not_waited_for_and_tells_all_the_same_when_it_is_over() -> None:
    goes_on, ended = threading.Event(), threading.Event()

    found = aside(lambda: goes_on.wait(LONG), ended.set)

    assert not found.within(0)
    goes_on.set()
    assert ended.wait(LONG)


def test_a_thread_that_waits_holds_nothing_of_its_last_call() -> None:
    class Rows: ...

    rows = Rows()
    kept = weakref.ref(rows)
    found = aside(lambda rows=rows: type(rows), over)  # type: ignore[misc] # a default
    assert found.within(LONG)
    wait_for_idle()

    del rows, found
    gc.collect()

    assert kept() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_the_child_of_a_fork_starts_threads_of_its_own() -> None:
    assert aside(int, over).within(LONG)
    wait_for_idle()
    child = os.fork()
    if child == 0:
        os._exit(0 if aside(int, over).within(LONG) else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def wait_for_idle() -> None:
    """Wait until the thread that has answered waits for the next call."""
    until = threading.Event()
    while not _aside._idle:
        until.wait(0.001)
