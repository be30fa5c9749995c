"""Is it down? From the first error to the first contact, without a restart."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine

from _threads import finish_late_questions
from diag._shop import Shop, fill, make_shop, view
from diag_rules.errors import Category, Classification, Kind, Phase
from flask_diag._outage import SETTLE, Outage

if TYPE_CHECKING:
    from _servers import Server, Servers

REFUSED = Classification(category=Category.OUTAGE, kind=Kind.CONNECTION_REFUSED, phase=Phase.CONNECT)
FULL = Classification(category=Category.OUTAGE, kind=Kind.DISK_FULL, phase=Phase.EXECUTE)
NO_SLOT = Classification(category=Category.OUTAGE, kind=Kind.POOL_TIMEOUT, phase=Phase.CHECKOUT)


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def outage(now: list[float]) -> Outage:
    return Outage(clock=lambda: now[0])


def test_a_connection_ends_an_outage_of_connecting(outage: Outage) -> None:
    outage.met(REFUSED, lost=False)
    since = outage.since

    assert outage.handed_out() is None  # an old connection that the pool hands out proves nothing
    assert outage.active
    assert outage.connected() == since
    assert (outage.active, outage.since, outage.count) == (False, None, 0)
    assert isinstance(outage.last_over, datetime)


def test_a_lost_connection_is_over_when_another_is_opened(outage: Outage) -> None:
    outage.met(Classification(category=Category.OUTAGE, kind=Kind.ADMIN_SHUTDOWN), lost=True)

    assert outage.handed_out() is None
    assert outage.connected() is not None


def test_a_full_disk_is_over_only_after_a_quiet_minute(outage: Outage, now: list[float]) -> None:
    """Connections are handed out all the while; that says nothing about the disk."""
    outage.met(FULL, lost=False)
    now[0] = SETTLE - 1
    assert outage.connected() is None
    assert outage.handed_out() is None
    outage.met(FULL, lost=False)
    now[0] += SETTLE

    assert outage.count == 2
    assert outage.handed_out() is not None


def test_a_probe_that_is_answered_ends_an_outage_and_its_connection_alone_does_not(outage: Outage) -> None:
    outage.met(REFUSED, lost=True)

    assert outage.connected(ours=True) is None
    assert outage.answered() is not None


def test_connections_that_are_lost_as_soon_as_they_are_opened_end_nothing(
    outage: Outage, now: list[float]
) -> None:
    """Behind a pooler whose server is gone the outage flickers once, and stays until something is answered."""
    lost = Classification(category=Category.OUTAGE, kind=Kind.PROTOCOL_VIOLATION, phase=Phase.EXECUTE)
    outage.met(lost, lost=True)
    assert outage.connected() is not None
    now[0] += 1
    outage.met(lost, lost=True)

    assert outage.connected() is None
    assert outage.answered() is not None
    now[0] += SETTLE
    outage.met(lost, lost=True)
    assert outage.connected() is not None


def test_an_exhausted_pool_is_over_when_it_hands_out_again(outage: Outage) -> None:
    outage.met(NO_SLOT, lost=False)

    assert outage.handed_out() is not None
    assert outage.handed_out() is None


def ask(shop: Shop) -> tuple[int, float | None]:
    """Return the status of a request that needs the database, and the gauge after it."""
    return shop.client.get("/view").status_code, shop.outage


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest, servers: Servers) -> Server:
    chosen = request.config.getoption("--db")
    if chosen and request.param not in chosen:
        pytest.skip(f"--db leaves {request.param} out")
    return servers.start_private(request.param)


def test_a_server_that_is_killed_and_comes_back(server: Server) -> None:
    """Pooled connections are lost, new ones refused; the first request after the restart is served."""
    server.create_database("shop")
    engine = create_engine(server.url(database="shop"), pool_pre_ping=True)
    fill(engine)
    shop = make_shop(engine)

    @view(shop)
    def reads() -> str:
        with engine.connect() as connection:
            return str(connection.exec_driver_sql("SELECT 1").scalar())

    seen = [ask(shop)]
    server.kill()
    seen += [ask(shop), ask(shop)]
    down = shop.client.get("/diag/")
    page = shop.client.get("/diag/projects/sampleproject")
    counted = sum(incident.classification.category is Category.OUTAGE for incident in shop.met)
    server.start()
    seen += [ask(shop)]
    up = shop.client.get("/diag/")
    finish_late_questions()
    engine.dispose()

    assert seen == [(200, 0), (503, 1), (503, 1), (200, 0)]
    assert counted == 2  # each request once: a ping that failed is not an error of its own
    assert "The database is down" in down.text
    assert (page.status_code, "The database is down" in page.text) == (200, True)
    assert "The database answers" in up.text


def test_a_server_that_keeps_silent_does_not_keep_the_pages(server: Server) -> None:
    server.create_database("shop")
    engine = create_engine(server.url(database="shop"))
    fill(engine)
    shop = make_shop(engine, config={"DIAG_CHECK_TIMEOUT": 0.3})
    shop.client.get("/diag/")

    server.pause()
    try:
        page, metrics = shop.client.get("/diag/"), shop.client.get("/metrics")
    finally:
        server.resume()
    finish_late_questions()
    engine.dispose()

    assert "no answer in time" in page.text
    assert metrics.status_code == 200
