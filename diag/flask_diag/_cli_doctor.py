"""``flask diag doctor``: is this installation right?"""

from __future__ import annotations

import sys
from dataclasses import asdict

import click
from flask import current_app
from flask.cli import with_appcontext

from ._cli_exit import NO_DATABASE, as_json_text
from ._doctor import Checked, Health, examine
from ._state import state

WRONG = 1
_COLOURS = {Health.OK: "green", Health.MIND: "yellow", Health.WRONG: "red"}


@click.command("doctor")
@click.option("--strict", is_flag=True, help="What may be meant so counts as wrong, too.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@with_appcontext
def doctor(strict: bool, as_json: bool) -> None:  # noqa: FBT001 click passes flags by name
    """Look whether this installation is right, and say what to fix.

    Databases, drivers, enforced foreign keys, access, tokens, workers, store and error handlers. Nothing is changed.

    Exit code: 0 nothing is wrong, 1 something is, 4 a database does not answer.

    Example: flask diag doctor --strict
    """
    found = examine(current_app, state())
    wrong = [one for one in found if one.health is Health.WRONG or (strict and one.health is Health.MIND)]
    if as_json:
        click.echo(as_json_text({"ok": not wrong, "checks": [asdict(one) for one in found]}))
    else:
        width = max(len(one.name) for one in found)
        for one in found:
            click.echo("\n".join(_lines(one, width)))
    if any(one.name.startswith("database ") for one in wrong):
        sys.exit(NO_DATABASE)
    sys.exit(WRONG if wrong else 0)


def _lines(one: Checked, width: int) -> list[str]:
    badge = click.style(f"{one.health:<5}", fg=_COLOURS[one.health], bold=True)
    lines = [f"{badge}  {one.name:<{width}}  {one.detail}"]
    return lines if not one.fix else [*lines, f"{'':7}{'':<{width}}  Fix: {one.fix}"]
