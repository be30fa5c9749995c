"""Flask-diag itself broken: the application answers as ever and as fast, the loss is counted, and all recovers.

The store's own faults are in ``tests/diag/store/test_faults.py``; here an application is asked meanwhile.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sentry_sdk
from sqlalchemy import URL, Engine, text

from _servers import free_port
from diag._shop import body, fill, make_shop
from diag_exporters import Incident
from drills._hosts import Phase, Quartet, quartet
from flask_diag import _answer_page, _capture, _outage, _probe
from flask_diag.store import Store, _intake, _writer
from flask_diag.store import _database as store_database

if TYPE_CHECKING:
    from conftest import Database

ASKED = 12
WAIT, WORK = 0.1, 0.01  # seconds, as in test_drills.py


def break_a_rule(engine: Engine) -> object:
    """Do what is answered 409."""
    with engine.begin() as connection:
        return connection.execute(text("INSERT INTO things VALUES (1, 0)")).rowcount


@pytest.fixture
def url(tmp_path: Path) -> URL:
    """A database with one row."""
    path = tmp_path / "application.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, n INTEGER)")
        database.execute("INSERT INTO things VALUES (1, 0)")
        database.commit()
    return URL.create("sqlite", database=str(path))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The store's own folder."""
    made = tmp_path / "store"
    made.mkdir()
    return made


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store tries again soon, and waits for a lock no longer than that."""
    monkeypatch.setattr(_intake, "BACKOFF", (0.01,))
    monkeypatch.setattr(store_database, "CONNECT_SECONDS", 1)


def ask(four: Quartet) -> Phase:
    """Ask, and look that nobody noticed."""
    found = four.ask(ASKED, break_a_rule)
    assert set(found.statuses()) == {409}
    assert found.counted == {("business_rule", "unique_violation"): ASKED}
    assert found.slower <= WAIT + 3 * found.noise
    assert found.busier <= WORK + found.busy("bare") / 4
    return found


def kept(store: Store) -> int:
    """Return how many incidents are in the store."""
    return store.status().written


# the store


@contextmanager
def gone(place: Path) -> Iterator[None]:
    """Its folder is moved away, and a file stands there."""
    away = place.with_name("away")
    place.rename(away)
    place.write_text("in the way")
    yield
    place.unlink()
    away.rename(place)


@contextmanager
def locked(place: Path) -> Iterator[None]:
    """Somebody else writes, and does not end."""
    with contextlib.closing(sqlite3.connect(place / "store.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def full(place: Path) -> Iterator[None]:
    """No room is left on its disk."""
    with (place / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(b"\0" * 4096)
    yield
    (place / "filler").unlink()


@pytest.mark.parametrize("fault", [gone, locked])
def test_a_store_that_is_away_is_not_noticed_and_catches_up(
    fault: Callable[[Path], AbstractContextManager[None]], url: URL, place: Path
) -> None:
    with quartet(url, place) as four:
        ask(four)
        assert four.diag.store.flush(10)
        with fault(place):
            ask(four)
            four.diag.store.flush(3)
            ask(four)
        caught_up = four.diag.store.flush(20)
        found = kept(four.diag.store)

        assert caught_up
        assert (found, four.diag.dropped()) == (3 * ASKED, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: a small file system cannot be mounted")
def test_a_store_without_room_is_not_noticed_and_catches_up(url: URL, place: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", str(place)], check=True)
    try:
        with quartet(url, place) as four:
            ask(four)
            assert four.diag.store.flush(10)
            with full(place):
                ask(four)
                written = four.diag.store.flush(3)
                ask(four)
            caught_up = four.diag.store.flush(20)
            found = kept(four.diag.store)
            dropped = four.diag.dropped()
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)

    assert (written, caught_up) == (False, True)
    assert (found, dropped) == (3 * ASKED, 0)


def test_a_store_that_is_corrupt_is_not_noticed(url: URL, place: Path) -> None:
    """It was named, so it may be anybody's and is left alone: what comes waits."""
    with quartet(url, place) as four:
        ask(four)
        four.diag.store.flush(10)
        (place / "store.sqlite").write_bytes(b"this is no database, " * 1000)
        ask(four)
        written = four.diag.store.flush(3)
        ask(four)

        assert not written
        assert four.diag.store.queue_length + four.diag.dropped() == 2 * ASKED


@pytest.mark.parametrize("sort", ["refuses", "is silent"])
def test_a_store_whose_server_is_not_reached_is_not_noticed(url: URL, place: Path, sort: str) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        if sort == "is silent":
            listening.listen()
        port = listening.getsockname()[1] if sort == "is silent" else free_port()
        config = {"DIAG_STORE_URL": f"postgresql+psycopg://app@127.0.0.1:{port}/store"}
        with quartet(url, place, config=config) as four:
            ask(four)
            written = four.diag.store.flush(0.5)
            ask(four)

            assert not written
            assert four.diag.store.queue_length + four.diag.dropped() == 2 * ASKED


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_thread_that_is_killed_is_replaced_and_what_it_held_is_counted(
    url: URL, place: Path
) -> None:
    """Killed from outside, wherever it is: what ends a thread is no `Exception`."""
    with quartet(url, place) as four:
        ask(four)
        four.diag.store.flush(10)
        thread = four.diag.store.intake._thread
        assert thread is not None
        assert thread.ident is not None
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
        ask(four)  # wakes it, and it dies with what it took or before
        thread.join(10)
        ask(four)

        assert not thread.is_alive()
        assert four.diag.store.flush(10)
        assert kept(four.diag.store) + four.diag.dropped() == 3 * ASKED
        assert four.diag.dropped() <= 1, "what it had just taken out"


# who is told


class Broken:
    """An exporter of which nothing works."""

    name = "broken"

    def __call__(self, incident: Incident) -> None:
        """Raise."""
        raise RuntimeError(incident.app)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._fail

    def _fail(self, *_: object) -> None:
        raise RuntimeError("broken")


def test_every_exporter_that_raises_is_counted_and_nobody_notices(
    url: URL, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that ship, too: only what counts the failures is left."""
    with quartet(url, place, exporters=[Broken()]) as four:
        store = four.diag.store
        monkeypatch.setattr(store.intake, "_ready", Broken()._fail)
        ask(four)
        failures = four.diag.scrape()["diag_exporter_failures_total"]

    # an incident and the end of its request are told each
    assert failures[("exporter", "broken"),] == 2 * ASKED
    assert failures[("exporter", "store"),] == ASKED


@contextmanager
def sentry_server(sort: str) -> Iterator[str]:
    """Listen as a Sentry server that is well, slow, silent or not there; give its DSN."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if sort == "is slow":
                over.wait(20)
            self.send_response(200)
            with contextlib.suppress(OSError):  # who asked has gone
                self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the base class names it
            """Say nothing."""

    if sort == "refuses":
        yield f"http://public@127.0.0.1:{free_port()}/1"
        return
    if sort == "hangs":
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            yield f"http://public@127.0.0.1:{listening.getsockname()[1]}/1"
        return
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://public@127.0.0.1:{server.server_port}/1"
        finally:
            over.set()
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("sort", ["is slow", "refuses", "hangs"])
def test_a_sentry_server_that_does_not_answer_is_not_noticed(url: URL, place: Path, sort: str) -> None:
    """Defects always become events, which wait for the server while requests go on."""
    with sentry_server("is well") as well, sentry_server(sort) as ill, quartet(url, place) as four:
        with sentry_sdk_to(well):
            four.ask(2, defect)  # the first event loads much
            before = four.ask(ASKED, defect)
        with sentry_sdk_to(ill):
            found = four.ask(ASKED, defect)

    assert set(found.statuses()) == {500}
    assert [category for category, _ in found.counted.elements()] == ["defect"] * ASKED
    assert found.seconds("diag") <= 2 * before.seconds("diag") + WAIT
    assert found.busy("diag") <= 2 * before.busy("diag") + WORK


def defect(engine: Engine) -> object:
    """Ask for what is not there."""
    with engine.connect() as connection:
        return connection.execute(text("SELECT nothing FROM things")).scalar()


@contextmanager
def sentry_sdk_to(dsn: str) -> Iterator[None]:
    """Have the SDK send to *dsn* by its own transport."""
    sentry_sdk.init(dsn=dsn)
    try:
        yield
    finally:
        sentry_sdk.get_client().close(timeout=0)
        sentry_sdk.get_global_scope().set_client(None)


# what surrounds it


class Jumping(datetime):
    """A clock that somebody sets."""

    by = timedelta()

    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override] # arithmetic gives the base class, too
        """Return what the clock on the wall says."""
        return datetime.now(tz) + cls.by


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)], ids=["back", "forth"])
def test_a_clock_that_jumps_is_not_noticed_and_loses_no_incident(
    url: URL, place: Path, jump: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A probe is repeated in its time, too: readiness does not wait for the clock to come around."""
    for module in (_capture, _outage, _probe, _writer):
        monkeypatch.setattr(module, "datetime", Jumping)
    with quartet(url, place) as four:
        ask(four)
        four.diag.store.flush(10)
        first = four.diag.scrape()["diag_probe_timestamp_seconds"]
        monkeypatch.setattr(Jumping, "by", jump)
        ask(four)
        four.diag.store.flush(10)
        second = four.diag.scrape()["diag_probe_timestamp_seconds"]
        monkeypatch.setattr(Jumping, "by", timedelta())
        ask(four)

        assert four.diag.store.flush(10)
        assert kept(four.diag.store) + four.diag.dropped() == 3 * ASKED
    moved = [second[labels] - first[labels] for labels in first]
    assert moved == pytest.approx([jump.total_seconds()] * len(moved), abs=60)


def test_templates_that_are_missing_leave_an_answer(
    url: URL, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser is told the same as a program, with the same status."""
    with quartet(url, place) as four:
        four.work(break_a_rule)
        client, html = four.diag.app.test_client(), {"Accept": "text/html"}
        whole = client.get("/do", headers=html)
        for drawing in ("_environment", "render_template"):
            monkeypatch.setattr(_answer_page, drawing, Broken()._fail)
        bare = client.get("/do", headers=html)
        pages = client.get("/diag/", headers=html)

    assert (whole.status_code, whole.mimetype) == (409, "text/html")
    assert (bare.status_code, bare.mimetype) == (409, "application/problem+json")
    assert pages.status_code == 200


@pytest.mark.only("sqlite")
def test_a_policy_file_that_is_deleted_is_in_memory(database: Database, tmp_path: Path) -> None:
    """It was read at the start, so that a disk that fails later changes no answer."""
    file = tmp_path / "policy.toml"
    file.write_text('[[relation]]\nof = "Project.invitations"\nhint = "withdraw {count} invitations"\n')
    engine = database.engine()
    fill(engine)
    shop = make_shop(engine, policy=str(file))
    file.unlink()

    answer = shop.client.delete("/projects/sampleproject")

    assert answer.status_code == 409
    assert body(answer)["hints"] == ["withdraw 3 invitations"]


def test_ten_thousand_incidents_in_a_second_are_written_or_counted_as_lost(url: URL, place: Path) -> None:
    """More than its queue holds come at once, from four threads: memory is bounded, and the sum is exact."""
    with quartet(url, place, config={"DIAG_STORE_QUEUE": 2_000}) as four:
        store, each = four.diag.store, 2_500
        four.ask(1, break_a_rule)
        state = four.diag.app.extensions["diag"]
        one = state.recent[-1]

        def flood() -> None:
            for _ in range(each):
                store.intake(one)

        began = time.perf_counter()
        threads = [threading.Thread(target=flood) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.perf_counter() - began
        assert store.flush(30)

        assert kept(store) + four.diag.dropped() == 4 * each + 1
        assert took < 10
