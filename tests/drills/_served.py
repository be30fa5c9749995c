"""What the workers' drills serve: an application that counts broken rules, on a store of its own."""

from __future__ import annotations

import os

from flask import Flask
from sqlalchemy import create_engine, text

from flask_diag import Diagnostics

engine = create_engine(f"sqlite:///{os.environ['APP_DATABASE']}", pool_size=20)
app = Flask("served")


@app.get("/pid")
def pid() -> str:
    """Say which worker answers."""
    return str(os.getpid())


@app.get("/broken")
def broken() -> str:
    """Break a rule."""
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO things VALUES (1)"))
    return "not reached"


app.config.update(
    DIAG_STORE_URL=f"sqlite:///{os.environ['APP_STORE']}",
    DIAG_STORE_DRAIN=20,  # seconds: a worker may live for a moment only, on a machine that has much to do
    DIAG_PROBE_INTERVAL=None,
)
Diagnostics(app, engine, authorize=lambda _: True)
