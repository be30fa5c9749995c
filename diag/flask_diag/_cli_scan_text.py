"""What ``flask diag scan`` prints: a table for people, JSON and CSV for programs, written while the scan goes on."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Protocol

import click

from diag_rules.deletion import Growth, RuleTotal, Verdict, rule_of

from ._cli_text import COLOURS, WAYS
from ._report import plain
from ._state import State
from ._subject import key_text
from ._visible import one_line
from .scanning import Ran, Reading, aware

# with these a spreadsheet begins to compute, their wide forms included; many separate columns by ; or a tab instead
_COMPUTES = "[=+\\-@\uff1d\uff0b\uff0d\uff20]"
_FORMULA = re.compile(
    f"\\A(?=[\t\r\n]|[ \u00a0\ufeff]*{_COMPUTES})|(?<=[\\s\\S][;\t\r\n])(?=[ \u00a0]*{_COMPUTES})"
)
COLUMNS = ("subject", "key", "how", "outcome", "rule", "relation", "count", "capped", "reason", "hint")


_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class Form(Protocol):
    """Prints a scan."""

    def begins(self, found: Reading) -> None:
        """Print what stands before the verdicts."""

    def sees(self, verdict: Verdict) -> None:
        """Print one."""

    def ends(self, ran: Ran) -> None:
        """Print what stands behind them."""


class Table:
    """Sums by relation, and the first of the subjects."""

    def __init__(self, _state: State, limit: int) -> None:
        self._limit, self._first, self._seen = limit, list[Verdict](), 0

    def begins(self, found: Reading) -> None:
        """Print nothing yet."""

    def sees(self, verdict: Verdict) -> None:
        """Remember the first."""
        self._seen += 1
        if len(self._first) < self._limit:
            self._first.append(verdict)

    def ends(self, ran: Ran) -> None:
        """Print all."""
        summary = ran.summary
        click.secho(f"{summary.subject}, {WAYS[summary.how]}: ", bold=True, nl=False)
        unknown = f", {summary.uncertain:,} not known" if summary.uncertain else ""
        played = ", each of them played" if summary.played else ""
        click.echo(
            f"{ran.subjects:,} looked at{played}, {summary.blocked:,} blocked{unknown}, in {ran.seconds:.1f} s."
        )
        if summary.rules:
            click.echo()
            _columns([_HEAD, *_totals(ran)], right=(1, 2))
        if self._first:
            click.echo()
            for verdict in self._first:
                _subject(verdict)
        if self._seen > len(self._first) > 0:
            more = self._seen - len(self._first)
            click.echo(f"... and {more:,} more: --limit, or --format csv for all.")


_HEAD = ("RELATION", "BLOCKS", "ROWS", "OLDEST", "SINCE THE LAST SCAN")


def _totals(ran: Ran) -> list[tuple[str, ...]]:
    """Return a line for each rule, what blocks most first; those that block nothing any more at the end."""
    grew = {one.rule: one for one in ran.grew}
    ordered = sorted(ran.summary.rules.items(), key=lambda item: (-item[1].subjects, item[0]))
    gone = [(one.rule, RuleTotal()) for one in ran.grew if one.gone]
    return [
        (rule, f"{total.subjects:,}", f"{total.rows:,}", _day(total), _changed(ran, grew.get(rule)))
        for rule, total in [*ordered, *gone]
    ]


def _day(total: RuleTotal) -> str:
    return "" if total.oldest is None else f"{aware(total.oldest):%Y-%m-%d}"


def _changed(ran: Ran, change: Growth | None) -> str:
    if ran.before is None:
        return ""
    if change is None:
        return "same"
    word = " (new)" if change.new else " (gone)" if change.gone else ""
    return f"{change.subjects:+,} blocked, {change.rows:+,} rows{word}"


def _columns(lines: Sequence[Sequence[str]], right: Sequence[int]) -> None:
    """Print lines in columns, the first as their head; a column that is empty is left out."""
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    for number, line in enumerate(lines):
        cells = [
            text.rjust(width) if place in right else text.ljust(width)
            for place, (text, width) in enumerate(zip(line, widths, strict=True))
            if any(other[place] for other in lines[1:])
        ]
        click.secho("  ".join(cells).rstrip(), dim=number == 0)


def _subject(verdict: Verdict) -> None:
    outcome = click.style(str(verdict.outcome), fg=COLOURS[verdict.outcome])
    hints = [blocker.hint for blocker in verdict.blockers] or list(verdict.uncertain_because)
    click.echo(f"{one_line(key_text(verdict.key))}  {outcome}: {one_line('; '.join(hints))}")


class Json:
    """One JSON object: the verdicts as `flask diag check --json` has them, then the summary."""

    def __init__(self, _state: State, _limit: int) -> None:
        self._separator = ""

    def begins(self, found: Reading) -> None:
        """Open the object."""
        head = json.dumps({"subject": found.subject, "how": str(found.how)}, ensure_ascii=False)
        click.echo(head[:-1] + ', "verdicts": [', nl=False)

    def sees(self, verdict: Verdict) -> None:
        """Print one, a line."""
        members = {**plain(asdict(verdict)), "deletable": verdict.deletable}
        click.echo(f"{self._separator}\n{json.dumps(members, ensure_ascii=False)}", nl=False)
        self._separator = ","

    def ends(self, ran: Ran) -> None:
        """Close the object."""
        click.echo(f'\n], "summary": {json.dumps(summary_json(ran), ensure_ascii=False)}}}')


def summary_json(ran: Ran) -> dict[str, Any]:
    """Return the figures of a scan as JSON can hold them."""
    relations = [
        {
            "rule": rule,
            "subjects": total.subjects,
            "rows": total.rows,
            "oldest": None if total.oldest is None else aware(total.oldest).isoformat(),
        }
        for rule, total in sorted(ran.summary.rules.items(), key=lambda item: (-item[1].subjects, item[0]))
    ]
    return {
        "subjects": ran.subjects,
        "blocked": ran.summary.blocked,
        "uncertain": ran.summary.uncertain,
        "seconds": round(ran.seconds, 3),
        "played": ran.summary.played,
        "relations": relations,
        "since": None if ran.before is None else ran.before.finished.isoformat(),
        "grew": [asdict(one) for one in ran.grew],
        "scan": ran.kept,
        "missing_parts": ran.missing,
    }


class Csv:
    """A line for each blocker; of a subject that is uncertain without any, one line with the reason as its hint.

    A text that a spreadsheet would take for a formula gets an apostrophe in front: names and keys are users' own.
    """

    def __init__(self, _state: State, _limit: int) -> None:
        self._written = io.StringIO()
        self._writer = csv.writer(self._written, lineterminator="\n")

    def begins(self, found: Reading) -> None:
        """Print the head."""
        del found
        self._print([COLUMNS])

    def sees(self, verdict: Verdict) -> None:
        """Print its blockers."""
        head = (verdict.subject, key_text(verdict.key), str(verdict.how), str(verdict.outcome))
        lines = [
            (*head, rule_of(one), one.relation, one.count, int(one.capped), str(one.reason), one.hint)
            for one in verdict.blockers
        ]
        self._print(lines or [(*head, "", "", 0, 0, "", "; ".join(verdict.uncertain_because))])

    def ends(self, ran: Ran) -> None:
        """Print nothing more."""

    def _print(self, lines: Sequence[Sequence[Any]]) -> None:
        self._writer.writerows([map(unformulated, line) for line in lines])
        click.echo(self._written.getvalue(), nl=False)
        self._written.seek(0)
        self._written.truncate()


def unformulated(cell: Any) -> Any:
    """Return a cell that no spreadsheet computes; a number, also one in a text, is left as it is."""
    if not isinstance(cell, str) or _NUMBER.fullmatch(cell):
        return cell
    return _FORMULA.sub("'", cell)


FORMATS: dict[str, Callable[[State, int], Form]] = {"table": Table, "json": Json, "csv": Csv}
