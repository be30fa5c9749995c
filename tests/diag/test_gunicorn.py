"""Real gunicorn: counts are exact over all workers, whatever becomes of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from _gunicorn import SECONDS, Gunicorn, until
from _servers import free_port
from flask_diag import gunicorn as hooks

APP = Path(__file__).with_name("_gunicorn_app.py")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="gunicorn does not run there")


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Gunicorn]]:
    """Start gunicorn; it ends with the test."""
    running: list[Gunicorn] = []

    def start(*options: str, conf: str = "", **environment: str) -> Gunicorn:
        running.append(Gunicorn(tmp_path, APP, *options, conf=conf, **environment))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.mark.parametrize("mode", [(), ("--preload",)], ids=["pre-fork", "preload"])
def test_counts_of_all_workers_add_up_and_outlive_them(
    serve: Callable[..., Gunicorn], mode: tuple[str, ...]
) -> None:
    server = serve("-w", "2", *mode)
    until(lambda: len(server.workers()) == 2, server)
    first = server.broken()

    for _ in range(20):
        server.get("/broken")
    before = server.broken()
    killed = server.workers()
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(server.workers() - killed) == 2 and server.answers("/pid"), server)
    for _ in range(5):
        server.get("/broken")
    after = server.broken()
    (place,) = (server.home / "tmp").glob("flask-diag-metrics-*")
    pids = {file.stem.rpartition("_")[2] for file in place.glob("*.db")}
    server.stop()

    assert (first, before, after) == (0, 20, 25)
    assert not pids & {str(pid) for pid in killed}, "files of dead workers were left"
    assert "folded" in pids
    assert not place.exists(), "the temporary directory was left"


def test_pools_of_all_workers_add_up_however_they_restart(serve: Callable[..., Gunicorn]) -> None:
    server = serve("-w", "2", "--max-requests", "5", "--preload")  # a new worker is there at once
    asked = 0

    def both() -> bool:
        nonlocal asked
        asked += 1
        server.get("/broken")
        return server.value('diag_pool_size{app="served",bind="default"}') == 6

    until(both, server)
    for _ in range(30):
        server.get("/broken")
    asked += 30

    assert server.broken() == asked
    assert server.value('diag_probe_success{app="served",bind="default"}') == 1


def test_a_directory_of_ones_own_is_emptied_at_the_start_and_kept_over_a_reload(
    serve: Callable[..., Gunicorn], tmp_path: Path
) -> None:
    place = tmp_path / "shared" / "metrics"
    server = serve("-w", "1", PROMETHEUS_MULTIPROC_DIR=str(place))
    server.get("/broken")
    old = server.workers()
    server.process.send_signal(signal.SIGHUP)
    until(lambda: bool(server.workers()) and not server.workers() & old and server.answers("/pid"), server)
    server.get("/broken")
    kept = server.broken()
    checked = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--check-config", "_gunicorn_app:app"],
        cwd=tmp_path,
        env={
            **os.environ,
            "APP_DATABASE": str(tmp_path / "app.sqlite"),
            "PYTHONPATH": str(APP.parent),
            "PROMETHEUS_MULTIPROC_DIR": str(place),
        },
        capture_output=True,
        check=False,
    )
    after_check = server.broken()
    server.stop()

    again = serve("-w", "1", PROMETHEUS_MULTIPROC_DIR=str(place))

    assert (kept, checked.returncode, after_check) == (2, 0, 2)
    assert again.broken() == 0


def test_an_upgrade_of_gunicorn_itself_goes_on_counting(serve: Callable[..., Gunicorn]) -> None:
    """USR2: a second master starts beside the first, which then leaves."""
    server, masters = serve("-w", "1"), list[psutil.Process]()

    def upgraded() -> bool:
        answering = psutil.Process(int(server.get("/pid")))
        masters.extend(one for one in answering.parents()[:1] if one.pid != server.process.pid)
        return bool(masters)

    for _ in range(3):
        server.get("/broken")
    server.process.send_signal(signal.SIGUSR2)
    until(upgraded, server)
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(SECONDS)
    server.get("/broken")
    counted = server.broken()
    (place,) = (server.home / "tmp").glob("flask-diag-metrics-*")
    masters[0].terminate()
    _, left = psutil.wait_procs(masters[:1], SECONDS)

    assert (counted, left) == (4, [])
    assert not place.exists(), "the temporary directory was left"


def test_the_metrics_have_a_port_of_their_own_or_the_applications_own_route(
    serve: Callable[..., Gunicorn],
) -> None:
    port = free_port()
    conf = f"from flask_diag.gunicorn import serve_metrics\nwhen_ready = serve_metrics({port})"
    server = serve("-w", "2", conf=conf, APP_METRICS="")

    for _ in range(4):
        server.get("/broken")
    pool = 'diag_pool_size{app="served",bind="default"}'
    until(lambda: bool(server.value(pool, port=port)), server)

    assert server.broken(port=port) == 4
    assert server.broken(path="/own-metrics") == 4
    assert server.value('diag_probe_success{app="served",bind="default"}', port=port) == 1
    assert "Not Found" in server.get("/metrics")


def test_the_hooks_are_gunicorns_own_names() -> None:
    assert hooks.__all__ == ["child_exit", "on_exit", "on_starting"]


def test_importing_the_hooks_elsewhere_makes_no_directory(tmp_path: Path) -> None:
    code = "import os, flask_diag.gunicorn; print(os.environ.get('PROMETHEUS_MULTIPROC_DIR'))"
    environment = {key: value for key, value in os.environ.items() if key != "PROMETHEUS_MULTIPROC_DIR"}

    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout.strip() == "None"
    assert list(tmp_path.iterdir()) == []


def test_a_master_that_hands_over_leaves_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade by USR2: the new master goes on counting there."""
    master = hooks._Master()
    master.made = tmp_path / "made"
    master.made.mkdir()
    monkeypatch.setattr(hooks, "_master", master)

    hooks.on_exit(SimpleNamespace(reexec_pid=4711, master_pid=0))
    handed_over = master.made.exists()
    hooks.on_exit(SimpleNamespace(reexec_pid=0, master_pid=0))

    assert handed_over
    assert not master.made.exists()
