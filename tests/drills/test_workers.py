"""Workers of every sort under load, killed and reloaded: counters never go backwards and never double.

Pre-fork, preload, max-requests and a kill between requests are in ``tests/diag/test_gunicorn.py``; forks and kills of a
process that writes to the store are in ``tests/diag/store/test_processes.py``.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from _gunicorn import Gunicorn, until
from diag.store._incidents import met
from diag_exporters._catalogue import DB_ERRORS, INCIDENTS_DROPPED, Metric
from diag_exporters.workers import worker_registry
from flask_diag.store import Store

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="gunicorn does not run there")
APP = Path(__file__).with_name("_served.py")
PEOPLE = 4
PAUSE = 0.03  # seconds between two requests of one of them


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Gunicorn]]:
    """Start gunicorn; it ends with the test."""
    running: list[Gunicorn] = []

    def start(*options: str) -> Gunicorn:
        places = {
            "APP_STORE": str(tmp_path / "store.sqlite"),
            "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"),
        }
        running.append(Gunicorn(tmp_path, APP, *options, **places))
        return running[-1]

    yield start
    for server in running:
        server.stop()


class People:
    """Who ask for what breaks a rule, all the time.

    Attributes:
        answered: how many were answered with a broken rule.
        cut: how many were not answered, or only by gunicorn.
    """

    def __init__(self, server: Gunicorn) -> None:
        self._server, self._over, self._news = server, threading.Event(), threading.Condition()
        self.answered = self.cut = 0

    def ask(self) -> None:
        """Ask until it is over."""
        while not self._over.wait(PAUSE):
            told = False
            with suppress(OSError, HTTPException):  # the worker was killed while it answered
                told = "business_rule" in self._server.get("/broken")
            with self._news:
                self.answered += told
                self.cut += not told
                self._news.notify_all()

    def wait_for(self, count: int) -> None:
        """Wait until so many more were answered; raises TimeoutError after a minute."""
        with self._news:
            wanted = self.answered + count
            if not self._news.wait_for(lambda: self.answered >= wanted, 60):
                raise TimeoutError(f"{count} answers did not come; {self.answered} of {wanted}")

    @contextmanager
    def about(self) -> Iterator[None]:
        """Let `PEOPLE` of them ask during the block."""
        threads = [threading.Thread(target=self.ask) for _ in range(PEOPLE)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()


@contextmanager
def watched(server: Gunicorn) -> Iterator[list[float]]:
    """Scrape all the time during the block; give what was counted, scrape by scrape."""
    over, seen = threading.Event(), list[float]()

    def scrape() -> None:
        while not over.wait(0.1):
            try:
                value = server.broken()
            except (OSError, HTTPException):  # the scrape's own worker was killed
                continue
            if value is not None:
                seen.append(value)

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the incidents, once nobody writes any more.

    Attributes:
        counted: by the workers' counters, errors of any sort.
        kept: by the store.
        lost: told as lost, by the workers and by the next process of the same store.
    """

    counted: int
    kept: int
    lost: int


def kept_in(home: Path) -> int:
    """Return how many incidents the store has; none before its first."""
    with (
        suppress(sqlite3.OperationalError),  # it is not there yet, or has no tables
        closing(sqlite3.connect(f"file:{home / 'store.sqlite'}?mode=ro", uri=True)) as store,
    ):
        (found,) = store.execute("SELECT coalesce(sum(total), 0) FROM diag_incident").fetchone()
        return int(found)
    return 0


def account(home: Path) -> Account:
    """Read the files of a server that has ended, and count what its workers had in memory when they did."""
    figures = worker_registry(home / "metrics")
    lost = [total(figures, INCIDENTS_DROPPED)]
    kept = kept_in(home)
    heir = Store(
        f"sqlite:///{home / 'store.sqlite'}", "served", drain=0, dropped=lambda _, count: lost.append(count)
    )
    heir.intake(met())  # with a first one of its own it looks for what the dead have left
    assert heir.flush(60)
    heir.close()
    return Account(total(figures, DB_ERRORS), kept, sum(lost))


def total(figures: CollectorRegistry, metric: Metric) -> int:
    """Return the sum over all series of *metric*."""
    samples = (sample for family in figures.collect() for sample in family.samples)
    return int(sum(sample.value for sample in samples if sample.name == metric.name))


SORTS = [
    pytest.param(("-k", "gthread", "-w", "2", "--threads", "4"), id="gthread"),
    pytest.param(("-k", "gevent", "-w", "2"), id="gevent"),
    pytest.param(("-k", "gevent", "-w", "2", "--preload"), id="gevent, preload"),
    pytest.param(("-k", "gthread", "-w", "2", "--threads", "4", "--preload"), id="gthread, preload"),
]


@pytest.mark.slow
@pytest.mark.parametrize("options", SORTS)
@pytest.mark.parametrize("event", ["killed", "reloaded", "max-requests"])
def test_counts_are_exact_and_grow_only(
    serve: Callable[..., Gunicorn], options: tuple[str, ...], event: str, tmp_path: Path
) -> None:
    """Whoever was answered is counted, once; a request whose worker was killed may be."""
    more = ("--max-requests", "20", "--max-requests-jitter", "5") if event == "max-requests" else ()
    server = serve(*options, *more)
    until(lambda: len(server.workers()) == 2, server)
    people = People(server)

    with watched(server) as seen, people.about():
        for _ in range(2):
            people.wait_for(20)
            old = server.workers()
            if event == "killed":
                for pid in old:
                    os.kill(pid, signal.SIGKILL)
                until(lambda gone=old: len(server.workers() - gone) == 2, server)  # type: ignore[misc]
            elif event == "reloaded":
                server.process.send_signal(signal.SIGHUP)
                until(lambda gone=old: not server.workers() & gone, server)  # type: ignore[misc]
        people.wait_for(20)
    until(lambda: (server.broken() or 0) >= people.answered, server)
    server.stop()
    found = account(tmp_path)

    assert seen == sorted(seen), "a counter went backwards"
    assert people.answered <= found.counted <= people.answered + people.cut
    assert people.answered >= 60
    assert found.kept > 0
    known = found.kept + found.lost
    if event == "killed":  # between its counter and the store's, in a request that was cut
        assert known <= found.counted <= known + people.cut, found
    else:
        assert known == found.counted, found


@pytest.mark.slow
@pytest.mark.parametrize("options", SORTS)
def test_what_workers_could_not_write_when_they_ended_is_told_once(
    serve: Callable[..., Gunicorn], options: tuple[str, ...], tmp_path: Path
) -> None:
    """They say so as they end, after the last scrape, and whoever comes next does not say it again."""
    server = serve(*options)
    until(lambda: len(server.workers()) == 2, server)
    people = People(server)
    with people.about():
        people.wait_for(20)
        until(lambda: kept_in(tmp_path) > 0, server)
        with closing(sqlite3.connect(tmp_path / "store.sqlite", timeout=60, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            people.wait_for(20)
            before = total(worker_registry(tmp_path / "metrics"), INCIDENTS_DROPPED)
            server.stop()
            during = total(worker_registry(tmp_path / "metrics"), INCIDENTS_DROPPED)
    found = account(tmp_path)

    assert (before, found.lost) == (0, during)
    assert found.lost >= 20
    assert found.kept + found.lost == found.counted
