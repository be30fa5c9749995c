"""The real Prometheus and Alertmanager on free ports of loopback, and a webhook that keeps what it is told."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Thread
from typing import Any

from _servers import NotFound, free_port

START_SECONDS = 60
POLL = 0.1  # seconds between looks at a server that can only be asked


def tool(name: str) -> str:
    """Return the path of a program of the packages prometheus and prometheus-alertmanager; raises NotFound."""
    found = shutil.which(name)
    if found is None:
        raise NotFound(
            f"{name}: the Debian packages prometheus and prometheus-alertmanager are not installed"
        )
    return found


def run_tool(*command: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run promtool or amtool and return how it ended."""
    words = [tool(str(command[0])), *map(str, command[1:])]
    return subprocess.run(words, input=stdin, capture_output=True, text=True, check=False)


def get_json(url: str) -> Any:
    """Return what *url* answers, an error's body included."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return json.load(error)


def post_json(url: str, value: Any) -> None:
    """Send *value* to *url*; raises HTTPError where it is refused."""
    sent = urllib.request.Request(url, json.dumps(value).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(sent, timeout=10):
        return


def eventually(ask: Callable[[], Any], seconds: float, what: str) -> Any:
    """Return the first true answer of *ask*; raises TimeoutError that says *what* was waited for."""
    until = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > until:
            raise TimeoutError(f"{what} did not happen within {seconds:g} s; last seen: {answer!r}")
        time.sleep(POLL)


@contextlib.contextmanager
def running(
    command: Sequence[str | Path], log: Path, ready: str, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Run *command* until the block ends; *ready* is an address that answers 2xx once it serves."""
    with log.open("wb") as out:
        process = subprocess.Popen(list(map(str, command)), stdout=out, stderr=out, **options)
    try:
        eventually(
            lambda: process.poll() is not None or _answers(ready), START_SECONDS, f"{command[0]} serving"
        )
        if process.poll() is not None:
            raise RuntimeError(f"{command[0]} ended:\n{log.read_text(errors='replace')[-4000:]}")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:  # refused as yet, or an answer such as 503
        return False


@dataclass
class Webhook:
    """What Alertmanager sent, by receiver, in order.

    Attributes:
        url: where it listens; the receiver's name is appended.
    """

    url: str
    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    news: Condition = field(default_factory=Condition)

    def alerts(self, receiver: str, status: str) -> list[dict[str, Any]]:
        """Return the alerts that *receiver* was sent with *status*, each as often as it was sent."""
        with self.news:
            return [
                alert
                for name, message in self.received
                for alert in message["alerts"]
                if name == receiver and alert["status"] == status
            ]

    def names(self, receiver: str, status: str = "firing") -> set[str]:
        """Return the names of those alerts."""
        return {alert["labels"]["alertname"] for alert in self.alerts(receiver, status)}

    def wait_for(self, receiver: str, status: str, name: str, seconds: float) -> dict[str, Any]:
        """Return the first such alert, as soon as it comes; raises TimeoutError."""

        def found() -> dict[str, Any] | None:
            named = [one for one in self.alerts(receiver, status) if one["labels"]["alertname"] == name]
            return named[0] if named else None

        with self.news:
            if not self.news.wait_for(found, seconds):
                seen = [
                    (who, [one["labels"]["alertname"] for one in message["alerts"]], message["status"])
                    for who, message in self.received
                ]
                raise TimeoutError(
                    f"{name} was not {status} at {receiver} within {seconds:g} s; received: {seen}"
                )
            alert = found()
        assert alert is not None
        return alert


@contextlib.contextmanager
def webhook() -> Iterator[Webhook]:
    """Listen for Alertmanager; the path is the receiver's name."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with kept.news:
                kept.received.append((self.path.strip("/"), message))
                kept.news.notify_all()
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the base class names it
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept = Webhook(f"http://127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def query(self, expression: str) -> Any:
        """Return the whole answer to an instant query, an error's included."""
        return get_json(f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}")

    def value(self, expression: str) -> float | None:
        """Return the value of the only sample, or None where there is none."""
        samples = self.query(expression)["data"]["result"]
        return float(samples[0]["value"][1]) if samples else None


@contextlib.contextmanager
def alertmanager(home: Path, config: str) -> Iterator[str]:
    """Run Alertmanager with *config*; give its address."""
    home.mkdir()
    file = home / "alertmanager.yml"
    file.write_text(config, "utf-8")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        tool("prometheus-alertmanager"), f"--config.file={file}", f"--storage.path={home / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
    ]  # fmt: skip
    with running(command, home / "log", f"{url}/-/ready"):
        yield url


@contextlib.contextmanager
def prometheus(home: Path, config: dict[str, Any]) -> Iterator[Prometheus]:
    """Run Prometheus with *config*, which is YAML because it is JSON."""
    home.mkdir()
    file = home / "prometheus.yml"
    file.write_text(json.dumps(config), "utf-8")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        tool("prometheus"), f"--config.file={file}", f"--storage.tsdb.path={home / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with running(command, home / "log", f"{url}/-/ready"):
        yield Prometheus(url)
