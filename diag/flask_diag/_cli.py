"""``flask diag ...``: the same answers as the pages, for people and for programs."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from flask.cli import AppGroup, with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from diag_rules.deletion import Outcome, Severity, UnknownSubject

from . import _cli_audit as audits
from ._cli_delete import delete
from ._cli_doctor import doctor
from ._cli_exit import BLOCKED, DELETABLE, UNCERTAIN, USAGE, as_json_text, fail, no_database
from ._cli_monitoring import alerts, dashboard
from ._cli_scan import scan
from ._cli_store import incidents, outages, store_group
from ._cli_text import classification_text, report_text
from ._cli_token import token
from ._codes import meaning_of
from ._findings import NotAsked
from ._report import plain, report, ways
from ._state import state
from ._verdicts import asked

_EXIT = {Outcome.DELETABLE: DELETABLE, Outcome.BLOCKED: BLOCKED, Outcome.UNCERTAIN: UNCERTAIN}

diag_group = AppGroup(
    "diag",
    help="Tell a database outage from a broken rule, and say what blocks a deletion.\n\n"
    "Example: flask diag check sampleproject",
)


@diag_group.command("check")
@click.argument("name_or_key")
@click.option("--how", type=click.Choice(["orm", "sql", "both"]), default="both", show_default=True)
@click.option("--lang", default="en", show_default=True, help="The language of the hints: en, zh.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@with_appcontext
def check(name_or_key: str, how: str, lang: str, as_json: bool) -> None:  # noqa: FBT001 click passes flags by name
    """Say whether the subject NAME_OR_KEY can be deleted, and if not, why and what to do.

    Exit code: 0 deletable, 1 blocked, 2 no such subject or wrong usage, 3 not known, 4 no database.

    Example: flask diag check sampleproject --how orm
    """
    found = state()
    if found.subject is not None and not ways(found, how):
        fail(f"{found.subject.name} is a plain table, which the ORM does not delete: use --how sql.", USAGE)
    try:
        answer = asked(lambda: report(found, name_or_key, ways(found, how), lang), found.engine())
    except UnknownSubject as error:
        fail(_text(error), USAGE)
    except RuntimeError as error:
        fail(str(error), USAGE)
    except (SQLAlchemyError, OSError) as error:
        no_database(error)
    click.echo(as_json_text(answer.as_json()) if as_json else report_text(answer))
    sys.exit(_EXIT[answer.outcome])


@diag_group.command("audit")
@click.option("--format", "form", type=click.Choice(audits.FORMATS), default="text", show_default=True)
@click.option(
    "--baseline", type=click.Path(dir_okay=False, path_type=Path), help="Known findings, which do not fail."
)
@click.option("--write-baseline", is_flag=True, help="Write what is found now to --baseline, and pass.")
@click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    help="Paths are shown relative to this folder; by default the working directory, for GitHub the Git repository's top.",
)
@click.option(
    "--database",
    is_flag=True,
    help="Compare the models with the schema of the application's database, which is only read.",
)
@click.option(
    "--fail-on",
    type=click.Choice([str(one) for one in Severity]),
    default=str(Severity.ERROR),
    show_default=True,
    help="The least severity that fails.",
)
@click.option("--explain", "code", metavar="CODE", help="Print what a rule flags, why, and what to do.")
@click.option("--json", "as_json", is_flag=True, help="For programs: the same as --format json.")
@with_appcontext
def audit(  # noqa: PLR0913, PLR0917 click passes each option as an argument
    form: str,
    baseline: Path | None,
    write_baseline: bool,  # noqa: FBT001 as above
    root: Path | None,
    database: bool,  # noqa: FBT001 as above
    fail_on: str,
    code: str | None,
    as_json: bool,  # noqa: FBT001 as above
) -> None:
    """Find hazards in the models, without a database: relationships and keys that will refuse deletions.

    Exit code: 0 nothing new, 1 findings of --fail-on or worse, 2 wrong usage, 4 no database (with --database).

    Example: flask diag audit --format sarif --baseline deletion-baseline.json
    """
    try:
        if code is not None:
            click.echo(audits.explained(code))
            return
        wanted = audits.Wanted(
            "json" if as_json else form, baseline, write_baseline, root, Severity(fail_on), database
        )
        text, failed = audits.run(state(), wanted)
    except NotAsked as error:
        no_database(error.__cause__ or error)
    except (RuntimeError, ValueError, LookupError, OSError) as error:
        fail(_text(error), USAGE)
    if text:
        click.echo(text)
    sys.exit(1 if failed else 0)


@diag_group.command("classify")
@click.argument("code")
@click.option(
    "--dialect",
    help="The database: postgresql, mysql, mariadb, sqlite, ... By default the application's, then all.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@with_appcontext
def classify_code(code: str, dialect: str | None, as_json: bool) -> None:  # noqa: FBT001 click passes flags by name
    """Say what an error CODE means: a SQLSTATE, a number, or a name such as SQLITE_BUSY.

    A whole line of a log will do; the first code in it is taken. Exit code: 0, or 2 where no table knows it.

    Example: flask diag classify 23503
    """
    own = state().engine().dialect.name
    meaning = meaning_of(code, own, dialect)
    if meaning is None:
        where = dialect or "any database"
        fail(
            f"No code in {code[:80]!r} that {where} has: give a SQLSTATE (23503) or a number (1451) and its --dialect.",
            USAGE,
        )
    members = {name: plain(getattr(meaning, name)) for name in type(meaning).__dataclass_fields__}
    click.echo(as_json_text(members) if as_json else classification_text(meaning))


def _text(error: BaseException) -> str:
    """Return an exception's text; a LookupError's own would be quoted."""
    return str(error.args[0]) if error.args else str(error)


for command in (delete, doctor, token, alerts, dashboard, incidents, outages, store_group, scan):
    diag_group.add_command(command)
