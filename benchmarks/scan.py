"""A scan of 100,000 and of 1,000,000 projects beside the one SQL that one would write by hand, on SQLite and PostgreSQL.

By hand and scan give the same rows, which is asserted. Rounds are interleaved and the minimum of each is kept, in CPU time of client and
server together (Linux tells it), since other work on the machine stretches the clock; the clock's minimum stands beside it, and the
ratio of CPU times is what to look at. By hand means: SQLAlchemy's ``text()`` on the same connection,
fetched wholly, without verdicts. On SQLite references may point nowhere, and some do, so there it has to look for the project;
what that costs is shown too ("trusting" does not look, and so gives rows of projects that are gone).

The naive ways are sampled and extrapolated: one DELETE in a savepoint a project, and three counts by the ORM a project. Memory is
the peak of a process of its own that scans both ways.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from benchmarks._warehouse import Invitation, Observation, Organization, Project, Release, engines, opened
from diag_rules.deletion import DeletionRules

SIZES = [100_000, 1_000_000]
ROUNDS = {100_000: 100, 1_000_000: 25}  # the shorter one is, the more other work shows in it
SAMPLE = {"delete": 100, "count": 200}
PROMISED = 1.5
FLAT = 20  # MiB
BLOCKING = (Invitation, Organization, Observation)
Rows = list[tuple[int, str, int]]


def by_hand(dialect: str, how: str, *, trusting: bool = False) -> str:
    """The SQL: key, table and count of what blocks each project, in order of keys."""
    sqlite = dialect == "sqlite"
    # SQLite has no use for an index at IS NOT NULL
    given = "{} >= -9223372036854775808" if sqlite else "{} IS NOT NULL"
    having = "HAVING EXISTS (SELECT 1 FROM projects p WHERE p.id = {})" if sqlite and not trusting else ""
    organizations = (
        "SELECT o.project_id AS key, 'organization_projects' AS name, count(*) AS count FROM organization_projects o"
        f" WHERE {given.format('o.project_id')} GROUP BY o.project_id {having.format('o.project_id')}"
    )
    observations = (
        "SELECT r.project_id, 'release_observations', count(*) FROM release_observations x"
        f" JOIN releases r ON r.id = x.related_id WHERE {given.format('x.related_id')}"
        f" GROUP BY r.project_id {having.format('r.project_id')}"
    )
    parts = [organizations, observations]
    if how == "orm":
        parts.append(
            "SELECT i.project_id, 'role_invitations', count(*) FROM role_invitations i"
            f" GROUP BY i.project_id {having.format('i.project_id')}"
        )
    return " UNION ALL ".join(parts) + " ORDER BY 1, 2"


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds: of CPU time, and by the clock."""

    cpu: float
    clock: float

    def __str__(self) -> str:
        """In milliseconds."""
        return f"{self.cpu * 1e3:.1f} ms ({self.clock * 1e3:.1f})"


@dataclass(frozen=True, slots=True)
class Figures:
    """The costs in one database, of one size and way."""

    hand: Cost
    trusting: Cost
    scan: Cost
    totals: Cost
    rows: int
    subjects: int


def seconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    start = perf_counter()
    call()
    return perf_counter() - start


def worker(connection: Connection) -> Path | None:
    """Where Linux tells the CPU time of the server's process for this connection; None where there is no server."""
    if connection.dialect.name != "postgresql":
        return None
    found = Path(f"/proc/{connection.scalar(text('SELECT pg_backend_pid()'))}/schedstat")
    connection.rollback()
    return found


def cost(call: Callable[[], object], server: Path | None) -> Cost:
    """What one call costs client and server."""

    def cpu() -> float:
        return process_time() + (int(server.read_text().split()[0]) / 1e9 if server is not None else 0)

    before, start = cpu(), perf_counter()
    call()
    return Cost(clock=perf_counter() - start, cpu=cpu() - before)


def beside(connection: Connection, rules: DeletionRules, how: str, times: int) -> Figures:
    """Both in turns, so many times; they must bring the same."""
    hand, trusting = (text(by_hand(connection.dialect.name, how, trusting=each)) for each in (False, True))

    def fetched(statement: sa.TextClause) -> None:
        connection.execute(statement).all()
        connection.rollback()

    def scanned() -> None:
        for _ in rules.scan(connection, how):
            pass

    expected: Rows = [(row[0], row[1], row[2]) for row in connection.execute(hand)]
    connection.rollback()
    verdicts = list(rules.scan(connection, how))
    found: Rows = sorted((each.key, item.table, item.count) for each in verdicts for item in each.blockers)
    if found != expected:
        raise SystemExit(f"{connection.dialect.name} {how}: the scan and the SQL by hand differ")
    calls: list[Callable[[], object]] = [
        lambda: fetched(hand),
        lambda: fetched(trusting),
        scanned,
        lambda: rules.totals(connection, how, oldest=False),
    ]
    server = worker(connection)
    rounds = [[cost(call, server) for call in calls] for _ in range(times)]
    best = [
        Cost(cpu=min(each.cpu for each in column), clock=min(each.clock for each in column))
        for column in zip(*rounds, strict=True)
    ]
    return Figures(best[0], best[1], best[2], best[3], len(expected), len(verdicts))


# the naive ways


def by_deleting(connection: Connection, keys: list[int]) -> float:
    """Seconds a project: really delete it, and take that back."""
    start = perf_counter()
    for key in keys:
        with connection.begin_nested() as savepoint:
            with suppress(sa.exc.IntegrityError):
                connection.execute(text("DELETE FROM projects WHERE id = :key"), {"key": key})
            savepoint.rollback()
    found = (perf_counter() - start) / len(keys)
    connection.rollback()
    return found


def by_counting(connection: Connection, keys: list[int]) -> float:
    """Seconds a project: load it, and count what blocks it by the ORM."""
    count = sa.func.count()
    with Session(connection) as session:
        start = perf_counter()
        for key in keys:
            session.get(Project, key)
            session.scalar(sa.select(count).where(Invitation.project_id == key))
            session.scalar(sa.select(count).where(Organization.project_id == key))
            behind = sa.select(count).select_from(Release).join(Observation)
            session.scalar(behind.where(Release.project_id == key))
            session.expunge_all()
        return (perf_counter() - start) / len(keys)


def counting_tables(connection: Connection) -> float:
    """Seconds for ``count(*)`` of the three tables that block."""
    selects = [sa.select(sa.func.count()).select_from(each) for each in BLOCKING]
    found = min(seconds(lambda: [connection.scalar(select) for select in selects]) for _ in range(3))
    connection.rollback()
    return found


def memory(url: sa.URL) -> float:
    """The peak of a process that scans both ways, in MiB."""
    command = [sys.executable, "-m", "benchmarks.scan", url.render_as_string(hide_password=False)]
    return int(subprocess.check_output(command, text=True).split()[-1]) / 1024


def scan_alone(url: str) -> None:
    """Scan both ways and print this process's peak in KiB."""
    engine = opened(url)
    with engine.connect() as connection:
        for how in ("orm", "sql"):
            for _ in DeletionRules(Project).scan(connection, how):
                pass
    engine.dispose()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def measured(engine: Engine, projects: int) -> tuple[list[str], float]:
    """Print the figures of one database; what is broken, and the memory."""
    broken = []
    name = f"{engine.dialect.name}, {projects:,} projects"
    rules = DeletionRules(Project)
    keys = random.Random(1).sample(range(1, projects), SAMPLE["count"])
    with engine.connect() as connection:
        for how in ("orm", "sql"):
            found = beside(connection, rules, how, ROUNDS[projects])
            ratio = found.scan.cpu / found.hand.cpu
            print(
                f"{name}, {how}: {found.subjects:,} blocked, {found.rows:,} rows; by hand {found.hand}, trusting {found.trusting},"
                f" scan {found.scan}, {ratio:.2f}x; totals {found.totals}"
            )
            if ratio > PROMISED:
                broken.append(f"{name}, {how}: {ratio:.2f} times by hand, promised {PROMISED}")
            if how == "orm":
                scan = found.scan.clock
        deleting = by_deleting(connection, keys[: SAMPLE["delete"]]) * projects
        counting = by_counting(connection, keys) * projects
        tables = counting_tables(connection)
    peak = memory(engine.url)
    print(
        f"{name}: DELETE in a savepoint {deleting:,.0f} s ({deleting / scan:,.0f} times the scan), ORM counts {counting:,.0f} s"
        f" ({counting / scan:,.0f}); count(*) of the three tables {tables * 1e3:.1f} ms; memory {peak:.0f} MiB"
    )
    return broken, peak


def main() -> None:
    """Print the figures; exit with an error where a promise is broken."""
    broken: list[str] = []
    peaks: dict[str, list[float]] = {}
    with engines(SIZES) as found:
        for projects, engine in found:
            more, peak = measured(engine, projects)
            broken += more
            peaks.setdefault(engine.dialect.name, []).append(peak)
    for name, sizes in peaks.items():
        if max(sizes) - min(sizes) > FLAT:
            broken.append(f"{name}: memory grows by {max(sizes) - min(sizes):.0f} MiB, promised {FLAT}")
    if broken:
        sys.exit("; ".join(broken))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        scan_alone(sys.argv[1])
    else:
        main()
