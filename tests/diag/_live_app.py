"""The demo on a server that its tests stop and start, for gunicorn: settings come from the environment."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask
from sqlalchemy import create_engine
from werkzeug.datastructures import ImmutableDict

from diag_exporters.prometheus import PrometheusExporter
from diag_rules.deletion import DeletionRules
from flask_diag.demo import create_app
from flask_diag.demo._removal import POLICY
from flask_diag.demo.models import Project

PROBE_INTERVAL = 10.0  # seconds, the default


class Outside:
    """A server that others take away: really, and without telling the application."""

    name = "postgresql"
    title = "PostgreSQL"
    away = False

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self.engine = create_engine(url, pool_pre_ping=True)

    def take_away(self) -> None:
        raise NotImplementedError("The test stops the server itself.")

    def bring_back(self) -> None:
        raise NotImplementedError("The test starts the server itself.")


def live_app() -> Flask:
    """The demo, with one scan done and shown; time runs by ``LIVE_TIME_SCALE``."""
    scale = float(os.environ["LIVE_TIME_SCALE"])
    Flask.default_config = ImmutableDict(
        {**Flask.default_config, "DIAG_PROBE_INTERVAL": PROBE_INTERVAL * scale}
    )
    database = Outside(os.environ["LIVE_URL"], Path(os.environ["DEMO_DIR"]))
    app = create_app(database=database)
    _scan(app, database)
    database.engine.dispose()  # gunicorn forks after this
    return app


def _scan(app: Flask, database: Outside) -> None:
    began = datetime.now(UTC)
    with database.engine.connect() as connection:
        found = DeletionRules(Project, policy=POLICY).totals(connection)
    ended = datetime.now(UTC)
    blocked = {rule: total.subjects for rule, total in found.rules.items()}
    for exporter in app.extensions["diag"].exporters:
        if isinstance(exporter, PrometheusExporter):
            exporter.scanned(blocked, ended=ended, seconds=(ended - began).total_seconds())
