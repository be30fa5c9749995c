"""``flask diag scan``: every subject that cannot be deleted, for people, programs, pages and metrics."""

from __future__ import annotations

import re
import sys
from types import TracebackType
from typing import Any, NoReturn, Self

import click
from flask.cli import with_appcontext

from diag_rules.deletion import How, ScanTimeout, Verdict
from diag_rules.errors import classify

from ._cli_exit import BLOCKED, DELETABLE, NO_DATABASE, UNCERTAIN, USAGE, fail
from ._cli_scan_text import FORMATS, Form
from ._report import ways
from ._state import NO_SUBJECT, State, state
from .scanning import Asked, Ran, Reading, ScanFailed, default_way, run_part, run_whole
from .store import ScanRunning

_SHARD = re.compile(r"([1-9][0-9]{0,4})/([1-9][0-9]{0,4})")
PLAYED = (
    "No statement can count for {subject}: inheritance, partitions, triggers, or references that only the database can follow. So each of the"
    " {count:,} is played, some milliseconds each; --shard shares them out over several processes."
)
_STEPS = 200  # of the progress bar


@click.command("scan")
@click.option(
    "--how", type=click.Choice([str(one) for one in How]), help="By default as the application deletes."
)
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="table", show_default=True)
@click.option("--json", "form", flag_value="json", help="For programs: the same as --format json.")
@click.option(
    "--rule",
    "rules",
    multiple=True,
    metavar="NAME",
    help="Only subjects that this rule blocks; may be repeated.",
)
@click.option(
    "--shard", metavar="I/N", help="Only part I of N with about as many subjects each, for several machines."
)
@click.option("--after", metavar="KEY", help="Only subjects behind this key: to go on where a scan ended.")
@click.option("--until", metavar="KEY", help="Only subjects up to this key.")
@click.option(
    "--limit", type=click.IntRange(0), default=20, show_default=True, help="Subjects that a table shows."
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=300.0,
    show_default=True,
    help="Seconds that one statement may take.",
)
@click.option(
    "--store/--no-store",
    "kept",
    default=True,
    show_default=True,
    help="Keep the result for pages and metrics.",
)
@with_appcontext
def scan(**given: Any) -> None:
    """List every subject that cannot be deleted, which relation blocks how many, and what grew since the last scan.

    The database does the work, in one statement; nothing is written to it. The result is kept in the store, where it is
    whole (no --rule, --after or --until); the parts of --shard are kept as one once all are there.

    Exit code: 0 none is blocked, 1 some are, 2 wrong usage or another scan is running, 3 none is but some are not known,
    4 no database.

    Example: flask diag scan --format csv > blocked.csv
    """
    found = state()
    if found.subject is None:
        fail(NO_SUBJECT, USAGE)
    wanted, shard = _asked(found, given), _shard(given["shard"])
    if shard is not None and (wanted.after, wanted.until) != (None, None):
        fail("--shard is a range of keys itself: leave --after and --until out.", USAGE)
    form = FORMATS[given["form"]](found, given["limit"])
    scans = found.store.scans if found.store is not None and given["kept"] else None
    try:
        with _Progress(form, found.subject.name) as progress:
            ran = (
                run_whole(found, wanted, progress, scans)
                if shard is None
                else run_part(found, wanted, shard[0] - 1, shard[1], progress, scans)
            )
    except ScanRunning as error:
        fail(f"{error} --no-store scans without keeping the result.", USAGE)
    except ScanFailed as error:
        _no_database(error)
    except (ValueError, TypeError, RuntimeError) as error:
        fail(str(error), USAGE)
    form.ends(ran)
    _tell(ran, progress, wanted, scans is not None)
    sys.exit(BLOCKED if ran.summary.blocked else UNCERTAIN if ran.summary.uncertain else DELETABLE)


def _asked(found: State, given: dict[str, Any]) -> Asked:
    how = default_way(found) if given["how"] is None else How(given["how"])
    if how not in ways(found):
        fail("The subject is a plain table, which the ORM does not delete: use --how sql.", USAGE)
    ends = {name: _key(found, name, given[name]) for name in ("after", "until")}
    return Asked(how=how, rules=given["rules"], timeout=given["timeout"], **ends)


def _key(found: State, option: str, text: str | None) -> Any:
    if text is None or found.subject is None:
        return None
    key = found.subject.key_from(text, found.engine().dialect)
    if key is None:
        columns = ",".join(column.name for column in found.subject.columns)
        fail(f"--{option} {text}: that is no key of {found.subject.name}; give {columns}.", USAGE)
    return key


def _shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = _SHARD.fullmatch(text)
    if match is None or int(match[1]) > int(match[2]):
        fail(f"--shard {text}: give a part and how many there are, such as 1/4 to 4/4.", USAGE)
    return int(match[1]), int(match[2])


class _Progress:
    """Shows on a terminal how far the scan is, and hands its verdicts on."""

    def __init__(self, form: Form, subject: str) -> None:
        self._form, self._subject = form, subject
        self._bar: Any = None
        self.known: frozenset[str] = frozenset()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            if kind is None:  # it was a guess: of the doubtful, some can be deleted
                self._bar.update(max(0, self._bar.length - self._bar.pos))
            self._bar.__exit__(kind, error, trace)

    def begins(self, found: Reading) -> None:
        self.known = frozenset(found.sums.rules)
        if found.sums.played:
            click.secho(PLAYED.format(subject=found.subject, count=found.subjects), fg="yellow", err=True)
        self._form.begins(found)
        if _on_terminal():
            steps = max(1, found.expected // _STEPS)
            label = f"{self._subject}: {found.subjects:,} looked at, writing down the blocked"
            self._bar = click.progressbar(
                length=found.expected, label=label, file=sys.stderr, update_min_steps=steps
            ).__enter__()

    def sees(self, verdict: Verdict) -> None:
        self._form.sees(verdict)
        if self._bar is not None:
            self._bar.update(1)


def _on_terminal() -> bool:
    return sys.stderr.isatty()


def _tell(ran: Ran, progress: _Progress, wanted: Asked, storing: bool) -> None:  # noqa: FBT001 whether there is a store
    """Say on stderr what became of the result."""
    unknown = sorted(set(wanted.rules) - progress.known - set(ran.summary.rules))
    if unknown:
        others = ", ".join(sorted(progress.known)) or "none"
        click.secho(
            f"Nothing is blocked by {', '.join(unknown)}. Rules that block: {others}.", fg="yellow", err=True
        )
    if ran.complaint:
        click.secho(f"The result is not kept. {ran.complaint}", fg="yellow", err=True)
    elif ran.missing:
        parts = "1 part is" if ran.missing == 1 else f"{ran.missing} parts are"
        click.echo(f"Kept as a part of scan {ran.kept}: {parts} missing.", err=True)
    elif ran.kept is not None:
        click.echo(f"Kept as scan {ran.kept}.", err=True)
    elif storing:
        click.echo("Not kept: only a scan of all subjects is.", err=True)


def _no_database(error: ScanFailed) -> NoReturn:
    cause = error.__cause__ or error
    if isinstance(cause, ScanTimeout):
        fail(f"{cause} Here: --timeout, --after and --until, or --shard.", NO_DATABASE)
    meaning = classify(cause)
    fail(f"The database can't be scanned: {meaning.category}, {meaning.kind}. {meaning.advice}", NO_DATABASE)
