"""Scans of the application's own subjects, read on a connection of ours and kept in its store."""

from __future__ import annotations

from ._metrics import watch_scans
from ._read import Asked, Reading, ScanFailed, aware, default_way
from ._run import Ran, Watcher, run_part, run_whole
from ._shared import SharedScan, Sharing

__all__ = [
    "Asked",
    "Ran",
    "Reading",
    "ScanFailed",
    "SharedScan",
    "Sharing",
    "Watcher",
    "aware",
    "default_way",
    "run_part",
    "run_whole",
    "watch_scans",
]
