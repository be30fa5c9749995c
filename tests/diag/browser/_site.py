"""The demo as people see it, served on a free port: with a scan, with errors, with an outage that came and went."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from flask import Flask
from prometheus_client import CollectorRegistry
from werkzeug.serving import WSGIRequestHandler, make_server

from flask_diag import _config
from flask_diag._state import state_of
from flask_diag.demo import create_app
from flask_diag.demo._database import Database, open_database
from flask_diag.store import Store

REFERENCE = "ref-from-the-ticket"


class _Silent(WSGIRequestHandler):
    """Prints nothing."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Print nothing."""


@dataclass(frozen=True)
class Site:
    """The demo, served.

    Attributes:
        url: where, without a slash at the end.
    """

    app: Flask
    database: Database
    url: str

    @property
    def store(self) -> Store:
        """The incident store."""
        found = state_of(self.app)
        assert found is not None
        assert found.store is not None
        return found.store

    def invited_only(self) -> list[tuple[str, int]]:
        """Return the projects that nothing but pending invitations blocks: their names, and how many those are, most first."""
        scans, known = self.store.scans, state_of(self.app)
        scan = scans.latest("Project", "orm")
        assert scan is not None
        assert known is not None
        assert known.subject is not None
        counts = {
            one.key: one.rows
            for one in scans.blocked(scan, rule="role_invitations.project_id", limit=500).items
            if [each["relation"] for each in one.blockers] == ["pending invitations"]
        }
        with self.database.engine.connect() as connection:
            names = known.subject.labels(connection, list(counts))
        found = {name: counts[key] for key, name in names.items() if name != "sampleproject"}
        return sorted(found.items(), key=lambda one: (-one[1], one[0]))

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Take the database away, and let a user meet it."""
        self.database.take_away()
        try:
            self.app.test_client().get("/projects/sampleproject")
            yield
        finally:
            self.database.bring_back()
            self.app.test_client().get("/projects/sampleproject")


@contextmanager
def served(folder: Path) -> Iterator[Site]:
    """Serve the demo with its data in *folder*."""
    database = open_database("sqlite", folder, anew=True)
    with patch.dict(_config._DEFAULTS, store_url="instance", check_timeout=60.0):
        app = create_app(database=database, registry=CollectorRegistry())
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    site = Site(app, database, f"http://127.0.0.1:{server.port}")
    try:
        _happens(site)
        thread.start()
        yield site
    finally:
        if thread.is_alive():
            server.shutdown()
            thread.join(10)
        server.server_close()
        site.store.close()
        database.engine.dispose()


def _happens(site: Site) -> None:
    """A deletion fails, the database goes and comes back, and a scan looks at all projects."""
    client = site.app.test_client()
    refused = client.delete("/projects/sampleproject", headers={"X-Request-ID": REFERENCE})
    assert refused.status_code == 409
    with site.outage():
        pass
    scan = site.app.test_cli_runner().invoke(args=["diag", "scan", "--how", "orm"])
    assert scan.exit_code == 1, scan.output
    scan = site.app.test_cli_runner().invoke(args=["diag", "scan", "--how", "sql"])
    assert scan.exit_code == 1, scan.output
    assert site.store.flush(10)
