"""Several workers, one set of metrics: prometheus_client's files, kept few and read consistently.

prometheus_client writes a file for each process and leaves those of dead ones there for ever, so that a scrape
gets slower with every restart (8 ms with 5 processes, 1.2 s with 1,000). Here a dead process's file is added to
that of all the dead (`fold`), under a lock that a scrape shares, so that nothing is missed or counted twice.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

logger = logging.getLogger("flask_diag")

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
FOLDED = "folded"  # stands where a file's name has the process's id
LOCK_FILE = "flask-diag.lock"
LOCK_WAIT = 1.0  # seconds that `fold` waits for scrapes; a stopped one must not stop gunicorn's master
PER_PROCESS = ("gauge_all", "gauge_liveall")  # one series a process, which can't be added up
_Values = dict[str, tuple[float, float]]  # by prometheus_client's key: the value, and when it was set

_inside = threading.Lock()  # a file lock is the process's, not the thread's


def directory() -> Path | None:
    """Return the directory that the workers share (``PROMETHEUS_MULTIPROC_DIR``), or None without one."""
    path = os.environ.get(VARIABLE)
    return Path(path) if path else None


def worker_registry(path: Path | None = None) -> CollectorRegistry:
    """Return a registry with the sum over all workers, living and dead.

    Raises:
        ValueError: there is no directory: neither *path* nor ``PROMETHEUS_MULTIPROC_DIR``.
    """
    registry = CollectorRegistry()
    registry.register(WorkersCollector(path))
    return registry


class WorkersCollector(Collector):
    """Reads the files of all workers, while nobody folds."""

    def __init__(self, path: Path | None = None) -> None:
        found = path or directory()
        if found is None:
            raise ValueError(f"No directory for the workers' metrics: set {VARIABLE} or give a path.")
        self._path = found

    def collect(self) -> Iterator[Family]:
        """Yield the families, summed over the workers."""
        with _locked(self._path, exclusive=False, seconds=LOCK_WAIT):
            files = [str(file) for file in self._path.glob("*.db") if file.stat().st_size]
            try:
                families = list(_merged(files))
            except Exception:  # noqa: BLE001 a file that a killed process left half written: read the others
                families = list(_merged([file for file in files if _sound(Path(file))]))
        yield from families

    def describe(self) -> list[Family]:
        """Name nothing beforehand: the files say what there is."""
        return []


def wipe(path: Path) -> None:
    """Make the directory, and remove what an earlier server left there."""
    path.mkdir(parents=True, exist_ok=True)
    for file in path.glob("*.db"):
        file.unlink(missing_ok=True)


def fold(pid: int, path: Path | None = None) -> bool:
    """Add the files of the dead process *pid* to those of all the dead, and remove them.

    Its gauges that count for the living only are gone with it. Returns False where scrapes kept the lock all the
    time: nothing was changed, try again later.
    """
    place = path or directory()
    if place is None:
        return True
    with _locked(place, exclusive=True, seconds=LOCK_WAIT) as mine:
        if not mine:
            return False
        for file in sorted(place.glob(f"*_{pid}.db")):
            kind = file.name.removesuffix(f"_{pid}.db")
            if kind.startswith("gauge_live"):
                file.unlink(missing_ok=True)
            elif kind not in PER_PROCESS:
                _fold_file(file, place / f"{kind}_{FOLDED}.db", kind)
    return True


def fold_dead(path: Path | None = None) -> None:
    """Fold every process that is no more: for servers without a hook for it (uWSGI), from time to time."""
    place = path or directory()
    names = [file.stem.rpartition("_")[2] for file in place.glob("*.db")] if place is not None else []
    for pid in {int(name) for name in names if name.isdecimal()}:
        if not _lives(pid):
            fold(pid, place)


def _fold_file(dead: Path, into: Path, kind: str) -> None:
    values = _read(into)
    for key, (value, at) in _read(dead).items():
        values[key] = _combined(kind, values.get(key), (value, at))
    # written aside and put in place at once: a fold that is killed leaves the old file or the new one
    fresh = into.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    book: Any = MmapedDict(str(fresh))  # type: ignore[no-untyped-call] # untyped in prometheus_client
    for key, (value, at) in values.items():
        book.write_value(key, value, at)
    book.close()
    fresh.replace(into)
    dead.unlink(missing_ok=True)


def _combined(kind: str, known: tuple[float, float] | None, more: tuple[float, float]) -> tuple[float, float]:
    if known is None:
        return more
    if kind == "gauge_mostrecent":
        return max(known, more, key=lambda one: one[1])
    if kind in ("gauge_min", "gauge_max"):
        choose = min if kind == "gauge_min" else max
        return choose(known[0], more[0]), 0.0
    return known[0] + more[0], 0.0


def _read(file: Path) -> _Values:
    """Return the values of *file*; none where it is missing, or was left half made by a process that was killed."""
    if not file.exists() or file.stat().st_size == 0:
        return {}
    found: _Values = {}
    try:
        for key, value, at, _ in MmapedDict.read_all_values_from_file(str(file)):  # type: ignore[no-untyped-call] # as above
            if len(json.loads(key)) == 4:  # the metric, the series, the labels, the help
                found[key] = (value, at)
    except Exception as error:  # noqa: BLE001 whatever is wrong with it, the others are to be kept
        logger.warning(
            "The metrics file %s is damaged (%s): what it held is lost.", file.name, type(error).__name__
        )
    return found


def _merged(files: list[str]) -> Iterator[Family]:
    families: Iterator[Family] = iter(MultiProcessCollector.merge(files))  # type: ignore[no-untyped-call] # as above
    return families


def _sound(file: Path) -> bool:
    try:
        list(_merged([str(file)]))
    except Exception as error:  # noqa: BLE001 as in _read
        logger.warning(
            "The metrics file %s is damaged (%s): it is left out.", file.name, type(error).__name__
        )
        return False
    return True


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _locked(path: Path, *, exclusive: bool, seconds: float) -> Iterator[bool]:
    """Hold the directory's lock; yields False where it could not be had in time. Not inherited by a fork."""
    if not _inside.acquire(timeout=seconds):
        yield False
        return
    try:
        if sys.platform == "win32":  # no server there forks workers
            yield True
            return
        with (path / LOCK_FILE).open("a+b") as file:
            yield _file_locked(file.fileno(), exclusive=exclusive, seconds=seconds)
    finally:
        _inside.release()


def _file_locked(descriptor: int, *, exclusive: bool, seconds: float) -> bool:
    """Lock until the file is closed.

    The first byte is a gate that scrapes pass and `fold` keeps shut while it waits for those inside to come out:
    scrapes that follow each other would never let it in.
    """
    if sys.platform == "win32":
        return True
    import fcntl

    mode = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    deadline = time.monotonic() + seconds
    for byte in (0, 1):
        while True:
            try:
                fcntl.lockf(descriptor, mode | fcntl.LOCK_NB, 1, byte)
                break
            except OSError:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(0.001)  # a file lock has no event to wait for
    if not exclusive:
        fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, 0)
    return True


def _after_fork() -> None:
    """Let a child that was forked during a scrape have a lock of its own."""
    global _inside  # noqa: PLW0603 a lock can't be set free by a thread that does not exist here
    _inside = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
