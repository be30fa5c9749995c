"""Outages of private servers: refused, stopped, killed, full and silent."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from _servers import NotFound, Server, Servers
from diag_rules.errors import Category, Kind, Phase, classify
from rules.errors import _mariadb, _postgresql
from rules.errors._attempt import Bench, attempt, load
from rules.errors._outages import CATEGORY, OUTAGES, execute, lock_a_role

DRIVERS = {
    "postgresql": _postgresql.DRIVERS,
    "postgresql15": _postgresql.DRIVERS,
    "mariadb": _mariadb.DRIVERS,
}


def _cases() -> Iterator[Any]:
    for name, drivers in DRIVERS.items():
        for driver in drivers:
            for outage in OUTAGES:
                yield pytest.param(name, driver, outage, id=f"{name}-{driver}-{outage}")


@pytest.fixture(scope="module")
def private(servers: Servers) -> Callable[[str], Server]:
    """A private server by its name, small, with a role that needs a password."""
    made: dict[str, Server] = {}

    def server(name: str) -> Server:
        if name not in made:
            made[name] = servers.start_private(name, max_connections="10")
            lock_a_role(made[name])
        return made[name]

    return server


@pytest.mark.parametrize(("name", "driver", "outage"), list(_cases()))
def test_an_outage_is_one_through_every_driver(  # noqa: PLR0917 - fixtures are arguments
    name: str, driver: str, outage: str, private: Any, absent: Any, keep: Any
) -> None:
    if driver in {"mysqldb", "mariadbconnector"}:
        try:
            load(URL.create(f"mysql+{driver}"))
        except ImportError:
            absent(f"{driver}: built against libmariadb, which `make services` installs")
    try:
        server = private(name)
    except NotFound as missing:
        absent(str(missing))
    provoke, kinds = OUTAGES[outage]

    error = provoke(server, driver)

    answer = classify(error)
    keep(f"{name}-{driver}-{outage}", error, CATEGORY, answer.kind, None)
    assert answer.category is CATEGORY, (answer, repr(error))
    assert answer.kind in kinds, (answer, repr(error))


@pytest.mark.parametrize("driver", ["pymysql", "asyncmy", "psycopg2", "asyncpg"])
def test_a_silent_server_is_an_outage(driver: str, private: Any, absent: Any) -> None:
    name = "mariadb" if driver in _mariadb.DRIVERS else "postgresql15"
    try:
        server = private(name)
    except NotFound as missing:
        absent(str(missing))
    option = {"asyncpg": "timeout", "pymysql": "read_timeout", "asyncmy": "read_timeout"}.get(
        driver, "connect_timeout"
    )
    server.pause()

    try:
        error = attempt(
            server.url(driver=driver),
            server.url(),
            lambda bench: bench.run("SELECT 1"),
            connect_args={option: 2},
        )
    finally:
        server.resume()

    assert classify(error).category is Category.OUTAGE, repr(error)


@pytest.mark.parametrize("driver", ["pymysql", "asyncmy", "psycopg2", "psycopg", "asyncpg", "pg8000"])
def test_connecting_again_after_a_failed_ping_is_met_while_connecting(
    driver: str, private: Any, absent: Any
) -> None:
    name = "mariadb" if driver in _mariadb.DRIVERS else "postgresql15"
    try:
        server = private(name)
    except NotFound as missing:
        absent(str(missing))

    def provoke(bench: Bench) -> None:
        bench.run("SELECT 1")
        server.stop()
        bench.run("SELECT 1")

    try:
        error = attempt(server.url(driver=driver), server.url(), provoke, poolclass=None, pool_pre_ping=True)
    finally:
        server.start()

    answer = classify(error)
    assert (answer.category, answer.phase) == (Category.OUTAGE, Phase.CONNECT), (answer, repr(error))


@pytest.mark.skipif(
    os.geteuid() != 0, reason="not root: a small file system of the test's own cannot be mounted"
)
@pytest.mark.parametrize("driver", _postgresql.DRIVERS)
def test_a_full_disk_is_an_outage(driver: str, private: Any, tmp_path_factory: Any) -> None:
    server = private("postgresql15")
    small = Path(server.home) / f"small_{driver}"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2M,mode=777", "tmpfs", str(small)], check=True)
    space = small / "space"
    space.mkdir()
    space.chmod(0o700)
    _give(space, server)
    try:
        execute(server.url(), f"CREATE TABLESPACE small_{driver} LOCATION '{space}'")
        error = attempt(
            server.url(driver=driver),
            server.url(),
            lambda bench: bench.run(
                f"CREATE TABLE big (t text) TABLESPACE small_{driver}",
                "INSERT INTO big SELECT md5(i::text) FROM generate_series(1, 200000) i",
            ),
        )
    finally:
        execute(server.url(), "CHECKPOINT", f"DROP TABLESPACE small_{driver}")
        subprocess.run(["umount", "--lazy", str(small)], check=True)

    answer = classify(error)
    assert (answer.category, answer.kind) == (Category.OUTAGE, Kind.DISK_FULL), repr(error)


def _give(path: Path, server: Server) -> None:
    import shutil

    if server.user is not None:
        shutil.chown(path, server.user)
