"""``flask diag delete``: the safe delete, as a dry run unless told."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from diag_rules.deletion import (
    DeletionRefused,
    Effect,
    How,
    LockDenied,
    Outcome,
    UnknownSubject,
    Verdict,
    use_language,
)

from ._cli_exit import BLOCKED, DELETABLE, UNCERTAIN, USAGE, as_json_text, fail, no_database
from ._cli_text import verdict_lines
from ._guard import quiet
from ._messages import LANGUAGES
from ._report import plain, ways
from ._state import State, state
from ._subject import key_text
from ._trail import record
from ._verdicts import asked, usable
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
    try:
        verdict, label, refused = asked(
            lambda: _delete(found, name_or_key, way, lang, execute=execute), found.engine()
        )
    except UnknownSubject as error:
        record(found, "delete", outcome="not-found", acts=execute)
        fail(str(error.args[0]), USAGE)
    except LockDenied as error:
        record(found, "delete", outcome="refused", acts=execute)
        fail(str(error), USAGE)
    except (SQLAlchemyError, OSError) as error:
        record(found, "delete", outcome="unknown", acts=execute)
        no_database(error)
    outcome = "refused" if refused else "done" if execute else "tried"
    record(found, "delete", outcome=outcome, acts=execute, key=verdict.key)
    click.echo(
        as_json_text(_members(verdict, label, outcome))
        if as_json
        else "\n".join(_lines(verdict, label, outcome))
    )
    sys.exit(_code(verdict, refused=refused))


def _delete(found: State, text: str, how: How, language: str, *, execute: bool) -> tuple[Verdict, str, bool]:
    """Return the verdict, what people call the subject, and whether it was a refusal. COMMIT is here, and only where *execute* says so."""
    subject, rules = found.subject, found.rules
    assert subject is not None and rules is not None  # noqa: S101, PT018 asked by the caller
    with quiet(), usable(found.engine()) as engine, Session(engine) as session, use_language(language):
        key = subject.find(session.connection(), text)
        label = subject.label(session.connection(), key)
        try:
            verdict = rules.delete(session, key, how=how, dry_run=not execute)
        except DeletionRefused as refused:
            session.rollback()
            return refused.verdict, label, True
        if execute:
            session.commit()
        else:
            session.rollback()
        return verdict, label, False


def _code(verdict: Verdict, *, refused: bool) -> int:
    if not refused:
        return DELETABLE
    return BLOCKED if verdict.blockers or verdict.outcome is Outcome.BLOCKED else UNCERTAIN


def _members(verdict: Verdict, label: str, outcome: str) -> dict[str, Any]:
    return {
        "subject": verdict.subject,
        "key": plain(verdict.key),
        "label": label,
        "how": str(verdict.how),
        "outcome": outcome,
        "changed": outcome == "done",
        "cleared": plain([asdict(one) for one in _cleared(verdict)]) if outcome != "refused" else [],
        "verdict": plain(asdict(verdict)),
    }


def _cleared(verdict: Verdict) -> list[Effect]:
    """Return what the safe delete removed so that the deletion could pass."""
    return list((Counter(verdict.done) - Counter(verdict.deleted)).elements())


def _lines(verdict: Verdict, label: str, outcome: str) -> list[str]:
    head = {
        "done": click.style("Deleted.", fg="green", bold=True),
        "tried": click.style("Would be deleted; nothing was changed.", fg="green", bold=True)
        + " Use --execute.",
        "refused": click.style("Refused; nothing was changed.", fg="red", bold=True),
    }[outcome]
    key, label = one_line(key_text(verdict.key)), one_line(label)
    lines = [f"{verdict.subject} {label}{f' (key {key})' if key != label else ''}: {head}"]
    if outcome == "refused":
        return [*lines, *verdict_lines(verdict)]
    for word, effects in (("cleared first", _cleared(verdict)), ("went with it", verdict.deleted)):
        lines += [f"  {word}: {one.count:,} {one.table}" for one in effects]
    return [*lines, *(f"  lost its reference: {one.count:,} {one.table}" for one in verdict.detached)]
