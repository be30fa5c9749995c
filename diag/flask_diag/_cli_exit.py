"""How a command ends: its exit codes, its JSON and its complaints are those of every other."""

from __future__ import annotations

import json
import sys
from typing import Any, NoReturn

import click

from diag_rules.errors import classify

from ._visible import one_line

DELETABLE, BLOCKED, USAGE, UNCERTAIN, NO_DATABASE = 0, 1, 2, 3, 4


def as_json_text(value: Any) -> str:
    """Return *value* as JSON for a terminal or a pipe."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def fail(message: str, code: int) -> NoReturn:
    """Say on stderr what is wrong, and end with *code*."""
    shown = "\n".join(map(one_line, message.split("\n")))
    click.secho(shown, fg="red", err=True)
    sys.exit(code)


def no_database(error: BaseException) -> NoReturn:
    """Say why the database can't be asked, and what to do, and end."""
    meaning = classify(error)
    fail(f"The database can't be asked: {meaning.category}, {meaning.kind}. {meaning.advice}", NO_DATABASE)
