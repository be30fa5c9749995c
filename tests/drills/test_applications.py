"""Applications that swallow, rewrite or repeat errors: an outage is seen all the same, and counted as one."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, abort
from flask_sqlalchemy import SQLAlchemy
from prometheus_client import CollectorRegistry
from sqlalchemy import URL, Engine, NullPool, create_engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import Session

from _servers import free_port
from diag_exporters import Incident
from diag_exporters.prometheus import prometheus
from drills._hosts import scraped
from drills._pages import alerts
from flask_diag import Diagnostics

if TYPE_CHECKING:
    from conftest import Database


@dataclass
class Seen:
    """An application with diagnostics, and what these have seen."""

    app: Flask
    registry: CollectorRegistry
    met: list[Incident]

    def ask(self) -> int:
        """Send a request and return its status."""
        return self.app.test_client().get("/do").status_code

    def requests(self, outcome: str) -> float:
        """Return how many requests had that outcome."""
        return self.registry.get_sample_value("diag_requests_total", {"outcome": outcome}) or 0

    def errors(self) -> list[tuple[str, str]]:
        """Return the categories and binds of what was met."""
        return [(one.classification.category.value, one.bind) for one in self.met]


def watched(db: Any, view: Callable[[], Any], app: Flask | None = None) -> Seen:
    """Return an application on *db* whose one route is *view*."""
    app, registry, met = app or Flask("application"), CollectorRegistry(), list[Incident]()
    app.add_url_rule("/do", "do", view)
    Diagnostics(app, db, exporters=[prometheus(registry), met.append], authorize=lambda _: True)
    return Seen(app, registry, met)


@pytest.fixture(params=["postgresql+psycopg", "postgresql+psycopg2", "mysql+pymysql"])
def nobody(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine whose server is not there."""
    address = URL.create(request.param, "app", host="127.0.0.1", port=free_port(), database="shop")
    engine = create_engine(address)
    yield engine
    engine.dispose()


def ask_for_one(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(connection.execute(text("SELECT 1")).scalar())


class OwnError(Exception):
    """What an application makes of a database error."""


def swallows(engine: Engine) -> Any:
    try:
        return ask_for_one(engine)
    except SQLAlchemyError:
        return "bad request", 400


def says_nothing(engine: Engine) -> Any:
    with contextlib.suppress(Exception):
        return ask_for_one(engine)
    return "all is well"


def rewrites(engine: Engine) -> Any:
    try:
        return ask_for_one(engine)
    except SQLAlchemyError as error:
        raise OwnError("try later") from error


def rewrites_without_a_trace(engine: Engine) -> Any:
    try:
        return ask_for_one(engine)
    except SQLAlchemyError:
        raise OwnError("try later") from None


def aborts(engine: Engine) -> Any:
    try:
        return ask_for_one(engine)
    except SQLAlchemyError:
        abort(502)


def nests(engine: Engine) -> Any:
    with Session(engine) as session:
        try:
            with session.begin_nested():
                session.execute(text("SELECT 1"))
        except SQLAlchemyError:
            session.execute(text("SELECT 1"))  # a second error: the application asked twice
    return "not reached"


@pytest.mark.parametrize(
    ("view", "status", "outcome"),
    [
        (swallows, 400, "ok"),
        (says_nothing, 200, "ok"),
        (rewrites, 503, "outage"),
        (rewrites_without_a_trace, 500, "outage"),
        (aborts, 502, "outage"),
    ],
)
def test_an_outage_that_the_application_hides_is_seen_once(
    nobody: Engine, view: Callable[[Engine], Any], status: int, outcome: str
) -> None:
    seen = watched(nobody, lambda: view(nobody))

    answered = seen.ask()

    assert (answered, seen.errors()) == (status, [("outage", "default")])
    assert seen.requests(outcome) == 1
    assert seen.registry.get_sample_value("diag_outage_active") == 1


@pytest.mark.parametrize("before", [True, False], ids=["listener first", "diagnostics first"])
@pytest.mark.parametrize("style", ["the driver's exception", "an exception of its own", "retval"])
def test_an_outage_whose_exception_a_listener_replaces_is_seen_once(
    nobody: Engine, style: str, *, before: bool
) -> None:
    """Warehouse raises the driver's exception from its ``handle_error``."""

    def replace(context: ExceptionContext) -> BaseException | None:
        if style == "retval":
            return OwnError("replaced")
        if style == "an exception of its own":
            raise OwnError("replaced") from context.original_exception
        raise context.original_exception

    def listen() -> None:
        event.listen(nobody, "handle_error", replace, retval=True)

    if before:
        listen()
    seen = watched(nobody, lambda: ask_for_one(nobody))
    if not before:
        listen()

    answered = seen.ask()

    assert (answered, seen.errors()) == (503, [("outage", "default")])


def test_an_application_with_a_handler_for_everything_keeps_its_answer(nobody: Engine) -> None:
    app = Flask("application")
    app.register_error_handler(Exception, lambda _: ("I am a teapot", 418))
    seen = watched(nobody, lambda: ask_for_one(nobody), app)

    answered = seen.ask()

    assert (answered, seen.errors()) == (418, [("outage", "default")])


def test_a_retry_meets_one_outage_and_is_one_request(nobody: Engine) -> None:
    """Each attempt is an error of the database, as its log has it; the outage and the request are one."""

    def again(function: Callable[[], str]) -> Callable[[], str]:
        @functools.wraps(function)
        def attempt() -> str:
            for _ in range(2):
                with contextlib.suppress(SQLAlchemyError):
                    return function()
            return function()

        return attempt

    seen = watched(nobody, again(lambda: ask_for_one(nobody)))

    answered = seen.ask()

    assert (answered, seen.errors()) == (503, [("outage", "default")] * 3)
    assert len({one.outage_id for one in seen.met}) == 1
    assert seen.requests("outage") == 1


def test_a_savepoint_that_meets_an_outage_is_one_error_an_attempt(nobody: Engine) -> None:
    seen = watched(nobody, lambda: nests(nobody))

    answered = seen.ask()

    assert (answered, seen.errors()) == (503, [("outage", "default")] * 2)
    assert seen.requests("outage") == 1


@pytest.mark.only("sqlite", "postgresql", "mariadb")
def test_errors_as_control_flow_are_what_they_are_and_alarm_nobody(
    database: Database, tmp_path: Path
) -> None:
    """Insert; on a unique violation, update: of 60 requests 59 break a rule and all succeed."""
    engine = database.engine()
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE visits (id INTEGER PRIMARY KEY, n INTEGER)"))

    def upsert() -> str:
        with Session(engine) as session, session.begin():
            try:
                with session.begin_nested():
                    session.execute(text("INSERT INTO visits VALUES (1, 1)"))
            except IntegrityError:
                session.execute(text("UPDATE visits SET n = n + 1"))
        return "welcome"

    seen = watched(engine, upsert)
    before = scraped(seen.registry)

    statuses = {seen.ask() for _ in range(60)}

    after = scraped(seen.registry)
    assert statuses == {200}
    assert seen.errors() == [("business_rule", "default")] * 59
    assert seen.requests("ok") == 60
    assert seen.registry.get_sample_value("diag_outage_active") == 0
    assert alerts(before, after, after, 60, tmp_path) == set()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT n FROM visits")).scalar() == 60


@pytest.mark.parametrize("quiet", [True, False], ids=["swallowed", "not handled"])
def test_flask_sqlalchemy_with_two_binds_of_which_one_is_out(tmp_path: Path, *, quiet: bool) -> None:
    """The other serves on; only a connection to the one that is out ends the outage."""
    app = Flask("application")
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/here.sqlite"
    app.config["SQLALCHEMY_BINDS"] = {"away": f"postgresql+psycopg://app@127.0.0.1:{free_port()}/shop"}
    db = SQLAlchemy(app)

    def both() -> Any:
        here = db.session.execute(text("SELECT 1")).scalar()
        try:
            db.session.execute(text("SELECT 1"), bind_arguments={"bind": db.engines["away"]})
        except SQLAlchemyError:
            if not quiet:
                raise
            return f"{here} of 2", 400
        return "not reached"

    seen = watched(db, both, app)

    answered = [seen.ask(), seen.ask()]
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()

    assert answered == [400 if quiet else 503] * 2
    assert seen.errors() == [("outage", "away")] * 2
    outages = app.extensions["diag"].outages
    assert {bind: one.active for bind, one in outages.items()} == {"default": False, "away": True}


ASYNC_DRIVERS = ("postgresql+asyncpg", "postgresql+psycopg", "mysql+aiomysql", "mysql+asyncmy")


@pytest.fixture(params=ASYNC_DRIVERS)
def absent_async(request: pytest.FixtureRequest) -> AsyncEngine:
    """An engine for async views whose server is not there."""
    address = URL.create(request.param, "app", host="127.0.0.1", port=free_port(), database="shop")
    return create_async_engine(address, poolclass=NullPool)


@pytest.mark.parametrize("quiet", [True, False], ids=["swallowed", "not handled"])
def test_an_outage_in_an_async_view_is_seen_once(absent_async: AsyncEngine, *, quiet: bool) -> None:
    """The OSError of asyncpg passes SQLAlchemy as it is, and no engine hears it: we do."""

    async def view() -> Any:
        try:
            async with absent_async.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError):
            if not quiet:
                raise
            return "bad request", 400
        return "not reached"

    seen = watched(absent_async, view)

    answered = [seen.ask(), seen.ask()]

    assert answered == [400 if quiet else 503] * 2
    assert seen.errors() == [("outage", "default")] * 2
