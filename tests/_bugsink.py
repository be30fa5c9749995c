"""Bugsink, a server that takes Sentry's events, in an environment of its own: a test tool, never a dependency."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _monitoring import running
from _servers import NotFound, free_port

BINARIES = Path(__file__).parents[1] / ".cache" / "bugsink" / "bin"  # `make bugsink` fills it
SETTINGS = """
for alias in ("default", "snappea"):
    DATABASES[alias]["NAME"] = {home!r} + "/" + alias + ".sqlite3"
BUGSINK.update(PHONEHOME=False, VALIDATE_ON_DIGEST="strict", INGEST_STORE_BASE_DIR={home!r} + "/ingest")
"""
MAKE_PROJECT = """
from projects.models import Project
from teams.models import Team
team, _ = Team.objects.get_or_create(name="shop")
print("DSN=" + Project.objects.create(name="shop", slug="shop", team=team).dsn)
"""


@dataclass(frozen=True, slots=True)
class Bugsink:
    """A server that runs.

    Attributes:
        home: where all that it keeps is.
        dsn: where the SDK sends events to.
    """

    home: Path
    dsn: str
    url: str
    token: str

    def issues(self) -> list[Any]:
        """Return its issues, each with the list of its whole events as ``events``."""
        (project,) = self._listed("projects/")
        return [
            issue
            | {
                "events": [
                    self._ask(f"events/{one['id']}/") for one in self._listed(f"events/?issue={issue['id']}")
                ]
            }
            for issue in self._listed(f"issues/?project={project['id']}")
        ]

    def bytes(self) -> bytes:
        """Return all that it has written, its log included."""
        return b"".join(path.read_bytes() for path in self.home.rglob("*") if path.is_file())

    def _listed(self, path: str) -> list[Any]:
        return list(self._ask(path)["results"])

    def _ask(self, path: str) -> Any:
        asked = urllib.request.Request(
            f"{self.url}/api/canonical/0/{path}", headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return json.load(answer)


@contextmanager
def bugsink(home: Path) -> Iterator[Bugsink]:
    """Run a server with one project, which digests each event before it answers; raises NotFound."""
    if not (BINARIES / "bugsink-manage").exists():
        raise NotFound(f"bugsink: {BINARIES} is empty: make bugsink")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    _run(home, "bugsink-create-conf", "--template=local", "--host=127.0.0.1", f"--port={port}")
    with (home / "bugsink_conf.py").open("a", encoding="utf-8") as conf:
        conf.write(SETTINGS.format(home=str(home)))
    for alias in ("default", "snappea"):
        _run(home, "bugsink-manage", "migrate", f"--database={alias}")
    token = _run(home, "bugsink-manage", "create_auth_token").split()[-1]
    dsn = _run(home, "bugsink-manage", "shell", "-c", MAKE_PROJECT).partition("DSN=")[2].strip()
    serve: list[str | Path] = [
        BINARIES / "gunicorn",
        f"--bind=127.0.0.1:{port}",
        "--threads=4",
        "bugsink.wsgi",
    ]
    with running(serve, home / "gunicorn.log", f"{url}/health/ready", cwd=home, env=_environ()):
        yield Bugsink(home, dsn, url, token)


def _run(home: Path, program: str, *words: str) -> str:
    command = [str(BINARIES / program), *words]
    done = subprocess.run(command, cwd=home, env=_environ(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command[:2])} ended with {done.returncode}:\n{done.stdout}{done.stderr}"[-4000:]
        )
    return done.stdout


def _environ() -> dict[str, str]:
    """Return an environment without this one's Python and without a Sentry address of somebody else."""
    ours = ("PYTHONPATH", "PYTHONWARNINGS", "VIRTUAL_ENV", "SENTRY_DSN", "DJANGO_SETTINGS_MODULE")
    return {name: value for name, value in os.environ.items() if name not in ours}
