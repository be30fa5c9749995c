"""The answer as text, for a ticket."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from gettext import NullTranslations
from urllib.parse import urljoin

from diag_rules.deletion import Outcome
from flask_diag._report import Report
from flask_diag._subject import key_text
from flask_diag._visible import visible

from ._answer import headline, other_way, steps
from ._met import Met

MOST = 50  # steps that a ticket lists
ERRORS = 5  # that it lists


def ticket(report: Report, met: Met, words: NullTranslations, noun: str, address: str) -> str:
    """Return the answer as lines of text; *noun* is what a subject is called, *address* is the page's, and its host is that of links into the application."""
    return "\n".join(map(visible, _lines(report, met, words, noun, address)))


def _lines(report: Report, met: Met, words: NullTranslations, noun: str, address: str) -> Iterator[str]:
    say, verdict = words.gettext, report.verdicts[0]
    yield f"{noun[:1].upper()}{noun[1:]} {report.label} ({say('key')} {key_text(report.key)})"
    yield headline(report, report.label, words)
    if verdict.outcome is Outcome.BLOCKED:
        yield say("Nothing is broken. To do, in this order:")
        every = steps(verdict)
        for number, step in enumerate(every[:MOST], 1):
            link = f": {urljoin(address, step.remedy.link)}" if step.remedy.link else ""
            yield f"{number}. {step.hint}{link}"
        if len(every) > MOST:
            yield say("... and %(more)d more.") % {"more": len(every) - MOST}
    for reason in verdict.uncertain_because:
        yield say("Not known: %(reason)s") % {"reason": reason}
    for warning in verdict.warnings:
        yield say("Mind: %(warning)s") % {"warning": warning}
    if other := other_way(report, words):
        yield other
    yield met.sentence
    yield from _errors(met, words)
    yield say("As of %(moment)s UTC: %(address)s") % {
        "moment": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
        "address": address,
    }


def _errors(met: Met, words: NullTranslations) -> Iterator[str]:
    for one in met.history.incidents[:ERRORS] if met.history is not None else ():
        times = words.ngettext("%(count)d time", "%(count)d times", one.count) % {"count": one.count}
        reference = (
            words.gettext(", reference %(reference)s") % {"reference": one.request_id}
            if one.request_id
            else ""
        )
        yield f"- {one.last_seen:%Y-%m-%d %H:%M:%S} UTC: {one.kind.replace('_', ' ')}, {times}{reference}"
