"""The answer in plain words: the first line of a subject's page and of its ticket."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import NullTranslations

from diag_rules.deletion import Blocker, How, Outcome, Verdict
from flask_diag._report import Report

HINTS = 2  # that the first line names; the rest are listed below it


def headline(report: Report, label: str, words: NullTranslations) -> str:
    """Say whether the application can delete it, and if not what to do first."""
    verdict = report.verdicts[0]
    hints = [blocker.hint for blocker in steps(verdict)]
    sentence = told(verdict.outcome, label, words)
    if verdict.outcome is not Outcome.BLOCKED or not hints:
        return sentence + words.gettext(".")
    first = words.gettext("; ").join(hints[:HINTS])
    if len(hints) > HINTS:
        more = len(hints) - HINTS
        first += words.ngettext("; and %(more)d more", "; and %(more)d more", more) % {"more": more}
    return sentence + words.gettext(": ") + first + words.gettext(".")


def told(outcome: Outcome, label: str, words: NullTranslations) -> str:
    """Return one outcome as a sentence without its full stop."""
    sentence = {
        Outcome.DELETABLE: words.gettext("%(name)s can be deleted"),
        Outcome.BLOCKED: words.gettext("%(name)s cannot be deleted yet"),
        Outcome.UNCERTAIN: words.gettext("It is not known whether %(name)s can be deleted"),
    }[outcome]
    return sentence % {"name": label}


def other_way(report: Report, words: NullTranslations) -> str:
    """Say what the other way of deleting would do, or nothing where there is no other."""
    if len(report.verdicts) < 2:
        return ""
    first, other = report.verdicts
    if same_steps(first, other):
        return words.gettext("By plain SQL it is the same.")
    return {
        Outcome.DELETABLE: words.gettext("By plain SQL it could be deleted."),
        Outcome.BLOCKED: words.gettext("By plain SQL it could not be deleted either, for other reasons.")
        if first.outcome is Outcome.BLOCKED
        else words.gettext("By plain SQL it could not be deleted."),
        Outcome.UNCERTAIN: words.gettext("By plain SQL it is not known."),
    }[other.outcome]


def steps(verdict: Verdict) -> tuple[Blocker, ...]:
    """Return what is to be cleared, in order."""
    return (*verdict.clear_first, *verdict.blockers)


def same_steps(one: Verdict, other: Verdict) -> bool:
    """Tell whether two ways of deleting ask the same of people."""
    return one.outcome is other.outcome and _asked(steps(one)) == _asked(steps(other))


def _asked(blockers: Sequence[Blocker]) -> set[tuple[str, str, int]]:
    return {(one.hint, one.table, one.count) for one in blockers}


def way(how: How, words: NullTranslations) -> str:
    """Return a way of deleting for a heading."""
    return (
        words.gettext("By plain SQL (DELETE)")
        if how is How.SQL
        else words.gettext("By the application (session.delete)")
    )
