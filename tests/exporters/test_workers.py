"""Several workers, one set of metrics: exact, whatever dies, and fast after any number of restarts."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import values
from prometheus_client.values import MultiProcessValue

from diag_exporters._catalogue import DB_ERRORS, POOL_SIZE, SCAN_LAST_SUCCESS
from diag_exporters._metrics import Metrics
from diag_exporters.workers import fold, fold_dead, wipe, worker_registry

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no server forks workers here")

RESTARTS = """
import os, sys
from pathlib import Path
from prometheus_client import Counter, Gauge, Histogram
from diag_exporters.workers import fold, worker_registry

count, largest = Counter("n", "N.", ["kind"], registry=None), Gauge("g", "G.", registry=None, multiprocess_mode="max")
took = Histogram("h", "H.", registry=None, buckets=(1, 2))
path, restarts = Path(sys.argv[1]), int(sys.argv[2])


def seen():
    registry = worker_registry(path)
    return registry.get_sample_value("n_total", {"kind": "a"}) or 0


reading, writing = os.pipe()
watcher = os.fork()
if not watcher:  # scrapes while the others fold, and ends with 1 where a count ever went down
    last = 0
    while os.read(reading, 1) == b"+":
        now = seen()
        if now < last:
            os._exit(1)
        last = now
    os._exit(0)
for number in range(restarts):
    if number % 10 == 0:
        os.write(writing, b"+")
    pid = os.fork()
    if not pid:
        count.labels("a").inc()
        largest.set(number)
        took.observe(1.5)
        os._exit(0)
    os.waitpid(pid, 0)
    while not fold(pid, path):
        pass
os.write(writing, b".")
print(os.getpid(), os.waitstatus_to_exitcode(os.waitpid(watcher, 0)[1]))
"""


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Metrics], Any]], int]:
    """Do something with the metrics in a process of its own, which ends; returns its id."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))

    def run(work: Callable[[Metrics], Any]) -> int:
        pid = os.fork()
        if not pid:
            try:
                values.ValueClass = MultiProcessValue()  # type: ignore[no-untyped-call] # untyped in prometheus_client
                work(Metrics())
            finally:
                os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(pid, 0)
        return pid

    return run


def errors(path: Path) -> float | None:
    labels = {"category": "outage", "kind": "connection_refused"}
    return worker_registry(path).get_sample_value(DB_ERRORS.name, labels)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("restarts", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_any_number_of_restarts_leaves_one_set_of_files_and_exact_counts(
    restarts: int, tmp_path: Path
) -> None:
    """And a scrape that runs all the while never sees a count go down: that would be a burst of errors in a graph."""
    ran = subprocess.run(
        [sys.executable, "-c", RESTARTS, str(tmp_path), str(restarts)],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    master, watched = ran.stdout.split()
    registry = worker_registry(tmp_path)
    started = time.process_time()
    counted = registry.get_sample_value("n_total", {"kind": "a"})
    took = time.process_time() - started

    assert watched == "0", "a scrape saw a count go down"
    assert counted == restarts
    assert registry.get_sample_value("h_count") == restarts
    assert registry.get_sample_value("h_sum") == 1.5 * restarts
    assert registry.get_sample_value("h_bucket", {"le": "1.0"}) == 0
    assert registry.get_sample_value("g") == restarts - 1
    assert {file.stem.rpartition("_")[2] for file in tmp_path.glob("*.db")} == {"folded", master}
    assert took < 0.25, f"a scrape took {took:.3f} s of CPU"


def test_what_a_killed_worker_counted_is_kept(worker: Any, tmp_path: Path) -> None:
    pids = [
        worker(lambda metrics: metrics.add(DB_ERRORS, 2, "outage", "connection_refused")) for _ in range(3)
    ]
    before = errors(tmp_path)
    for pid in pids:
        fold(pid, tmp_path)

    assert (before, errors(tmp_path)) == (6, 6)


def test_folding_a_worker_twice_counts_it_once(worker: Any, tmp_path: Path) -> None:
    pid = worker(lambda metrics: metrics.add(DB_ERRORS, 1, "outage", "connection_refused"))

    fold(pid, tmp_path)
    fold(pid, tmp_path)

    assert errors(tmp_path) == 1


def test_gauges_of_the_living_end_with_their_worker(worker: Any, tmp_path: Path) -> None:
    """A pool that is gone must not count as one that is there."""
    pid = worker(lambda metrics: metrics.set(POOL_SIZE, 5, "shop", "default"))
    labels = {"app": "shop", "bind": "default"}
    before = worker_registry(tmp_path).get_sample_value(POOL_SIZE.name, labels)

    fold(pid, tmp_path)

    assert before == 5
    assert worker_registry(tmp_path).get_sample_value(POOL_SIZE.name, labels) is None


def test_of_two_dead_workers_the_later_scan_is_shown(worker: Any, tmp_path: Path) -> None:
    for seen in (100.0, 200.0):
        fold(worker(lambda metrics, seen=seen: metrics.set(SCAN_LAST_SUCCESS, seen)), tmp_path)
    fold(worker(lambda metrics: metrics), tmp_path)  # one that never scanned

    assert worker_registry(tmp_path).get_sample_value(SCAN_LAST_SUCCESS.name) == 200


def test_dead_workers_are_found_where_no_hook_tells_of_them(worker: Any, tmp_path: Path) -> None:
    """UWSGI has none."""
    for _ in range(3):
        worker(lambda metrics: metrics.add(DB_ERRORS, 1, "outage", "connection_refused"))
    (tmp_path / f"counter_{os.getpid()}.db").write_bytes(next(tmp_path.glob("counter_*.db")).read_bytes())

    fold_dead(tmp_path)

    left = {file.stem.rpartition("_")[2] for file in tmp_path.glob("counter_*.db")}
    assert left == {"folded", str(os.getpid())}
    assert errors(tmp_path) == 4


@pytest.mark.parametrize("damage", [b"", b"\0" * 64, struct.pack("i", 4000) + b"\xff" * 600])
def test_a_file_that_a_killed_worker_left_half_made_hides_no_other(
    worker: Any, tmp_path: Path, damage: bytes
) -> None:
    pid = worker(lambda metrics: metrics.add(DB_ERRORS, 1, "outage", "connection_refused"))
    (tmp_path / "counter_99999999.db").write_bytes(damage)
    before = errors(tmp_path)
    for dead in (pid, 99999999):
        fold(dead, tmp_path)

    assert (before, errors(tmp_path)) == (1, 1)
    assert not (tmp_path / "counter_99999999.db").exists()


def test_a_wipe_makes_the_directory_and_leaves_nothing_of_the_last_run(tmp_path: Path) -> None:
    place = tmp_path / "not" / "there"
    wipe(place)
    (place / "counter_1.db").touch()

    wipe(place)

    assert list(place.glob("*.db")) == []


def test_without_a_directory_there_is_nothing_to_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)

    assert fold(1) is True
    with pytest.raises(ValueError, match="set PROMETHEUS_MULTIPROC_DIR or give a path"):
        worker_registry()
