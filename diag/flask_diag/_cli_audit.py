"""What ``flask diag audit`` prints and when it fails."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diag_rules.deletion import Severity
from diag_rules.deletion.audit import (
    REGISTRY,
    as_baseline,
    as_github,
    as_json,
    as_sarif,
    as_text,
    at_or_over,
    explain_rule,
    new_findings,
)

from ._findings import database_findings, findings
from ._state import State

_FORMATS: dict[str, Callable[..., str]] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
    "github": as_github,
}
FORMATS = tuple(_FORMATS)
_FOR_GITHUB = ("sarif", "github")  # it knows files by their path in the repository, and no others


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for.

    Attributes:
        root: paths are shown relative to it; None: to the working directory, or for GitHub to the top of its repository.
        fail_on: the least severity that fails.
        database: look at the schema of the application's database, too.
    """

    form: str
    baseline: Path | None
    write_baseline: bool
    root: Path | None
    fail_on: Severity
    database: bool = False

    @property
    def base(self) -> Path | None:
        """The folder to which paths are relative; None for the working directory."""
        return self.root or (repository(Path.cwd()) if self.form in _FOR_GITHUB else None)


def repository(folder: Path) -> Path | None:
    """Return the top of the Git repository, worktree or submodule that holds *folder*, or None."""
    return next((one for one in (folder, *folder.parents) if (one / ".git").exists()), None)


def run(state: State, wanted: Wanted) -> tuple[str, bool]:
    """Return what to print, and whether a new finding is bad enough to fail.

    Raises:
        RuntimeError: the application named no subject.
        ValueError: the baseline is none, or is to be written nowhere.
        LookupError: the database lacks the subject's table.
        NotAsked: the database can't be asked.
    """
    found: list[Any] = list(database_findings(state) if wanted.database else findings(state))
    if wanted.write_baseline:
        return _write(found, wanted.baseline), False
    fresh = new_findings(found, wanted.baseline) if wanted.baseline is not None else found
    text = _FORMATS[wanted.form](fresh, root=wanted.base).rstrip("\n")
    known = len(found) - len(fresh)
    if known and wanted.form == "text":
        text += f" {known} more in the baseline."
    return text, bool(at_or_over(fresh, wanted.fail_on))


def _write(found: list[Any], baseline: Path | None) -> str:
    if baseline is None:
        raise ValueError("--write-baseline needs a file: give --baseline FILE too.")
    baseline.write_text(as_baseline(found), "utf-8")
    return f"Wrote {len(found)} finding{'' if len(found) == 1 else 's'} to {baseline}."


def explained(code: str) -> str:
    """Return the page of the rule with this code or name.

    Raises:
        LookupError: there is none; the message names the nearest.
    """
    wanted = code.upper() if code.upper() in REGISTRY else code.lower()
    try:
        return explain_rule(wanted).rstrip("\n")
    except KeyError:
        names = [*REGISTRY, *(rule.name for rule in REGISTRY.values())]
        near = difflib.get_close_matches(wanted, names, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(REGISTRY)}."
        raise LookupError(f"No rule {code}. {hint}") from None
