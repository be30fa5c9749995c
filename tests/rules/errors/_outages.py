"""Outages: servers that are stopped, killed, silent, full, or do not let anyone in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import URL, NullPool, QueuePool, create_engine, text

from _servers import Server, free_port
from diag_rules.errors import Category, Kind
from rules.errors._attempt import Bench, attempt

CONNECTING = (
    Kind.CONNECTION_REFUSED,
    Kind.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION,
)
LOST = (
    Kind.CONNECTION_FAILURE,
    Kind.CONNECTION_DOES_NOT_EXIST,
    Kind.ADMIN_SHUTDOWN,
)


def connect(bench: Bench) -> None:
    bench.run("SELECT 1")


def at(server: Server, driver: str, **changes: Any) -> BaseException:
    """Return what connecting to *server* raises at a changed address."""
    return attempt(server.url(driver=driver).set(**changes), server.url(), connect)


def refused(server: Server, driver: str) -> BaseException:
    return at(server, driver, port=free_port())


def unknown_host(server: Server, driver: str) -> BaseException:
    return at(server, driver, host="nowhere.invalid")


def unknown_database(server: Server, driver: str) -> BaseException:
    return at(server, driver, database="nowhere")


def unknown_user(server: Server, driver: str) -> BaseException:
    return at(server, driver, username="nobody_here")


def wrong_password(server: Server, driver: str) -> BaseException:
    return at(server, driver, username="locked", password="wrong")


def too_many(server: Server, driver: str) -> BaseException:
    """Take every connection that the server has, and ask for one more."""
    engine = create_engine(server.url(), poolclass=NullPool)
    taken: list[Any] = []
    with suppress(Exception):
        while len(taken) < 100:
            taken.append(engine.connect())
    try:
        return attempt(server.url(driver=driver), server.url(), connect)
    finally:
        for each in taken:
            each.close()


def pool_full(server: Server, driver: str) -> BaseException:
    def provoke(bench: Bench) -> None:
        with bench.begun():
            bench.run("SELECT 1")

    return attempt(
        server.url(driver=driver), server.url(), provoke,
        poolclass=None if driver in {"asyncpg", "psycopg_async", "aiomysql", "asyncmy"} else QueuePool,
        pool_size=1, max_overflow=0, pool_timeout=0.02,
    )  # fmt: skip


def broken_under_a_statement(server: Server, driver: str, end: Callable[[], None]) -> BaseException:
    """Return what a statement raises on a connection whose server was ended in between."""

    def provoke(bench: Bench) -> None:
        with bench.begun() as connection:
            connection.exec_driver_sql("SELECT 1").all()
            end()
            connection.exec_driver_sql("SELECT 1").all()

    try:
        return attempt(server.url(driver=driver), server.url(), provoke)
    finally:
        server.start()


def execute(url: URL, *statements: str) -> None:
    """Execute *statements* as the administrator, outside of any transaction."""
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))


def lock_a_role(server: Server) -> None:
    """Create the role ``locked``, whose password is ``right``."""
    if server.dialect == "mysql":
        execute(server.url(), "CREATE USER locked@'127.0.0.1' IDENTIFIED BY 'right'")
        return
    rules = server.data_dir / "pg_hba.conf"
    rules.write_text(f"host all locked 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
    execute(server.url(), "CREATE ROLE locked LOGIN PASSWORD 'right'", "SELECT pg_reload_conf()")


OUTAGES: dict[str, tuple[Callable[[Server, str], BaseException], tuple[Kind, ...]]] = {
    "refused": (refused, CONNECTING),
    "unknown host": (unknown_host, (Kind.HOST_UNKNOWN,)),
    "unknown database": (unknown_database, (Kind.INVALID_CATALOG_NAME,)),
    "unknown user": (unknown_user, (Kind.INVALID_AUTHORIZATION_SPECIFICATION,)),
    "wrong password": (wrong_password, (Kind.INVALID_PASSWORD, Kind.INVALID_AUTHORIZATION_SPECIFICATION)),
    "too many connections": (too_many, (Kind.TOO_MANY_CONNECTIONS,)),
    "pool full": (pool_full, (Kind.POOL_TIMEOUT,)),
    "stopped": (lambda server, driver: broken_under_a_statement(server, driver, server.stop), LOST),
    "killed": (lambda server, driver: broken_under_a_statement(server, driver, server.kill),
               (*LOST, Kind.CRASH_SHUTDOWN)),
}  # fmt: skip

CATEGORY = Category.OUTAGE
