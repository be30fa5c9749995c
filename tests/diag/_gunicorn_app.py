"""What the tests serve by gunicorn: an application that counts a request, a broken rule, or nothing."""

from __future__ import annotations

import os

from flask import Flask, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import create_engine, text

from flask_diag import Diagnostics

engine = create_engine(f"sqlite:///{os.environ['APP_DATABASE']}", pool_size=3, max_overflow=0)
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


@app.get("/own-metrics")
def own_metrics() -> Response:
    """What an application that has its metrics already would show."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # untyped in prometheus_client
    return Response(generate_latest(registry), content_type="text/plain")


app.config["DIAG_METRICS_PATH"] = os.environ.get("APP_METRICS") or None
Diagnostics(app, engine, authorize=lambda _: True)
