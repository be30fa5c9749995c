"""Under gunicorn's gevent worker threads are greenlets: the store writes, and holds nobody up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from _servers import free_port
from diag.store._incidents import counted
from flask_diag.store import Store

SECONDS = 60


class Served:
    """A gunicorn that runs."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self._port, self._log = process, port, log

    def get(self, path: str) -> str:
        """Return the answer's body, whatever its status; a worker that stands still fails."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=20) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return error.read().decode()

    def wait(self) -> None:
        """Until it answers; or fail with its log."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with suppress(OSError):
                self.get("/patched")
                return
            time.sleep(0.05)  # another process's state has no event to wait for
        pytest.fail(self._log.read_text(encoding="utf-8")[-3000:])


@contextmanager
def gunicorn(home: Path, *options: str) -> Iterator[Served]:
    """Serve the application by one gevent worker."""
    port, log = free_port(), home / "gunicorn.log"
    place = ["-m", "gunicorn", "-k", "gevent", "-w", "1", "-b", f"127.0.0.1:{port}"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *place, *options, "diag.store._gevent_app:app"],
            env={**os.environ, "APP_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            served = Served(process, port, log)
            served.wait()
            yield served
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["pre-fork", "preload"])
def test_a_greenlet_writes_and_the_last_are_written_at_the_end(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Also where the application was loaded before gevent put its own threads in place of Python's."""
    with gunicorn(tmp_path, *options) as served:
        patched = served.get("/patched")
        served.get("/fill")
        for _ in range(5):
            served.get("/broken")
        scanned = served.get("/scan")  # while the writer waits for more
        for _ in range(5):
            served.get("/broken")
        served.process.send_signal(signal.SIGTERM)
        served.process.wait(SECONDS)

    store = Store(f"sqlite:///{tmp_path / 'store.sqlite'}", "served", drain=0)
    try:
        assert patched == "True"
        assert scanned == "3 1 "
        assert counted(store) == 10
        assert store.status().lost == 0
    finally:
        store.close(5)


@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["pre-fork", "preload"])
def test_a_project_is_judged_by_another_greenlet_and_nobody_waits_for_it(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    """The greenlet that judged waits for the next question, and the worker answers meanwhile."""
    with gunicorn(tmp_path, *options) as served:
        served.get("/fill")
        verdicts = [served.get("/diag/api/v1/projects/1") for _ in range(2)]
        patched = served.get("/patched")

    assert all('"outcome"' in verdict for verdict in verdicts)
    assert patched == "True"
