"""Virtual environments as a user makes them: an interpreter of this machine, and what is installed into it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from _distribution import ROOT

PYTHONS = ("3.11", "3.12", "3.13")


def interpreter(version: str) -> str | None:
    """Return an interpreter of *version* (``3.13``; ``3.13t`` is free-threaded) that runs: on the path, or among those of pyenv; None without any."""
    return next((one for one in _candidates(version) if _runs(one, version)), None)


def _candidates(version: str) -> Iterator[str]:
    yield sys.executable
    number, free = version.removesuffix("t"), "t" if version.endswith("t") else ""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from map(str, sorted(pyenv.glob(f"{number}.*{free}/bin/python")))
    found = shutil.which(f"python{version}")
    if found is not None:
        yield found


def _runs(candidate: str, version: str) -> bool:
    """A shim of pyenv may stand for a version that is not chosen."""
    program = (
        "import sys, sysconfig; free = sysconfig.get_config_var('Py_GIL_DISABLED'); "
        "print('%d.%d' % sys.version_info[:2] + ('t' if free else ''))"
    )
    done = subprocess.run([candidate, "-c", program], check=False, capture_output=True, text=True)
    return done.returncode == 0 and done.stdout.strip() == version


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment.

    Attributes:
        folder: where it is.
        variables: what its programs see of the world around: no settings of this process's Python, Flask or home.
    """

    folder: Path
    variables: dict[str, str]

    @classmethod
    def make(cls, folder: Path, python: str, home: Path | None = None) -> Environment:
        """Make one with *python*; with *home* as the home of whoever uses it, empty and without any cache."""
        shunned = ("PYTHON", "VIRTUAL_ENV", "FLASK", "DIAG", "COVERAGE")
        variables = {name: value for name, value in os.environ.items() if not name.startswith(shunned)}
        variables["PATH"] = f"{folder / 'bin'}{os.pathsep}{variables['PATH']}"
        if home is not None:
            home.mkdir(parents=True, exist_ok=True)
            variables |= {"HOME": str(home), "PIP_NO_CACHE_DIR": "1", "XDG_CACHE_HOME": str(home / ".cache")}
        made = cls(folder, variables)
        _checked([python, "-m", "venv", *([] if home is not None else ["--without-pip"]), folder], variables)
        return made

    @property
    def packages(self) -> Path:
        """Where packages are installed."""
        return next(self.folder.glob("lib/python3.*/site-packages"))

    def install(self, *what: str | Path, locked: bool = True) -> None:
        """Install with uv; *locked*: in the versions of requirements.lock, where it names them."""
        command: list[str | Path] = [
            uv(),
            "pip",
            "install",
            "--quiet",
            "--python",
            self.folder / "bin" / "python",
        ]
        constraint: list[str | Path] = ["--constraint", ROOT / "requirements.lock"] if locked else []
        _checked([*command, *constraint, *what], self.variables)

    def pip(self, *arguments: str | Path) -> None:
        """Call its own pip, as the tutorial does."""
        _checked([self.folder / "bin" / "pip", *arguments], self.variables)

    def run(self, *command: str | Path, folder: Path, status: int = 0) -> str:
        """Return what *command*, a program of the environment first, prints in *folder*; fails where it ends otherwise."""
        name, *rest = command
        return _checked([self.folder / "bin" / name, *rest], self.variables, folder, status)


def uv() -> str:
    """Return the program that installs: that of this environment, else one on the path."""
    own = Path(sys.executable).with_name("uv")
    return str(own) if own.exists() else shutil.which("uv") or "uv"


def _checked(
    command: Sequence[str | Path], variables: dict[str, str], folder: Path | None = None, status: int = 0
) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=variables, cwd=folder)
    said = done.stdout + done.stderr
    assert done.returncode == status, (
        f"{' '.join(map(str, command))} ended with {done.returncode}:\n{_masked(said)}"
    )
    return done.stdout


def _masked(text: str) -> str:
    """Leave out who logs in to an index."""
    return re.sub(r"://[^/@\s]+@", "://***@", text)
