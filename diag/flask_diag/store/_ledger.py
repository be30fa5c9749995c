"""How many incidents a process took, kept where its death does not reach: a file mapped into memory.

A process that is killed takes the incidents in its queue with it. The file says how many it had accepted, the
store how many of them were written, and the difference is what was lost. The lock on the file is the kernel's:
it ends with the process, so who can take it knows that the owner is dead.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

fcntl: Any = import_module("fcntl") if find_spec("fcntl") else None  # Windows has none

_SIZE = 24  # three numbers: accepted, dropped later, told as lost at the end

_told_here: dict[str, int] = {}  # by writer: what the counters of this very process say already


@dataclass(slots=True, eq=False)
class Remains:
    """What a dead process has left; nobody else can have it before `release`.

    Attributes:
        writer: its id.
        accepted: incidents that it put into its queue.
        dropped: of them, dropped afterwards, and counted as such.
        told: of the others, counted as lost by itself, at its end.
        lost: of them, never written: known once the store was asked.
    """

    writer: str
    accepted: int
    dropped: int
    told: int
    path: Path
    file: BinaryIO
    lost: int = 0

    def release(self, *, counted: bool) -> None:
        """Let go of it; what was *counted* is gone for good."""
        if counted:
            _told_here.pop(self.writer, None)
            with suppress(OSError):
                self.path.unlink()
        self.file.close()


class Ledger:
    """The ledger of this process. Without a folder to write, it counts in memory only.

    Args:
        lasting: what this process counts is read after its end, too.
    """

    def __init__(self, folder: Path | None, store: str, writer: str, *, lasting: bool = False) -> None:
        self._folder, self._prefix, self._writer, self._lasting = folder, _prefix(store), writer, lasting
        self._path = None if folder is None else folder / f"{self._prefix}{writer}"
        self._fd = -1
        self._view: memoryview = memoryview(bytearray(_SIZE)).cast("Q")
        self._map: mmap.mmap | None = None

    def open(self) -> None:
        """Make the file, and lock it until the process ends."""
        if self._path is None or fcntl is None or self._map is not None:
            return
        with suppress(OSError, ValueError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._fd, _SIZE)
            self._map = mmap.mmap(self._fd, _SIZE)
            counted = self._view.tolist()
            self._view = memoryview(self._map).cast("Q")
            for place, total in enumerate(counted):
                self._view[place] = total

    def accepted(self, total: int) -> None:
        """Note how many incidents were accepted in all."""
        self._view[0] = total

    def dropped(self, total: int) -> None:
        """Note how many of the accepted were dropped in all."""
        self._view[1] = total

    def told(self, total: int) -> None:
        """Note how many were counted as lost at the end, so that who finds them does not count them once more."""
        if self._map is None:
            return
        if self._lasting:
            self._view[2] = total
        else:  # the counters end with this process, and whoever comes after it counts
            _told_here[self._writer] = total

    def close(self, *, settled: bool) -> None:
        """Let go of the file; remove it where every incident is *settled*, else leave it for who counts the loss."""
        if settled and self._path is not None and self._map is not None:
            with suppress(OSError):
                self._path.unlink()
        self.forget()

    def forget(self) -> None:
        """Close the file without a word: in the child of a fork, the parent's lock must not live on in it."""
        self._view.release()
        self._view = memoryview(bytearray(_SIZE)).cast("Q")
        if self._map is not None:
            self._map.close()
            self._map = None
        if self._fd >= 0:
            with suppress(OSError):
                os.close(self._fd)
            self._fd = -1

    def dead(self) -> Iterator[Remains]:
        """Yield what dead processes of the same store have left."""
        if self._folder is None or fcntl is None:
            return
        for path in sorted(self._folder.glob(f"{self._prefix}*")):
            found = None if path == self._path else _remains(path, path.name.removeprefix(self._prefix))
            if found is not None:
                yield found


def _remains(path: Path, writer: str) -> Remains | None:
    """Return the remains at *path*, locked; None where its owner lives, or another process was first."""
    file = None
    with suppress(OSError):
        file = path.open("rb")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: its owner lives
        content = file.read(_SIZE)
        if len(content) == _SIZE and path.stat().st_ino == os.fstat(file.fileno()).st_ino:
            accepted, dropped, told = memoryview(content).cast("Q")
            return Remains(writer, accepted, dropped, told or _told_here.get(writer, 0), path, file)
    if file is not None:
        file.close()
    return None


def folder_for(path: Path | None) -> Path | None:
    """Return where the ledgers of a store are: beside a SQLite file, else in a folder of ours among the temporary ones.

    None where that folder is not ours alone.
    """
    if path is not None:
        return path.parent
    if not hasattr(os, "getuid"):
        return None
    folder = Path(tempfile.gettempdir()) / f"flask-diag-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    sound = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
    return folder if sound else None


def _prefix(store: str) -> str:
    return f"diag-ledger-{hashlib.blake2b(store.encode(), digest_size=6).hexdigest()}-"
