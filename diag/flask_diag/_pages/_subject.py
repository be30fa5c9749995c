"""One subject: may it be deleted, and if not, why and what to do; what it met; and what may be done about it here."""

from __future__ import annotations

import functools

from flask import Response, request
from markupsafe import escape

from flask_diag._access import limit_searches
from flask_diag._messages import LANGUAGES
from flask_diag._report import Report, Unknown, Unreachable, report_in_time
from flask_diag._retold import teller
from flask_diag._state import State, state
from flask_diag._subject import MAX_TEXT, key_text
from flask_diag._trail import record
from flask_diag._visible import visible
from flask_diag.store import BlockedSubject, ScanSummary, StoreError

from ._address import address_of
from ._answer import headline, other_way, same_steps, steps, way
from ._language import page_language, words
from ._met import Met, met, sentry_link
from ._noun import noun
from ._offers import offers
from ._render import page
from ._ticket import ticket

SHOWN = 50  # blockers that the page lists for each way of deleting
TICKET = "ticket"  # the parameter that asks for the ticket in another language


def subject(text: str) -> Response:
    """Show what is known about the subject that *text* means."""
    found = state()
    limit_searches(found)
    answer = report_in_time(found, text, page_language(), by_key=request.args.get("by") == "key")
    match answer:
        case Report():
            record(found, "look-up", key=answer.key)
            return _known(found, answer)
        case Unknown():
            record(found, "look-up", outcome="not-found")
            return page("unknown.html", 404, text=text, unknown=answer, met=_of_one_gone(found, text))
        case Unreachable():
            record(found, "look-up", outcome="unknown")
            return _unreachable(found, text, answer)


def subject_asked() -> Response:
    """Show the subject that the query names: one whose name would be steps in a path."""
    return subject(request.args.get("text", ""))


def _known(found: State, report: Report) -> Response:
    say = words(page_language())
    lately = met(found, (key_text(report.key)[:MAX_TEXT], report.label[:MAX_TEXT]), say)
    return page(
        "subject.html",
        report=report,
        main=report.verdicts[0],
        other=next(iter(report.verdicts[1:]), None),
        headline=headline(report, visible(report.label), say),
        other_way=other_way(report, say),
        same=len(report.verdicts) < 2 or same_steps(*report.verdicts),
        steps=steps,
        way=functools.partial(way, words=say),
        shown=SHOWN,
        met=lately,
        sentry_link=functools.partial(sentry_link, found),
        offers=offers(found, report),
        ticket=escape(
            _ticket(found, report, lately)
        ),  # as Markup, whose line breaks stay: each line is made visible by itself
        ticket_language=_ticket_language(),
    )


def _ticket_language() -> str:
    wanted = request.args.get(TICKET)
    return wanted if wanted in LANGUAGES else page_language()


def _ticket(found: State, report: Report, lately: Met) -> str:
    """Return the text for a ticket; in another language than the page's, the hints are asked for anew."""
    language = _ticket_language()
    address = address_of(report.key, external=True)
    if language != page_language():
        again = report_in_time(found, key_text(report.key), language, by_key=True)
        if not isinstance(again, Report):
            language = page_language()
        else:
            report = again
            lately = met(found, (key_text(report.key)[:MAX_TEXT], report.label[:MAX_TEXT]), words(language))
    return ticket(report, lately, words(language), noun(found, language).one, address)


def _of_one_gone(found: State, text: str) -> Met | None:
    """Return what a subject met that is no more; None where nothing was ever noted under that text."""
    lately = met(found, (text.strip()[:MAX_TEXT],), words(page_language()))
    return lately if lately.history is not None and lately.history.incidents else None


def _unreachable(found: State, text: str, why: Unreachable) -> Response:
    """Say what is known without the database; this page is up, so it answers 200."""
    text = text.strip()[:MAX_TEXT]
    scan, last = _last_scan(found, text)
    return page(
        "unreachable.html",
        text=text,
        unreachable=why,
        met=met(found, (text,), words(page_language())),
        sentry_link=functools.partial(sentry_link, found),
        scan=scan,
        last=last,
    )


def _last_scan(found: State, key: str) -> tuple[ScanSummary | None, BlockedSubject | None]:
    """Return the last scan, and what it found of the subject with this key."""
    if found.store is None or found.subject is None:
        return None, None
    try:
        scan = found.store.scans.latest(found.subject.name, "orm")
        last = None if scan is None else found.store.scans.blocked_one(scan, key)
        return scan, None if last is None else teller(found, page_language())(last)
    except (StoreError, ValueError):
        return None, None
