"""Databases: SQLite and the wheel's PostgreSQL always, the system's servers where found; ``--db NAME`` chooses."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, create_engine, event

from _servers import NotFound, Server, Servers, running_servers
from _threads import finish_late_questions

NAMES = ("sqlite", "postgresql", "postgresql15", "mariadb")
_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--db", action="append", default=[], choices=NAMES, help="only these databases")
    parser.addoption("--require", choices=["all"], help="what is missing fails instead of being skipped")
    parser.addoption("--slow", action="store_true", help="run what is marked slow, too")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "only(*names): the databases that a test is about")
    config.addinivalue_line("markers", "long: begins first, so that no core waits at the end for one file")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what is long, and leave out, by name, what has a target of its own."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    if config.getoption("--slow") or config.getoption("-m"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database" not in metafunc.fixturenames:
        return
    only = metafunc.definition.get_closest_marker("only")
    chosen = metafunc.config.getoption("--db") or NAMES
    names = [name for name in chosen if only is None or name in only.args]
    metafunc.parametrize("database", names, indirect=True)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """The servers of this run."""
    with running_servers() as found:
        yield found


@pytest.fixture(scope="module", autouse=True)
def _end_private_servers(servers: Servers) -> Iterator[None]:
    yield
    servers.stop_private()


@dataclass
class Database:
    """An empty database of one test.

    Attributes:
        name: which of `NAMES` serves it.
        server: the server, or None for SQLite.
    """

    name: str
    dialect: str
    url: URL
    server: Server | None = None
    engines: list[Engine] = field(default_factory=list)

    def engine(self, driver: str | None = None, **options: Any) -> Engine:
        """Return an engine that is disposed with the test; foreign keys are enforced on SQLite."""
        url = self.url if driver is None else self.url.set(drivername=f"{self.dialect}+{driver}")
        engine = create_engine(url, **options)
        if self.dialect == "sqlite":
            event.listen(engine, "connect", enforce_foreign_keys)
        self.engines.append(engine)
        return engine


def enforce_foreign_keys(connection: Any, _record: Any) -> None:
    """Switch on what SQLite leaves off."""
    connection.execute("PRAGMA foreign_keys=ON")


@pytest.fixture
def absent(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Say that something is missing on this machine: a skip by name, or a failure under ``--require all``."""

    def report(what: str) -> None:
        if request.config.getoption("--require") or request.config.getoption("--db"):
            pytest.fail(f"asked for and not found: {what}")
        pytest.skip(what)

    return report


@pytest.fixture
def database(
    request: pytest.FixtureRequest, servers: Servers, tmp_path: Path, absent: Callable[[str], None]
) -> Iterator[Database]:
    """An empty database on each of the chosen backends."""
    name: str = request.param
    if name == "sqlite":
        found = Database(name, "sqlite", URL.create("sqlite", database=str(tmp_path / "database.sqlite")))
        yield found
        dispose(found)
        return
    try:
        server = servers.shared(name)
    except NotFound as missing:
        absent(str(missing))
        raise
    schema = f"t{next(_numbers)}"
    server.create_database(schema)
    found = Database(name, server.dialect, server.url(database=schema), server)
    yield found
    dispose(found)
    server.drop_database(schema)


def dispose(database: Database) -> None:
    """Close what a test has opened, once no question that a page gave up still holds a connection."""
    finish_late_questions()
    for engine in database.engines:
        engine.dispose()
