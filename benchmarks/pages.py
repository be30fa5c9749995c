"""The support pages with a million projects and a million rows of incidents, in PostgreSQL and in SQLite.

For each page: the time of its statements, the time of the page by the clock and in CPU of the server, each the median of `TIMES` requests, and which
large tables PostgreSQL read from end to end for it, by its own statistics. Exits with an error where a table was, or where a project's
page took more than `PROMISED` times its statements on PostgreSQL; SQLite answers those within the process, in a tenth of the page's time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time, sleep
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy import Engine, event

from benchmarks import store as stored
from benchmarks._warehouse import Project, engines
from flask_diag import Diagnostics
from flask_diag.store import Store

PROJECTS, TIMES, PROMISED = 1_000_000, 15, 3.0
LARGE = 50_000  # rows
BLOCKED = 1 + 99_991  # a project that an invitation blocks, by how the rows were made
MET = 49_952  # another, with twenty rows of incidents, ten of them in the time that its page shows
PAGES = {
    "overview": "/diag/",
    "incidents": "/diag/incidents",
    "incidents, of a kind that is rare": "/diag/incidents?category=business_rule&kind=check_violation",
    "incidents, by reference": "/diag/incidents?reference=request-444444",
    "incidents, of a project": f"/diag/incidents?subject={BLOCKED % stored.PROJECTS}",
    "outages": "/diag/outages",
    "settings": "/diag/settings",
    "audit": "/diag/audit",
    "runbook": "/diag/runbooks/DiagDatabaseOutage",
    "project, blocked": f"/diag/projects/{BLOCKED}",
    "project, blocked, that met errors": f"/diag/projects/{MET}",
    "project, by its name": "/diag/projects/project%20777777",
    "search": "/diag/find?q=project%207777",
    "blocked projects": "/diag/blocked",
}


class Clock:
    """Adds up the seconds that statements take, on any engine and in any thread."""

    def __init__(self) -> None:
        self.seconds, self.count = 0.0, 0
        event.listen(Engine, "before_cursor_execute", self._begin)
        event.listen(Engine, "after_cursor_execute", self._end)

    def _begin(self, *told: Any) -> None:
        told[4]._began = perf_counter()  # noqa: SLF001 the statement's context, where SQLAlchemy's own recipe keeps it

    def _end(self, *told: Any) -> None:
        self.seconds += perf_counter() - told[4]._began  # noqa: SLF001 as above
        self.count += 1


def application(engine: Engine, store_url: str) -> Flask:
    """An application whose store holds a million rows, and a scan."""
    app = Flask("shop")
    app.config.update(
        DIAG_STORE_URL=store_url, DIAG_STORE_DAYS=365, DIAG_SEARCH_LIMIT=None, DIAG_CHECK_TIMEOUT=60.0
    )
    Diagnostics(app, engine, subject=Project, authorize=lambda _: True, exporters=[])
    return app


def read_whole(asked: list[Engine]) -> dict[str, int]:
    """Return how often each large table was read from end to end so far; a connection that ends tells what it did."""
    for engine in asked:
        engine.dispose()
    sleep(0.3)
    found: dict[str, int] = {}
    for engine in asked:
        if engine.dialect.name != "postgresql":  # no other keeps such statistics
            continue
        with engine.connect() as connection:
            rows = connection.execute(
                sa.text(
                    "SELECT s.relname, s.seq_scan FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid "
                    "WHERE c.reltuples >= :large"
                ),
                {"large": LARGE},
            )
            found |= {str(name): int(count) for name, count in rows}
    return found


def measured(ask: Callable[[], object], clock: Clock) -> tuple[float, float, float, int]:
    """Return the median milliseconds of the statements, of the clock and of CPU, and how many statements there were."""
    took = []
    for _ in range(TIMES):
        clock.seconds, clock.count = 0.0, 0
        start, cpu = perf_counter(), process_time()
        ask()
        took.append(
            (clock.seconds * 1e3, (perf_counter() - start) * 1e3, (process_time() - cpu) * 1e3, clock.count)
        )
    return (*(median(one[place] for one in took) for place in range(3)), took[-1][3])  # type: ignore[return-value] # three medians and a count


def main() -> None:
    """Print the figures; exit with an error where a promise is broken."""
    broken = []
    with engines([PROJECTS]) as found:
        for _, engine in found:
            with engine.begin() as connection:
                by_start = " text_pattern_ops" if engine.dialect.name == "postgresql" else ""
                connection.exec_driver_sql(f"CREATE INDEX i ON projects (lower(name){by_start})")
            broken += _looked_at(engine, _store_beside(engine))
    if broken:
        sys.exit("; ".join(broken))


def _store_beside(engine: Engine) -> str:
    """Return the address of an empty store on the same server, or in the same folder."""
    if engine.dialect.name == "sqlite":
        return f"sqlite:///{Path(str(engine.url.database)).with_name('store.sqlite')}"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("CREATE DATABASE store")
    return engine.url.set(database="store").render_as_string(hide_password=False)


def _looked_at(engine: Engine, url: str) -> list[str]:
    """Print the figures of each page on one database; return the promises that it breaks."""
    print(engine.dialect.name)
    store = Store(url, "shop", queue=50_000, interval=0.0, drain=0, days=365, rows=10**7)
    store.upgrade()
    stored.fill(store)
    store.close(60)
    app = application(engine, url)
    done = app.test_cli_runner().invoke(args=["diag", "scan", "--how", "orm", "--limit", "0"])
    print(done.output.strip().splitlines()[-1])
    client, clock, broken = app.test_client(), Clock(), []
    kept = app.extensions["diag"].store
    start = perf_counter()
    client.get("/diag/")
    print(f"the first overview of a process: {(perf_counter() - start) * 1e3:.0f} ms")
    for name, path in PAGES.items():
        asked = [engine, kept.database.engine]
        before = read_whole(asked)
        answer = client.get(path)
        statements, clocked, cpu, count = measured(lambda path=path: client.get(path), clock)  # type: ignore[misc] # a default
        after = read_whole(asked)
        whole = sorted(table for table, times in after.items() if times > before.get(table, 0))
        print(
            f"{name}: {answer.status_code}, {count} statements {statements:.1f} ms, page {clocked:.1f} ms, CPU {cpu:.1f} ms"
            + (f", READ WHOLE: {', '.join(whole)}" if whole else "")
        )
        if whole:
            broken.append(f"{name} reads all of {', '.join(whole)}")
        promised = engine.dialect.name == "postgresql" and name.startswith("project")
        if promised and clocked > PROMISED * statements:
            broken.append(
                f"{name} takes {clocked / statements:.1f} times its statements, promised {PROMISED:.0f}"
            )
    kept.close(10)
    return broken


if __name__ == "__main__":
    main()
