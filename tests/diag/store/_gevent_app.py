"""What the tests serve by gunicorn's gevent worker: breaks a rule, scans, and says what the store has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from flask import Flask
from gevent import monkey  # type: ignore[import-untyped]
from sqlalchemy import create_engine, event, text

from diag._shop import Project, fill
from flask_diag import Diagnostics
from flask_diag._state import state_of
from flask_diag.scanning import Asked, default_way, run_whole

home = Path(os.environ["APP_HOME"])
engine = create_engine(f"sqlite:///{home / 'app.sqlite'}")
event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys=ON"))
app = Flask("served")
app.config.update(
    DIAG_STORE_URL=f"sqlite:///{home / 'store.sqlite'}", DIAG_STORE_DRAIN=20, DIAG_METRICS_PATH=None
)
Diagnostics(app, engine, subject=Project, authorize=lambda _: True)


class Nobody:
    """Watches no scan."""

    def begins(self, found: Any) -> None:
        """Ignore it."""

    def sees(self, verdict: Any) -> None:
        """Ignore it."""


@app.get("/patched")
def patched() -> str:
    """Say whether threads are greenlets here."""
    return str(monkey.is_module_patched("threading"))


@app.get("/fill")
def filled() -> str:
    """Make the shop's tables."""
    fill(engine)
    return "filled"


@app.get("/broken")
def broken() -> str:
    """Break a rule."""
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO projects (id, name, stars) VALUES (1, 'again', 0)"))
    return "not reached"


@app.get("/scan")
def scan() -> str:
    """Scan, and keep the result."""
    state = state_of(app)
    if state is None or state.store is None:
        raise RuntimeError("there is no store")
    ran = run_whole(state, Asked(how=default_way(state)), Nobody(), state.store.scans)
    return f"{ran.summary.blocked} {ran.kept} {ran.complaint}"
