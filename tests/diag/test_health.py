"""Liveness and readiness: what an orchestrator is told, and when it turns."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from diag._shop import Shop, body, make_shop
from flask_diag._probe import Probed
from flask_diag._tokens import new_token

if TYPE_CHECKING:
    from conftest import Database

pytestmark = pytest.mark.only("sqlite")
SECRET, TOKEN = new_token("sre", ["read"])


class Scripted:
    """A prober whose results the test writes: each asking finds a new one."""

    def __init__(self) -> None:
        self.ok, self.number = True, 0
        self.last: dict[str, Probed] = {}

    def recent(self, max_age: float, wait: float) -> dict[str, Probed]:
        """Return a result that is newer than the one before."""
        self.number += 1
        at = datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=self.number)
        self.last = {"default": Probed(ok=self.ok, seconds=0.1, at=at)}
        return dict(self.last)


@contextmanager
def away(database: Database, engine: Engine) -> Iterator[None]:
    """Put the database's file out of reach."""
    file = Path(str(database.url.database))
    engine.dispose()
    file.rename(file.with_suffix(".away"))
    file.mkdir()
    try:
        yield
    finally:
        file.rmdir()
        file.with_suffix(".away").rename(file)


def statuses(shop: Shop, scripted: Scripted, answers: str) -> str:
    """Ask once for each letter: ``+`` where the database answers, ``-`` where not; return the same of readyz."""
    told = []
    for one in answers:
        scripted.ok = one == "+"
        told.append("+" if shop.client.get("/diag/readyz").status_code == 200 else "-")
    return "".join(told)


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ("++++", "++++"),
        ("+--+--+", "+++++++"),
        ("+---", "+++-"),
        ("+----+-", "+++--++"),
        ("-----", "-----"),
        ("--+--", "--+++"),
    ],
)
def test_it_takes_three_failures_in_a_row_to_turn_and_one_answer_to_come_back(
    shop: Shop, answers: str, told: str
) -> None:
    """But before the first answer it is not ready at all."""
    scripted = Scripted()
    shop.app.extensions["diag"].prober = scripted

    assert statuses(shop, scripted, answers) == told


def test_one_result_counts_once_however_many_ask(shop: Shop) -> None:
    scripted = Scripted()
    shop.app.extensions["diag"].prober = scripted
    statuses(shop, scripted, "+-")
    same = dict(scripted.last)
    scripted.recent = lambda max_age, wait: same  # type: ignore[method-assign] # the same, while it is fresh

    assert {shop.client.get("/diag/readyz").status_code for _ in range(9)} == {200}


def test_the_number_of_failures_is_a_setting(filled: Engine) -> None:
    shop, scripted = make_shop(filled, config={"DIAG_READY_FAILURES": 1}), Scripted()
    shop.app.extensions["diag"].prober = scripted

    assert statuses(shop, scripted, "+-+") == "+-+"


@pytest.mark.only("sqlite", "postgresql")
def test_a_database_that_answers_makes_it_ready(shop: Shop) -> None:
    answer = shop.client.get("/diag/readyz")

    assert (answer.status_code, body(answer)) == (200, {"status": "ready"})
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_database_that_is_away_makes_it_not_ready_and_leaves_it_alive(
    filled: Engine, database: Database
) -> None:
    shop = make_shop(filled, config={"DIAG_READY_CACHE": 0.000001, "DIAG_READY_FAILURES": 1})
    assert shop.client.get("/diag/readyz").status_code == 200

    with away(database, filled):
        ready, alive = shop.client.get("/diag/readyz"), shop.client.get("/diag/livez")

    assert (ready.status_code, body(ready)) == (503, {"status": "not ready"})
    assert (alive.status_code, body(alive)) == (200, {"status": "ok"})
    assert shop.client.get("/diag/readyz").status_code == 200
    assert shop.met == []  # a probe is no error of the application's


def test_liveness_asks_no_database(filled: Engine) -> None:
    shop = make_shop(filled, authorize=lambda _: 1 / 0)
    taken: list[Any] = []
    event.listen(filled, "checkout", lambda *_: taken.append(1))

    assert shop.client.get("/diag/livez").status_code == 200
    assert taken == []


def test_a_silent_database_is_not_waited_for(filled: Engine) -> None:
    """The pool is empty and stays so: readiness answers in its time, from what it knows."""
    engine = create_engine(filled.url, pool_size=1, max_overflow=0, pool_timeout=30)
    shop = make_shop(engine, config={"DIAG_READY_TIMEOUT": 0.05, "DIAG_CHECK_TIMEOUT": 0.05})
    answered = threading.Event()
    told: list[int] = []

    def ask() -> None:
        told.append(shop.client.get("/diag/readyz").status_code)
        answered.set()

    with engine.connect():
        threading.Thread(target=ask).start()
        in_time = answered.wait(10)

    assert (in_time, told) == (True, [503])
    for thread in threading.enumerate():
        if thread.name == "flask-diag-probe":
            thread.join(10)
    engine.dispose()


def test_a_database_in_memory_that_is_in_use_is_ready() -> None:
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    shop = make_shop(engine)

    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (id INTEGER)")
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        status = shop.client.get("/diag/readyz").status_code

    assert status == 200
    engine.dispose()


@pytest.mark.parametrize("path", ["/diag/livez", "/diag/readyz", "/diag/readyz?details=1"])
def test_a_stranger_is_told_one_word(filled: Engine, path: str) -> None:
    for options in (
        {"authorize": None},
        {"authorize": lambda _: False},
        {"authorize": None, "tokens": [TOKEN.stored]},
    ):
        answer = make_shop(filled, **options).client.get(path)

        assert (answer.status_code, list(body(answer))) == (200, ["status"])


def test_details_are_for_those_who_may_read(filled: Engine) -> None:
    shop = make_shop(filled, authorize=None, tokens=[TOKEN.stored])

    told = body(shop.client.get("/diag/readyz?details=1", headers={"Authorization": f"Bearer {SECRET}"}))

    assert told["databases"]["default"]["ok"] is True
    assert told["databases"]["default"]["failures"] == 0


def test_only_who_asks_for_details_makes_the_application_say_who_it_is(filled: Engine) -> None:
    """It may need the database for that, which readiness must not wait for."""
    asked: list[str] = []

    def authorize(permission: str) -> bool:
        asked.append(permission)
        return False

    shop = make_shop(filled, authorize=authorize)

    shop.client.get("/diag/readyz")
    assert asked == []
    shop.client.get("/diag/readyz?details=1")
    assert asked == ["read"]


def test_only_the_binds_that_matter_make_it_ready(filled: Engine) -> None:
    binds = {"default": filled, "archive": create_engine("sqlite:////nowhere/at/all.sqlite")}
    every = make_shop(filled, db=binds)
    one = make_shop(filled, db=binds, config={"DIAG_READY_BINDS": ["default"]})

    assert every.client.get("/diag/readyz").status_code == 503
    assert one.client.get("/diag/readyz").status_code == 200


def test_a_bind_that_is_none_is_refused(filled: Engine) -> None:
    with pytest.raises(
        ValueError, match=r"DIAG_READY_BINDS names 'archive': the application's binds are default"
    ):
        make_shop(filled, config={"DIAG_READY_BINDS": ["archive"]})


def test_health_can_be_switched_off(filled: Engine) -> None:
    client = make_shop(filled, config={"DIAG_HEALTH": False}).client

    assert {client.get(f"/diag/{one}").status_code for one in ("livez", "readyz")} == {404}


def test_what_orchestrators_ask_is_no_request_of_users(shop: Shop) -> None:
    before = shop.registry.get_sample_value("diag_requests_total", {"outcome": "ok"})

    shop.client.get("/diag/livez")
    shop.client.get("/diag/readyz")

    assert shop.registry.get_sample_value("diag_requests_total", {"outcome": "ok"}) == before is not None
