"""What importing flask_diag adds to an application's start, beside Flask and SQLAlchemy themselves and the peers.

Each figure is of a fresh interpreter that has loaded Flask and SQLAlchemy with its ORM before; compiled files are warm.
The packages take turns, and the minimum of each is kept, so that other work on the machine hits all alike.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

ROUNDS = 15
PROMISED = 150.0  # milliseconds that `import flask_diag` may add
HOST = "flask, sqlalchemy, sqlalchemy.orm"
OURS, ATTACHED = "flask_diag", "Diagnostics(app, engine), the first"
IMPORTS = {
    HOST: "pass",
    "diag_rules.errors": "import diag_rules.errors",
    OURS: "import flask_diag",
    ATTACHED: "flask_diag.Diagnostics(app, engine)",
    "prometheus_flask_exporter": "import prometheus_flask_exporter",
    "sentry_sdk, with its parts for Flask and SQLAlchemy": (
        "import sentry_sdk.integrations.flask, sentry_sdk.integrations.sqlalchemy"
    ),
    "alembic": "import alembic",
}
BEFORE = {
    ATTACHED: "import flask_diag; app = flask.Flask('measured'); engine = sqlalchemy.create_engine('sqlite://')"
}
COMPILING = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
PROGRAM = """
from time import perf_counter
began = perf_counter()
import {host}
loaded = perf_counter()
{before}
ready = perf_counter()
{statement}
print(loaded - began, perf_counter() - ready)
"""


def _took(name: str) -> float:
    """Return the milliseconds of one fresh interpreter."""
    program = PROGRAM.format(host=HOST, before=BEFORE.get(name, ""), statement=IMPORTS[name])
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=COMPILING
    )
    host, added = map(float, done.stdout.split())
    return 1000 * (host if name == HOST else added)


def _least() -> Iterator[tuple[str, float]]:
    rounds = [{name: _took(name) for name in IMPORTS} for _ in range(ROUNDS)]
    for name in IMPORTS:
        yield name, min(one[name] for one in rounds)


def main() -> None:
    """Print the table; exits with an error where the promise is broken."""
    for name in IMPORTS:
        _took(name)  # so that every file is compiled
    least = dict(_least())
    print(f"milliseconds of a fresh interpreter, the least of {ROUNDS}")
    for name, took in least.items():
        print(f"{name:56}{took:8.0f}{took / least[HOST]:8.2f}")
    if least[OURS] > PROMISED:
        sys.exit(f"broken promise: importing flask_diag takes {least[OURS]:.0f} ms > {PROMISED:.0f}")
    print(f"promise kept: importing flask_diag adds less than {PROMISED:.0f} ms")


if __name__ == "__main__":
    main()
