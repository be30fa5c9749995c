"""A million incidents in one process: prints what memory it has after each part, and at last what became of them all.

Run by ``test_soak.py``, in a process of its own, since pytest keeps some of what it watches.
Usage: ``python _soak.py COUNT WARM FOLDER``.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import sqlite3
import sys
import threading
from pathlib import Path

import psutil
from flask import Flask
from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from diag_exporters.log import log
from diag_exporters.prometheus import prometheus
from diag_exporters.sentry import sentry
from flask_diag import Diagnostics
from flask_diag._capture import met
from flask_diag._state import State

ROUTES, SUBJECTS, REQUEST, PARTS = 300, 500, 100, 20  # REQUEST: incidents of one request
ERRORS: tuple[tuple[type[sqlite3.Error], type[DBAPIError], str, str, int], ...] = (
    (
        sqlite3.IntegrityError,
        IntegrityError,
        "UNIQUE constraint failed: things.id",
        "SQLITE_CONSTRAINT_UNIQUE",
        2067,
    ),
    (sqlite3.OperationalError, OperationalError, "no such table: nowhere", "SQLITE_ERROR", 1),
    (sqlite3.OperationalError, OperationalError, "database is locked", "SQLITE_BUSY", 5),
    (sqlite3.OperationalError, OperationalError, "database or disk is full", "SQLITE_FULL", 13),
)


def raised(number: int) -> DBAPIError:
    """Return an error as SQLAlchemy would raise it, a new one each time."""
    cls, wrapper, message, name, code = ERRORS[number % len(ERRORS)]
    orig = cls(message)
    orig.sqlite_errorname, orig.sqlite_errorcode = name, code
    error = wrapper("SELECT ?", (number,), orig)
    error.__cause__ = orig
    return error


def application(folder: Path, registry: CollectorRegistry) -> Flask:
    """Return an application of many routes, with the exporters that are the default."""
    app = Flask("soak")
    app.config.update(DIAG_STORE_URL=f"sqlite:///{folder}/store.sqlite")
    for number in range(ROUTES):
        app.add_url_rule(f"/route-{number}/<project>", f"route-{number}", lambda project: project)
    engine = create_engine(f"sqlite:///{folder}/application.sqlite")
    Diagnostics(app, engine, exporters=[prometheus(registry), sentry(), log()])
    logger = logging.getLogger("flask_diag.incident")
    logger.propagate, logger.handlers = False, [logging.FileHandler(os.devnull)]
    return app


def meet(app: Flask, count: int, begun: int) -> None:
    """Meet *count* incidents, `REQUEST` of them a request; *begun* were met before."""
    state: State = app.extensions["diag"]
    for done in range(begun, begun + count, REQUEST):
        turn = done // REQUEST
        with app.test_request_context(f"/route-{turn % ROUTES}/{turn % SUBJECTS}"):
            for number in range(REQUEST):
                met(state, raised(number))


def total(registry: CollectorRegistry, name: str) -> int:
    """Return the sum of a counter's series."""
    return int(sum(one.value for family in registry.collect() for one in family.samples if one.name == name))


def main(count: int, warm: int, folder: Path) -> None:
    """Meet *warm* incidents, until every cache has its size, and then *count* more."""
    registry, process = CollectorRegistry(), psutil.Process()
    app, sizes = application(folder, registry), []
    store = app.extensions["diag"].store
    meet(app, warm, 0)
    for done in range(warm, warm + count + 1, count // PARTS):
        gc.collect()
        sizes.append(process.memory_info().rss)
        sys.stderr.write(f"{done - warm:>9,} incidents: {sizes[-1] / 2**20:.2f} MiB\n")
        if done < warm + count:
            meet(app, count // PARTS, done)
    found = {
        "flushed": store.flush(300),
        "met": warm + count,
        "counted": total(registry, "diag_db_errors_total"),
        "lost": total(registry, "diag_incidents_dropped_total"),
        "written": store.status().written,
        "sizes": sizes,
        "threads": threading.active_count(),
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
