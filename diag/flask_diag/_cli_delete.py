"""``flask diag delete``: the safe delete, as a dry run unless told."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from diag_rules.deletion import How, LockDenied, Outcome, UnknownSubject

from ._cli_exit import BLOCKED, DELETABLE, UNCERTAIN, USAGE, as_json_text, fail, no_database
from ._cli_text import verdict_lines
from ._messages import LANGUAGES
from ._removing import Acted, Action, act
from ._report import plain, ways
from ._state import state
from ._subject import key_text
from ._trail import record
from ._visible import one_line


@click.command("delete")
@click.argument("name_or_key")
@click.option("--execute", is_flag=True, help="Really delete; without it nothing is changed.")
@click.option("--how", type=click.Choice(["orm", "sql"]), help="By default orm, or sql for a plain table.")
@click.option(
    "--lang", type=click.Choice(list(LANGUAGES)), default="en", show_default=True, help="Of the hints."
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@with_appcontext
def delete(name_or_key: str, execute: bool, how: str | None, lang: str, as_json: bool) -> None:  # noqa: FBT001 click passes flags by name
    """Delete the subject NAME_OR_KEY safely: after what the policy clears by itself, in one transaction, or not at all.

    Without --execute it is tried and taken back: locks are held for that long, and the answer is what a deletion
    would have done.

    Exit code: 0 deleted (or would be), 1 refused, 2 no such subject or wrong usage, 3 the database refused what was
    judged to pass, 4 no database. Nothing is changed but with 0.

    Example: flask diag delete sampleproject --execute
    """
    found = state()
    if found.subject is None or found.rules is None:
        fail(
            "Diagnostics was given no subject: pass subject=Project, the class whose deletions it judges.",
            USAGE,
        )
    way = How(how) if how is not None else ways(found)[0]
    if way not in ways(found):
        fail(f"{found.subject.name} is a plain table, which the ORM does not delete: use --how sql.", USAGE)
    wanted = Action(key=name_or_key, how=way, language=lang, execute=execute, named=True, patient=True)
    try:
        acted = act(found, wanted)
    except UnknownSubject as error:
        record(found, "delete", outcome="not-found", acts=execute)
        fail(str(error.args[0]), USAGE)
    except LockDenied as error:
        record(found, "delete", outcome="refused", acts=execute)
        fail(str(error), USAGE)
    except (SQLAlchemyError, OSError) as error:
        record(found, "delete", outcome="unknown", acts=execute)
        no_database(error)
    record(found, "delete", outcome=acted.outcome, acts=execute, key=acted.key)
    click.echo(as_json_text(_members(acted)) if as_json else "\n".join(_lines(acted)))
    sys.exit(_code(acted))


def _code(acted: Acted) -> int:
    if acted.outcome != "refused":
        return DELETABLE
    blocked = acted.verdict.blockers or acted.verdict.outcome is Outcome.BLOCKED
    return BLOCKED if blocked else UNCERTAIN


def _members(acted: Acted) -> dict[str, Any]:
    verdict = acted.verdict
    return {
        "subject": verdict.subject,
        "key": plain(verdict.key),
        "label": acted.label,
        "how": str(verdict.how),
        "outcome": acted.outcome,
        "changed": acted.outcome == "done",
        "cleared": plain([asdict(one) for one in acted.cleared]) if acted.outcome != "refused" else [],
        "verdict": plain(asdict(verdict)),
    }


def _lines(acted: Acted) -> list[str]:
    head = {
        "done": click.style("Deleted.", fg="green", bold=True),
        "tried": click.style("Would be deleted; nothing was changed.", fg="green", bold=True)
        + " Use --execute.",
        "refused": click.style("Refused; nothing was changed.", fg="red", bold=True),
    }[acted.outcome]
    verdict, key, label = acted.verdict, one_line(key_text(acted.verdict.key)), one_line(acted.label)
    lines = [f"{verdict.subject} {label}{f' (key {key})' if key != label else ''}: {head}"]
    if acted.outcome == "refused":
        return [*lines, *verdict_lines(verdict)]
    for word, effects in (("cleared first", acted.cleared), ("went with it", verdict.deleted)):
        lines += [f"  {word}: {one.count:,} {one.table}" for one in effects]
    return [*lines, *(f"  lost its reference: {one.count:,} {one.table}" for one in verdict.detached)]
