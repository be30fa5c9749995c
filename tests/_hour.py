"""Somebody's first hour: an application that others wrote, served as its developers would, and visited."""

from __future__ import annotations

import http.cookiejar
import json
import re
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import URL, create_engine, text

from _environment import Environment
from _servers import Server

START_SECONDS = 120
CATEGORIES = ("outage", "contention", "business_rule", "defect", "unknown")


@dataclass
class Hour:
    """One application's first hour.

    Attributes:
        folder: where its files are, and its commands run.
        server: its database server, which may be stopped.
        database: where its data are.
        took: seconds by step.
    """

    environment: Environment
    folder: Path
    server: Server
    database: URL
    took: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Take the time of a step."""
        began = time.monotonic()
        yield
        self.took[name] = time.monotonic() - began

    def write(self, name: str, written: str) -> Path:
        """Write a file of the application's."""
        path = self.folder / name
        path.write_text(written, "utf-8")
        return path

    def configure(self, name: str, **settings: Any) -> Path:
        """Write its settings, and where our incidents are kept: its own instance folder may belong to somebody else."""
        settings["DIAG_STORE_URL"] = f"sqlite:///{self.folder / 'diag.sqlite'}"
        return self.write(name, "".join(f"{key} = {value!r}\n" for key, value in settings.items()))

    def diag(self, app: str, *words: str, status: int = 0) -> str:
        """Return what ``flask diag`` prints."""
        return self.environment.run("flask", "--app", app, "diag", *words, folder=self.folder, status=status)

    def execute(self, statement: str) -> None:
        """Change the application's data."""
        engine = create_engine(self.database)
        with engine.begin() as connection:
            connection.execute(text(statement))
        engine.dispose()

    @contextmanager
    def served(self, app: str) -> Iterator[Visitor]:
        """Serve the application, and yield a visitor of it."""
        command = [str(self.environment.folder / "bin" / "flask"), "--app", app, "run", "--port", "0"]
        process = subprocess.Popen(
            command, cwd=self.folder, env=self.environment.variables, stderr=subprocess.PIPE, text=True
        )
        try:
            yield Visitor(_address(process))
        finally:
            process.terminate()
            process.wait()
            if process.stderr is not None:
                process.stderr.close()


def _address(process: subprocess.Popen[str]) -> str:
    """Return where it says that it runs, and go on reading what it says, so that it never waits for us."""
    assert process.stderr is not None
    said, giving_up = "", threading.Timer(START_SECONDS, process.kill)
    giving_up.start()
    for line in process.stderr:
        said += line
        found = re.search(r"Running on (http://[\d.:]+)", line)
        if found:
            giving_up.cancel()
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return found[1]
    raise AssertionError(f"The application did not start:\n{said}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a visitor got."""

    status: int
    text: str

    @property
    def said(self) -> Any:
        """Its JSON."""
        return json.loads(self.text)

    @property
    def token(self) -> str:
        """The token of its form, without which the form is not taken."""
        found = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', self.text)
        assert found is not None, self.text
        return found[1]


class Visitor:
    """Somebody with a browser that keeps cookies, or a program with a name and a password."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.headers = {"Accept": "application/json, text/html;q=0.9"}
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies)

    def login(self, name: str, password: str) -> None:
        """Send both with every request."""
        self.headers["Authorization"] = f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"

    def ask(self, method: str, path: str, **form: str) -> Answer:
        """Send a form, or nothing."""
        data = urllib.parse.urlencode(form).encode() if form else None
        request = urllib.request.Request(self.address + path, data, self.headers, method=method)
        try:
            with self._opener.open(request) as answer:
                return Answer(answer.status, answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read().decode())

    def counted(self) -> dict[str, float]:
        """Return how many errors were counted, by category."""
        sums = dict.fromkeys(CATEGORIES, 0.0)
        pattern = r'^diag_db_errors_total\{category="(\w+)",kind="\w+"\} (\S+)'
        for category, value in re.findall(pattern, self.ask("GET", "/metrics").text, re.MULTILINE):
            sums[category] += float(value)
        return sums
