"""What the commands print for people."""

from __future__ import annotations

from collections.abc import Iterator

import click

from diag_rules.deletion import Blocker, How, Outcome, Verdict
from diag_rules.errors import Category, Classification

from ._report import Report
from ._subject import key_text
from ._visible import one_line

WAYS = {How.ORM: "by the application (session.delete)", How.SQL: "by SQL (DELETE)"}
COLOURS = {Outcome.DELETABLE: "green", Outcome.BLOCKED: "red", Outcome.UNCERTAIN: "yellow"}
CATEGORY_COLOURS = {
    Category.OUTAGE: "red",
    Category.CONTENTION: "yellow",
    Category.BUSINESS_RULE: "cyan",
    Category.DEFECT: "red",
    Category.UNKNOWN: "yellow",
}


def report_text(report: Report) -> str:
    """Return a report as lines."""
    key, label = one_line(key_text(report.key)), one_line(report.label)
    lines = [click.style(f"{report.subject} {label}", bold=True) + (f" (key {key})" if key != label else "")]
    for verdict in report.verdicts:
        lines += verdict_lines(verdict)
    return "\n".join(lines)


def classification_text(found: Classification) -> str:
    """Return what a code means as lines."""
    code = found.sqlstate or found.vendor_code
    head = click.style(str(found.category), fg=CATEGORY_COLOURS[found.category], bold=True)
    lines = [f"{head}  {found.kind}" + (f"  ({found.dialect} {code})" if code is not None else "")]
    lines += [text for text in (found.summary, found.advice) if text]
    lines.append(f"Retry: {str(found.retry).replace('_', ' ')}. Known by: {found.evidence}.")
    return "\n".join(lines)


def verdict_lines(verdict: Verdict) -> Iterator[str]:
    """Yield one verdict's lines, indented."""
    yield f"  {WAYS[verdict.how]}: " + click.style(
        str(verdict.outcome), fg=COLOURS[verdict.outcome], bold=True
    )
    for number, blocker in enumerate((*verdict.clear_first, *verdict.blockers), 1):
        yield from _blocker(number, blocker, first=number <= len(verdict.clear_first))
    for why in verdict.uncertain_because:
        yield f"    not known: {why}"
    for warning in verdict.warnings:
        yield f"    mind: {warning}"
    if verdict.depends_on_loaded:
        yield f"    would differ if loaded first: {', '.join(verdict.depends_on_loaded)}"
    for word, effects in (("goes with it", verdict.deleted), ("loses its reference", verdict.detached)):
        if effects:
            counted = ", ".join(
                f"{effect.count:,}{'+' if effect.capped else ''} {effect.table}" for effect in effects
            )
            yield f"    {word}: {counted}"


def _blocker(number: int, blocker: Blocker, *, first: bool) -> Iterator[str]:
    link = f"  {blocker.remedy.link}" if blocker.remedy.link else ""
    yield (
        f"    {number}. {'first, ' if first else ''}" + click.style(one_line(blocker.hint), bold=True) + link
    )
    count = f"{'at least ' if blocker.capped else ''}{blocker.count:,}"
    words = [f"{count} in {blocker.table}"]
    words += [f"({', '.join(blocker.columns)})"] if blocker.columns else []
    words += [f": {str(blocker.reason).replace('_', ' ')}"]
    words += [f"{blocker.constraint}"] if blocker.constraint else []
    words += [f"by {blocker.relationship}"] if blocker.relationship else []
    yield "       " + " ".join(words).replace(" : ", ": ")
    if blocker.clear_after:
        yield f"       after: {', '.join(blocker.clear_after)}"
    if blocker.advice:
        yield f"       for developers: {blocker.advice}"
