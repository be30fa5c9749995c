"""The wheel and the sdist hold what they must, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from _distribution import ROOT, Distribution

SOURCES = {"flask_diag": "diag", "diag_exporters": "exporters", "diag_rules": "rules"}
NEEDED = (
    "flask_diag/py.typed",
    "flask_diag/templates/flask_diag/base.html",
    "flask_diag/static/diag.css",
    "flask_diag/demo/deletion.toml",
    "flask_diag/store/migrations/versions/v0001_first.py",
    "diag_exporters/py.typed",
    "diag_exporters/alerts/shipped/rules.yml",
    "diag_exporters/alerts/runbook_texts/DiagDatabaseOutage.md",
    "diag_exporters/dashboards/shipped/sre.json",
    "diag_rules/py.typed",
)


def test_the_wheel_holds_the_three_packages_whole_and_nothing_else(distribution: Distribution) -> None:
    with zipfile.ZipFile(distribution.wheel) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}

    assert names == set(files())
    assert names.issuperset(NEEDED)


def test_the_sdist_can_be_built_tested_and_read(distribution: Distribution) -> None:
    with tarfile.open(distribution.sdist) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}

    wanted = {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "Makefile",
        "mkdocs.yml",
        "requirements.lock",
    }
    assert names.issuperset({*wanted, "tests/conftest.py", "docs/index.md", "tools/scaffold.py"})
    assert {
        name for name in names if "__pycache__" in name or name.startswith((".venv", "build/", "dist/"))
    } == set()


def test_the_checkers_of_wheels_and_of_the_index_find_nothing(distribution: Distribution) -> None:
    found = distribution.wheel, distribution.sdist
    commands: list[tuple[str, ...]] = [
        ("check-wheel-contents", str(distribution.wheel)),
        ("twine", "check", "--strict", *map(str, found)),
    ]
    for name, *rest in commands:
        program = str(Path(sys.executable).parent / name)
        done = subprocess.run([program, *rest], cwd=ROOT, capture_output=True, text=True, check=False)

        assert done.returncode == 0, done.stdout + done.stderr


def files() -> Iterator[str]:
    """Yield every file of the three packages, as the wheel names it."""
    for package, source in SOURCES.items():
        for path in (ROOT / source / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(ROOT / source).as_posix()
