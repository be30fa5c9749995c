"""Real gunicorn, on a free port of loopback."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from _servers import free_port

SECONDS = 60


class Gunicorn:
    """A running gunicorn.

    Args:
        app: the file of the application, which is called ``app``, on ``APP_DATABASE``.

    Attributes:
        home: where its configuration, its log and its temporary files are.
    """

    def __init__(self, home: Path, app: Path, *options: str, conf: str = "", **environment: str) -> None:
        self.home, self.port = home, free_port()
        (home / "gunicorn.conf.py").write_text(
            f"from flask_diag.gunicorn import *\n{conf}\n", encoding="utf-8"
        )
        (home / "tmp").mkdir(exist_ok=True)
        with contextlib.closing(sqlite3.connect(home / "app.sqlite")) as database:
            database.execute("CREATE TABLE IF NOT EXISTS things (id INTEGER PRIMARY KEY)")
            database.execute("INSERT OR IGNORE INTO things VALUES (1)")
            database.commit()
        command = [
            str(Path(sys.executable).with_name("gunicorn")),  # as USR2 starts it once more: no -m
            "-b",
            f"127.0.0.1:{self.port}",
            f"{app.stem}:app",
            *options,
        ]
        known = {key: value for key, value in os.environ.items() if key != "PROMETHEUS_MULTIPROC_DIR"}
        more = {
            "APP_DATABASE": str(home / "app.sqlite"),
            "APP_METRICS": "/metrics",
            "PYTHONPATH": str(app.parent),
            "TMPDIR": str(home / "tmp"),
            **environment,
        }
        self.log = (home / "gunicorn.log").open("ab")
        self.process = subprocess.Popen(
            command, cwd=home, env={**known, **more}, stdout=self.log, stderr=subprocess.STDOUT
        )
        until(lambda: self.answers("/pid"), self)

    def get(self, path: str, port: int | None = None) -> str:
        """Return the answer's body, whatever its status."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port or self.port}{path}", timeout=20) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return error.read().decode()

    def answers(self, path: str) -> bool:
        """Tell whether a worker answers."""
        try:
            return bool(self.get(path))
        except OSError:
            return False

    def value(self, series: str, path: str = "/metrics", port: int | None = None) -> float | None:
        """Return the value of a series of a scrape, which is written as there."""
        found = re.search(rf"^{re.escape(series)} (\S+)$", self.get(path, port), re.MULTILINE)
        return float(found[1]) if found else None

    def broken(self, **where: object) -> float | None:
        """Return how many broken rules were counted."""
        series = 'diag_db_errors_total{category="business_rule",kind="unique_violation"}'
        return self.value(series, **where)  # type: ignore[arg-type] # passed on

    def workers(self) -> set[int]:
        """Return the pids of the workers that live."""
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        return set(map(int, found.split()))

    def stop(self) -> None:
        """End it as a supervisor would; nothing where it has ended."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(SECONDS)
        finally:
            self.process.kill()
            self.process.wait()
            self.log.close()


def until(holds: Callable[[], bool], server: Gunicorn) -> None:
    """Wait until something holds, or fail with the server's log."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        if time.monotonic() > deadline or server.process.poll() is not None:
            pytest.fail((server.home / "gunicorn.log").read_text(encoding="utf-8")[-3000:])
        time.sleep(0.05)  # another process's state has no event to wait for
