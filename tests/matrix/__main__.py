"""Run the quick tests on each Python, SQLAlchemy, and the lowest and the newest of every dependency: ``make test-matrix``.

The lowest are those that pyproject.toml promises; what only the tests use is of today, since nobody is promised that.
Every environment is made anew under ``.cache/matrix``; what this machine lacks is named, and never taken for a pass.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from _distribution import ROOT
from _environment import PYTHONS, interpreter, uv

WORK = ROOT / ".cache" / "matrix"
FREE_THREADED = "3.13t"  # with the newest only: drivers have not had wheels for it for long
ALCHEMIES = {"2.0": "sqlalchemy>=2.0,<2.1", "2.1": "sqlalchemy>=2.1,<2.2"}
VERSIONS = ("lowest", "newest")
EXTRAS = "postgresql,mysql,celery,demo"
# what meets Flask, SQLAlchemy, Sentry and prometheus_client most, without servers: about two minutes on one core
QUICK = (
    *(f"tests/rules/errors/test_{name}.py" for name in ("chains", "never_raises", "orm_errors", "register", "sqlite_errors", "violates")),
    *(f"tests/rules/deletion/test_{name}.py" for name in ("audit", "check", "delete", "keys", "listeners", "policy", "policy_conditions", "scan")),
    *(f"tests/exporters/test_{name}.py" for name in ("log", "prometheus", "publish", "scrub", "sentry")),
    *(f"tests/diag/test_{name}.py" for name in ("access", "answers", "api", "capture", "cli", "cli_delete", "extension", "health", "pages", "story")),
    *(f"tests/diag/store/test_{name}.py" for name in ("history", "scans", "what_is_kept")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """One place of the matrix."""

    python: str
    alchemy: str
    versions: str

    @property
    def name(self) -> str:
        """What it is called, on the command line and in the report."""
        return f"py{self.python}-sa{self.alchemy}-{self.versions}"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a cell; *words* is the tests' last line, or what is missing."""

    cell: Cell
    outcome: str
    words: str
    seconds: float = 0.0


def main() -> int:
    """Run the cells that were asked for; return how many failed or were not found."""
    asked = _arguments()
    cells = [cell for cell in _cells() if not asked.only or re.search(asked.only, cell.name)]
    if not cells:
        print(f"No cell is called like {asked.only!r}: there are {', '.join(c.name for c in _cells())}.")
        return 2
    results = [_told(_run(cell, asked.database, asked.pytest)) for cell in cells]
    print(f"\n{'CELL':<24}{'OUTCOME':<12}{'SECONDS':>8}  WORDS")
    for one in results:
        print(f"{one.cell.name:<24}{one.outcome:<12}{one.seconds:>8.0f}  {one.words}")
    return sum(one.outcome != "passed" for one in results)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make test-matrix", description=__doc__)
    parser.add_argument("--only", default="", help="a regular expression that the cells' names must match")
    parser.add_argument("--db", dest="database", action="append", help="databases (default: sqlite)")
    parser.add_argument("pytest", nargs="*", help="for pytest instead of the quick tests: paths and options")
    return parser.parse_args()


def _cells() -> Iterator[Cell]:
    yield from itertools.starmap(Cell, itertools.product(PYTHONS, ALCHEMIES, VERSIONS))
    yield from (Cell(FREE_THREADED, alchemy, "newest") for alchemy in ALCHEMIES)


def _told(result: Result) -> Result:
    print(f"{result.cell.name}: {result.outcome}, {result.words}", flush=True)
    return result


def _run(cell: Cell, databases: Sequence[str] | None, wanted: Sequence[str]) -> Result:
    """Make the cell's environment and run the tests in it."""
    python = interpreter(cell.python)
    if python is None:
        return Result(cell, "not found", f"no Python {cell.python} on this machine")
    place = WORK / cell.name
    made = _environment(cell, python, place)
    if made is not None:
        return Result(cell, "not made", made)
    started = time.monotonic()
    choice = [f"--db={name}" for name in databases or ("sqlite",)]
    command: list[str | Path] = [
        place / "bin" / "python",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *choice,
        *(wanted or QUICK),
    ]
    done = _shell(command, place / "tests.log")
    words = _last_line(done.stdout) or f"pytest ended with {done.returncode}"
    seconds = time.monotonic() - started
    return Result(cell, "passed" if done.returncode == 0 else "failed", words, seconds)


def _environment(cell: Cell, python: str, place: Path) -> str | None:
    """Make the environment of a cell; return what is wrong, or None."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    steps: list[list[str | Path]] = [[uv(), "venv", "--quiet", "--clear", "--python", python, place]]
    alchemy, pins = place / "sqlalchemy.txt", place / "lowest.txt"
    install: list[str | Path] = [uv(), "pip", "install", "--quiet", "--python", place / "bin" / "python"]
    install += ["--constraint", alchemy]
    if cell.versions == "lowest":
        steps.append(
            [uv(), "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--resolution", "lowest-direct",
             "--python", place / "bin" / "python", "--constraint", alchemy, "--extra", "postgresql", "--extra", "mysql",
             "--extra", "celery", "--extra", "demo", "--output-file", pins, "pyproject.toml"]
        )  # fmt: skip
        install += ["--constraint", pins]
    steps.append([*install, "--editable", f".[{EXTRAS}]", "--group", "dev"])
    for number, step in enumerate(steps):
        done = _shell(step, place / f"made-{number}.log")
        if done.returncode:
            return f"{Path(step[0]).name} {step[1]} {step[2]}: {_last_line(done.stderr)}"
        alchemy.write_text(f"{ALCHEMIES[cell.alchemy]}\n")  # uv's venv clears the place first
        if pins.exists():
            pins.write_text("\n".join(_direct(pins.read_text().splitlines())) + "\n")
    return None


def _direct(lines: Sequence[str]) -> list[str]:
    """Return the pins of what we ask for ourselves: what those ask for may be as new as the tests' tools want."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [
        *project["dependencies"],
        *itertools.chain.from_iterable(project["optional-dependencies"].values()),
    ]
    ours = {_name(one) for one in asked} | {"psycopg-binary"}
    return [line for line in lines if _name(line) in ours]


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def _shell(command: Sequence[str | Path], log: Path) -> subprocess.CompletedProcess[str]:
    """Run *command* from the root; all that it says goes to *log* as well."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "PYTHON"))
    }
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=environment)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(done.stdout + done.stderr)
    return done


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].strip("= ")[:200] if lines else ""


if __name__ == "__main__":
    sys.exit(main())
