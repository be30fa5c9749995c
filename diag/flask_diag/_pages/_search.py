"""Find a subject by its name or its key, or the error that a reference number means."""

from __future__ import annotations

from flask import Response, redirect, request, url_for
from werkzeug.exceptions import TooManyRequests
from werkzeug.wrappers import Response as BaseResponse

from flask_diag._access import limit_searches
from flask_diag._report import Unknown, Unreachable
from flask_diag._search import Match, Searched, search_in_time
from flask_diag._state import State, state
from flask_diag._subject import MAX_TEXT
from flask_diag._trail import record
from flask_diag.store import IncidentFilter, StoredIncident, StoreError

from ._address import address_of
from ._render import here, page

LIMIT = 25


def find() -> BaseResponse:
    """List what fits; where that is one, or one has exactly that name or key, go to its page."""
    found = state()
    limit_searches(found)
    text = request.args.get("q", "").replace("\0", "").strip()[:MAX_TEXT]
    after = request.args.get("after")
    answer = search_in_time(found, text, LIMIT, after)
    record(found, "search", outcome="unknown" if isinstance(answer, Unreachable) else "done")
    match answer:
        case Searched():
            only = _only(answer, text) if text and after is None else None
            if only is not None:
                return redirect(address_of(only.key), 303)
            return _listed(found, text, answer, first=after is None)
        case Unknown():
            return redirect(
                url_for("flask_diag.find", q=text), 303
            )  # a page that is none of ours: begin anew
        case Unreachable():
            return page(
                "unreachable_search.html", text=text, unreachable=answer, met=_by_reference(found, text)
            )


def _only(answer: Searched, text: str) -> Match | None:
    exact = [one for one in answer.items if text.lower() in {one.label.lower(), one.key.lower()}]
    fitting = exact or answer.items
    return fitting[0] if len(fitting) == 1 and answer.next is None else exact[0] if len(exact) == 1 else None


def _listed(found: State, text: str, answer: Searched, *, first: bool) -> Response:
    return page(
        "search.html",
        text=text,
        answer=answer,
        address_of=address_of,
        beginning=None if first else here(after=None),
        following=None if answer.next is None else here(after=answer.next),
        met=() if answer.items else _by_reference(found, text),
    )


def _by_reference(found: State, text: str) -> tuple[StoredIncident, ...]:
    """Return the incidents whose answer named *text* as its reference number."""
    if found.store is None or not text:
        return ()
    try:
        return found.store.incidents(IncidentFilter(request_id=text), limit=5).items
    except StoreError:
        return ()


def too_often(error: TooManyRequests) -> Response:
    """Say how long to wait: the visitor is one who may be here, so it is said in a page."""
    seconds = error.retry_after if isinstance(error.retry_after, int) else 60
    response = page("too_often.html", 429, seconds=seconds)
    response.headers["Retry-After"] = str(seconds)
    return response
