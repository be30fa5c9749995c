"""Type checkers of those who use the package: they accept what is right and name what is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from _distribution import ROOT

SAMPLE = Path(__file__).with_name("_typed_app.py")
CACHE = ROOT / ".cache" / "mypy-for-users"
WRONG = {
    "a database instead of the class": 'Diagnostics(Flask("shop"), subject="Project")',
    "an argument that does not exist": 'Diagnostics(Flask("shop"), polices="deletion.toml")',
    "an answer as if there always were one": "diag.answer(SQLAlchemyError()).status_code",
    "a verdict taken for a truth value's name": "verdict.deleteable",
    "a verdict is never changed": "verdict.key = 2",
    "a category's name with a slip": "Category.OUTTAGE",
    "a setting with a slip": 'configure(readonly="transaction")',
    "a setting's value with a slip": 'configure(read_only="standby")',
    "a remedy that nobody knows": 'Relation(table="invitation", remedy="erase")',
    "an exporter of the wrong shape": "Diagnostics(exporters=[lambda: None])",
    "parts of a scan as text": 'register_scans(object(), Flask("shop"), parts="eight")',
    "a port as text": 'serve_metrics("9100")',
}
BEGIN = """
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from diag_rules.deletion import Relation, Verdict
from diag_rules.errors import Category, configure
from flask_diag import Diagnostics
from flask_diag.celery import register as register_scans
from flask_diag.gunicorn import serve_metrics

diag = Diagnostics()


def wrong(verdict: Verdict) -> None:
"""


def mypy(file: Path) -> subprocess.CompletedProcess[str]:
    """Run mypy from the file's own folder, where no setting of ours is found: the package is what is installed."""
    options = ["--strict", "--config-file", "", "--cache-dir", str(CACHE), "--no-error-summary"]
    return run([sys.executable, "-m", "mypy", *options, file.name], file)


def basedpyright(file: Path) -> subprocess.CompletedProcess[str]:
    """Run it as pyright's ``strict``."""
    (file.parent / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}', "utf-8")
    program = Path(sys.executable).with_name("basedpyright")
    return run([str(program), "--pythonpath", sys.executable, file.name], file)


def run(command: list[str], file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=file.parent, capture_output=True, text=True, check=False)


CHECKERS = {"mypy": mypy, "basedpyright": basedpyright}


@pytest.mark.parametrize("checker", CHECKERS)
def test_an_application_that_uses_all_of_it_is_right(checker: str, tmp_path: Path) -> None:
    file = tmp_path / "shop.py"
    file.write_text(SAMPLE.read_text("utf-8"), "utf-8")

    done = CHECKERS[checker](file)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("checker", CHECKERS)
def test_every_wrong_use_is_named(checker: str, tmp_path: Path) -> None:
    file, first = tmp_path / "wrong.py", BEGIN.count("\n") + 1
    file.write_text(BEGIN + "".join(f"    {line}\n" for line in WRONG.values()), "utf-8")

    done = CHECKERS[checker](file)

    found = {line for line in range(first, first + len(WRONG)) if f"wrong.py:{line}" in done.stdout}
    missed = [what for line, what in enumerate(WRONG, first) if line not in found]
    assert (done.returncode, missed) == (1, []), done.stdout + done.stderr
