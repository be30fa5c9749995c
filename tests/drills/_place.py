"""Where a drill takes place: a private server with the application's own account, and ways to its administrator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, NullPool, create_engine, text

from _servers import Server

DATABASE, USER, PASSWORD = "shop", "app", "right"
TABLES = (
    "CREATE TABLE things (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)",
    "INSERT INTO things VALUES (1, 0), (2, 0), (3, 0), (4, 0)",
)
NOTES = {
    "postgresql": "CREATE TABLE notes (id SERIAL PRIMARY KEY, body TEXT)",
    "mysql": "CREATE TABLE notes (id INTEGER AUTO_INCREMENT PRIMARY KEY, body TEXT)",
}


@dataclass(frozen=True)
class Place:
    """A server, and the address that applications are given, which may lead elsewhere first."""

    server: Server
    url: URL
    home: Path

    @property
    def dialect(self) -> str:
        """``postgresql`` or ``mysql``."""
        return self.server.dialect

    def administer(self, *statements: str) -> None:
        """Execute *statements* as the administrator, each by itself."""
        execute(self.server.url(database=DATABASE), *statements)


def prepare(server: Server) -> URL:
    """Make the application's account, database and tables; return its address."""
    if server.dialect == "mysql":
        server.create_database(DATABASE)
        execute(
            server.url(),
            f"CREATE USER {USER}@'%' IDENTIFIED BY '{PASSWORD}'",
            f"GRANT ALL ON {DATABASE}.* TO {USER}@'%'",
        )
    else:
        rules = server.data_dir / "pg_hba.conf"
        rules.write_text(
            f"host all {USER} all scram-sha-256\nhost all all 10.0.0.0/8 trust\n{rules.read_text()}"
        )
        execute(server.url(), f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'", "SELECT pg_reload_conf()")
        execute(server.url(), f"CREATE DATABASE {DATABASE} OWNER {USER}")
    url = address(server)
    execute(url, *TABLES, NOTES[server.dialect])
    return url


def address(server: Server) -> URL:
    """Return the address of the application's database on *server*."""
    return server.url(database=DATABASE).set(username=USER, password=PASSWORD)


def execute(url: URL, *statements: str) -> None:
    """Execute *statements*, each in a transaction of its own."""
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))


@contextmanager
def held(url: URL, *statements: str) -> Iterator[Any]:
    """Keep a transaction open that has executed *statements*."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
        yield connection
        connection.rollback()
