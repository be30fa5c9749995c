"""Forks, ends and deaths of processes: what was met is written, or counted as lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from diag.store._incidents import counted, met
from flask_diag.store import Store

if TYPE_CHECKING:
    from conftest import Database

MakeStore = Callable[..., Store]
SCRIPT = Path(__file__).with_name("_process.py")
WARNINGS = (
    "-W",
    "error",
    "-W",
    "ignore::DeprecationWarning",
)  # 3.12 warns of a fork beside threads: that is the test


@pytest.fixture
def url(database: Database) -> str:
    """The store's address."""
    return database.url.render_as_string(hide_password=False)


@contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a process of `_process.py`, until the test is over."""
    process = subprocess.Popen(
        [sys.executable, *WARNINGS, str(SCRIPT), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    """Return the next line of a process."""
    if process.stdout is None:
        raise RuntimeError("the process has no output")
    return process.stdout.readline().strip()


@pytest.mark.only("sqlite", "postgresql", "mariadb")
def test_a_process_that_ends_writes_what_waits(store: Store, url: str) -> None:
    """A script that ends at once loses nothing."""
    with running("end", url) as process:
        _, errors = process.communicate(timeout=60)

    assert (process.returncode, errors) == (0, "")
    assert counted(store) == 100


@pytest.mark.only("sqlite")
@pytest.mark.parametrize(("what", "code"), [("terminated", -signal.SIGTERM), ("handled", 7)])
def test_sigterm_writes_what_waits_and_ends_as_it_would(store: Store, url: str, what: str, code: int) -> None:
    """Without a handler the process dies of the signal; a handler of the host does what it did."""
    with running(what, url) as process:
        assert line(process) == "ready"
        process.terminate()
        _, errors = process.communicate(timeout=60)

    assert (process.returncode, errors) == (code, "")
    assert counted(store) == 100


@pytest.mark.only("sqlite")
def test_the_first_incidents_of_many_threads_are_all_written(make_store: MakeStore) -> None:
    """Each could be the one that begins."""
    for _ in range(10):
        store, barrier = make_store(), threading.Barrier(8)

        def meet(store: Store = store, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            store.intake(met())

        threads = [threading.Thread(target=meet) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.flush(30)
        assert store.intake.waiting == 0
    assert counted(store) == 80


@pytest.mark.only("sqlite", "postgresql", "mariadb")
def test_a_fork_writes_nothing_twice(store: Store, url: str) -> None:
    """What waits is the parent's; the child begins anew, on connections of its own."""
    with running("forking", url) as process:
        out, errors = process.communicate(timeout=60)

    assert (out.split(), errors) == (["child", "True", "ready", "0"], "")
    assert counted(store) == 30 + 5 + 7
    assert store.status().writers == 2


@pytest.mark.only("sqlite", "postgresql", "mariadb")
def test_what_a_killed_process_had_in_memory_is_counted(make_store: MakeStore, url: str) -> None:
    """The next process finds what the dead one had accepted; written and lost add up to it, exactly."""
    store = make_store()
    with running("stream", url) as process:
        told = 0
        while output := line(process):  # to the last line that it got out
            told = int(output)
            if told == 1_000:
                process.kill()
    lost: list[tuple[str, int]] = []
    heir = make_store(dropped=lambda reason, count: lost.append((reason, count)))

    heir.intake(met())
    heir.flush()
    status = heir.status()
    killed = counted(store) - 1 + status.lost
    assert told <= killed <= told + 100  # it was in the midst of the next hundred
    assert sum(count for reason, count in lost if reason == "killed") == status.lost
    assert status.written == counted(store)


@pytest.mark.only("postgresql")
def test_twenty_replicas_write_to_one_store_and_some_are_killed(make_store: MakeStore, url: str) -> None:
    """Counts are exact but for what was in the memory of the killed, and that is counted."""
    store, each, chance = make_store(), 1_000, random.Random(1)
    told: dict[int, int] = {}
    with running("swarm", url, "20", str(each)) as process:
        limits = {number: chance.randrange(200, 3_000) for number in range(0, 20, 2)}
        while output := line(process):  # until the last of them has ended
            number, pid, done = map(int, output.split())
            if number in limits and done >= limits[number]:
                os.kill(pid, signal.SIGKILL)
                limits.pop(number)
            told[number] = done

    store.intake(met())
    store.flush()
    status = store.status()
    victims = [count for number, count in told.items() if number % 2 == 0]
    ended = [count for number, count in told.items() if number % 2]
    accepted = status.written + status.lost - 1
    assert (len(victims), ended) == (10, [each] * 10)
    assert (
        sum(told.values()) <= accepted <= sum(told.values()) + 100 * len(victims)
    )  # each in its next hundred
    assert status.written == counted(store)
    assert status.dropped == 0
