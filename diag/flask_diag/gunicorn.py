"""Hooks for gunicorn: metrics that are right with several workers, and stay fast however often these restart.

In ``gunicorn.conf.py``::

    from flask_diag.gunicorn import *

Workers share the directory ``PROMETHEUS_MULTIPROC_DIR``, or a temporary one where that is not set. It is made and
emptied when gunicorn starts, before ``--preload`` loads the application; a worker that ends, however it does, is
taken out of the gauges, and its counters are added to those of all that ended before.

A hook of your own goes on calling ours: ``def child_exit(server, worker): diag_gunicorn.child_exit(server, worker)``.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import prometheus_client.values
from prometheus_client import start_http_server

from diag_exporters.workers import VARIABLE, directory, fold, fold_dead, wipe, worker_registry

__all__ = ["child_exit", "on_exit", "on_starting"]

MASTER_LOCK = "flask-diag.master"
MADE = "FLASK_DIAG_METRICS_MADE"  # tells the master of an upgrade (USR2) that the directory is ours to remove


class _Master:
    """What gunicorn's master knows of its directory.

    Attributes:
        made: the temporary directory that we made, or None.
        lock: held as long as this master lives, so that no second one (``--check-config``, an upgrade by USR2)
            empties the directory of a server that runs.
        waiting: workers that ended while a scrape kept the files.
    """

    def __init__(self) -> None:
        self.made: Path | None = None
        self.lock: IO[bytes] | None = None
        self.waiting: set[int] = set()
        self.prepared_by: int | None = None

    def prepare(self) -> None:
        """Make and empty the directory, once a process, and let prometheus_client count into it."""
        if self.prepared_by == os.getpid():
            return
        self.prepared_by = os.getpid()
        path = directory()
        if path is None:
            path = self.made = Path(tempfile.mkdtemp(prefix="flask-diag-metrics-"))
            os.environ[VARIABLE] = os.environ[MADE] = str(path)
        elif os.environ.get(MADE) == str(path):
            self.made = path
        path.mkdir(parents=True, exist_ok=True)
        if self.take_lock(path):
            wipe(path)
        else:
            fold_dead(path)
        _count_into_files()

    def take_lock(self, path: Path) -> bool:
        """Become the directory's master, unless another lives."""
        if self.lock is not None:
            return True
        if sys.platform == "win32":  # gunicorn does not run there
            return True
        import fcntl

        file = (path / MASTER_LOCK).open("a+b")
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self.lock = file
        return True

    def ended(self, pid: int) -> None:
        """Fold a worker that ended, and those that had to wait."""
        path = directory()
        if path is None:
            return
        self.take_lock(path)  # that of a master whom this one has replaced
        self.waiting.add(pid)
        self.waiting = {waiting for waiting in self.waiting if not fold(waiting, path)}

    def leave(self) -> None:
        """Remove the directory that we made."""
        if self.lock is not None:
            self.lock.close()
            self.lock = None
        if self.made is not None:
            shutil.rmtree(self.made, ignore_errors=True)


_master = _Master()


def on_starting(server: Any) -> None:
    """Make and empty the directory, where loading the configuration has not, and let the master of an upgrade find it."""
    _master.prepare()
    # USR2 starts the next master with the environment from before the configuration was loaded
    server.cfg.env_orig.update((name, os.environ[name]) for name in (VARIABLE, MADE) if name in os.environ)


def child_exit(_server: Any, worker: Any) -> None:
    """Take a worker that ended out of the gauges and fold its counters."""
    _master.ended(worker.pid)


def on_exit(server: Any) -> None:
    """Remove a directory that we made, unless another master goes on with it after an upgrade (USR2)."""
    before = getattr(
        server, "master_pid", 0
    )  # the master that this one replaces, until it has seen that it is gone
    if not getattr(server, "reexec_pid", 0) and before != os.getppid():
        _master.leave()


def serve_metrics(port: int, host: str = "127.0.0.1") -> Callable[[Any], None]:
    """Return a hook that serves the metrics of all workers on a port of their own, from gunicorn's master.

    In ``gunicorn.conf.py``: ``when_ready = serve_metrics(9100)``. Whoever reaches the port may read.
    """

    def when_ready(_server: Any) -> None:
        start_http_server(port, addr=host, registry=worker_registry())

    return when_ready


def _count_into_files() -> None:
    """Switch prometheus_client over where it was imported before the variable was set; nothing is counted yet."""
    values: Any = prometheus_client.values
    if not getattr(values.ValueClass, "_multiprocess", False):
        values.ValueClass = values.MultiProcessValue()


def _is_loading_configuration() -> bool:
    """Tell whether gunicorn's own loading of its configuration imports us: no worker, no tool, no test."""
    frame = sys._getframe(1)  # noqa: SLF001 the one way to know the importer
    while frame is not None:
        if frame.f_globals.get("__name__") == "gunicorn.app.base" and frame.f_code.co_name.startswith(
            "load_config"
        ):
            return True
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return False


if _is_loading_configuration():  # before --preload loads the application, which no hook is early enough for
    _master.prepare()
