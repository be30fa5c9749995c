"""The pools and the probes: read when somebody looks, right for several engines, and never in the way."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import Engine, NullPool, StaticPool, create_engine, event, text

from diag._shop import Shop, fill, make_shop, view
from diag_exporters.prometheus import prometheus
from flask_diag import Diagnostics
from flask_diag._pool import Sampler, read_pool

if TYPE_CHECKING:
    from conftest import Database

pytestmark = pytest.mark.only("sqlite")


@pytest.fixture
def small(database: Database) -> Engine:
    """A pool of one connection and one more."""
    engine = database.engine(pool_size=1, max_overflow=1, pool_timeout=5)
    fill(engine)
    return engine


def value(registry: CollectorRegistry, name: str, bind: str = "default", app: str = "shop") -> float | None:
    return registry.get_sample_value(name, {"app": app, "bind": bind})


def test_a_pool_is_read_at_the_scrape(small: Engine) -> None:
    shop = make_shop(small, config={"DIAG_PROBE_INTERVAL": None})

    with small.connect(), small.connect():
        busy = [
            value(shop.registry, f"diag_pool_{name}")
            for name in ("size", "limit", "in_use", "overflow", "waiting")
        ]
    idle = value(shop.registry, "diag_pool_in_use")

    assert busy == [1, 2, 2, 1, 0]
    assert idle == 0


def test_threads_that_wait_for_a_connection_are_counted(small: Engine) -> None:
    shop = make_shop(small, config={"DIAG_PROBE_INTERVAL": None})
    with small.connect(), small.connect() as second:
        thread = threading.Thread(target=lambda: small.connect().close())
        thread.start()
        waiting = value(shop.registry, "diag_pool_waiting")
        while waiting == 0 and thread.is_alive():
            waiting = value(shop.registry, "diag_pool_waiting")
        second.close()
        thread.join(10)

    assert waiting == 1


def test_a_timeout_of_the_pool_is_counted_for_its_bind(database: Database) -> None:
    main, archive = database.engine(), database.engine(pool_size=1, max_overflow=0, pool_timeout=0.01)
    fill(main)
    shop = make_shop(main, db={"default": main, "archive": archive}, config={"DIAG_PROBE_INTERVAL": None})

    @view(shop)
    def exhaust() -> str:
        with archive.connect(), archive.connect():
            return "not reached"

    assert shop.client.get("/view").status_code == 503
    assert value(shop.registry, "diag_pool_timeouts_total", "archive") == 1
    assert value(shop.registry, "diag_pool_timeouts_total", "default") == 0


def test_a_pool_without_a_limit_has_no_figures(database: Database) -> None:
    engine = database.engine(poolclass=NullPool)

    assert read_pool(engine.pool) is None
    unlimited = read_pool(database.engine(max_overflow=-1).pool)
    assert unlimited is not None
    assert unlimited.limit is None


def test_pools_of_two_applications_of_one_name_add_up_and_go_with_them(database: Database) -> None:
    """An application factory that is called twice."""
    registry = CollectorRegistry()

    def factory(engine: Engine) -> Flask:
        app = Flask("shop")
        app.config["DIAG_PROBE_INTERVAL"] = None
        Diagnostics(app, engine, exporters=[prometheus(registry)])
        return app

    apps = [factory(database.engine(pool_size=2)), factory(database.engine(pool_size=3))]

    assert value(registry, "diag_pool_size") == 5
    assert generate_latest(registry).count(b'diag_pool_size{app="shop",bind="default"}') == len(apps[:1])


def test_one_engine_under_two_applications_counts_for_each(database: Database) -> None:
    registry, engine = CollectorRegistry(), database.engine(pool_size=2)
    for name in ("one", "two"):
        app = Flask(name)
        app.config["DIAG_PROBE_INTERVAL"] = None
        Diagnostics(app, engine, exporters=[prometheus(registry)])

        assert value(registry, "diag_pool_size", app=name) == 2


def test_a_scrape_tells_whether_the_database_answers(shop: Shop) -> None:
    assert value(shop.registry, "diag_probe_success") == 1
    assert 0 < (value(shop.registry, "diag_probe_duration_seconds") or 0) < 5
    assert (value(shop.registry, "diag_probe_timestamp_seconds") or 0) > 1.7e9


def test_a_probe_is_not_repeated_within_its_interval(shop: Shop) -> None:
    first = value(shop.registry, "diag_probe_timestamp_seconds")

    assert value(shop.registry, "diag_probe_timestamp_seconds") == first


def test_a_database_that_is_away_fails_the_probe_and_counts_no_error_of_the_application() -> None:
    engine = create_engine("sqlite:////nowhere/at/all.sqlite")
    registry, app = CollectorRegistry(), Flask("shop")
    Diagnostics(app, engine, exporters=[prometheus(registry)])

    assert value(registry, "diag_probe_success") == 0
    labels = {"category": "outage", "kind": "cannot_open_database"}
    assert registry.get_sample_value("diag_db_errors_total", labels) == 0


def test_a_scrape_does_not_wait_for_a_silent_server(database: Database) -> None:
    engine, release, asked = database.engine(), threading.Event(), []

    @event.listens_for(engine, "do_connect")
    def silent(*_: object) -> None:
        asked.append(1)
        release.wait(30)

    registry, app = CollectorRegistry(), Flask("shop")
    app.config["DIAG_PROBE_INTERVAL"] = 0.001
    Diagnostics(app, engine, exporters=[prometheus(registry)])

    answers = [value(registry, "diag_probe_success") for _ in range(2)]
    threads = [thread for thread in threading.enumerate() if thread.name == "flask-diag-probe"]
    release.set()
    for thread in threads:
        thread.join(10)

    assert answers == [0, 0]
    assert len(asked) == 1, "a second probe was started while the first one hangs"


def test_a_connection_in_memory_that_the_application_uses_is_left_alone() -> None:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    registry, app = CollectorRegistry(), Flask("shop")
    Diagnostics(app, engine, exporters=[prometheus(registry)])
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE t (n)"))
        connection.execute(text("INSERT INTO t VALUES (1)"))

        probed = value(registry, "diag_probe_success")
        kept = connection.execute(text("SELECT count(*) FROM t")).scalar()
    engine.dispose()

    assert (probed, kept) == (None, 1)


def test_the_sampler_works_until_it_is_stopped() -> None:
    metrics, turns, enough = prometheus(CollectorRegistry()).metrics, [], threading.Event()

    def work(_metrics: object) -> None:
        turns.append(threading.current_thread())
        if len(turns) == 3:
            enough.set()

    sampler = Sampler(metrics, work, every=0.001)
    sampler.start()
    sampler.start()
    assert enough.wait(10)
    sampler.stop()
    turns[0].join(10)

    assert len(set(turns)) == 1
    assert not turns[0].is_alive()


def test_a_pool_gets_nothing_for_what_comes_back(database: Database) -> None:
    """The promise of no cost: nothing is registered for check-ins and resets; other plugins may be on the class."""
    engine = database.engine()
    fill(engine)
    before = {name: list(getattr(engine.pool.dispatch, name)) for name in ("checkin", "reset")}

    make_shop(engine)

    assert {name: list(getattr(engine.pool.dispatch, name)) for name in before} == before
