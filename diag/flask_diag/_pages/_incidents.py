"""What was met: by category, kind, constraint, project, time, or the reference number that somebody read."""

from __future__ import annotations

import functools
from datetime import UTC, datetime

from flask import Response, request
from werkzeug.datastructures import MultiDict

from diag_rules.errors import Category, Kind
from flask_diag._access import limit_searches
from flask_diag._met import Asked, met, met_by_request
from flask_diag._state import State, state
from flask_diag._trail import record
from flask_diag.store import Page, StoredIncident, StoreError

from . import _query as query
from ._met import sentry_link
from ._render import here, page

PER_PAGE = 50
_CATEGORIES, _KINDS = tuple(map(str, Category)), tuple(sorted(map(str, Kind)))


def incidents() -> Response:
    """List what was met over all replicas, folded, the latest first."""
    found, asked = state(), _asked()
    if asked.subject is not None:
        limit_searches(found)
    rows, problem = _rows(found, asked)
    if asked.subject is not None:
        record(found, "history", key=rows.items[0].subject_key if rows.items else None)
    return page(
        "incidents.html",
        incidents=rows.items,
        problem=problem,
        asked=asked,
        here_only=met_by_request(found, asked.reference) if asked.reference and not rows.items else (),
        next=None if rows.next is None else here(after=rows.next),
        first=here(after=None) if "after" in request.args else None,
        sentry_link=functools.partial(sentry_link, found),
        categories=_CATEGORIES,
        kinds=_KINDS,
        period=query.period("7d"),
        periods=query.PERIODS,
        narrowed=_narrowed(request.args),
    )


def _asked() -> Asked:
    reference, since = query.text("reference"), query.moment("since")
    if since is None and reference is None:
        since = datetime.now(UTC) - query.period("7d").length
    return Asked(
        category=query.choice("category", _CATEGORIES),
        kind=query.choice("kind", _KINDS),
        bind=query.choice("bind", state().engines),
        endpoint=query.text("endpoint"),
        broke=query.text("broke"),
        subject=query.text("subject") if state().subject is not None else None,
        reference=reference,
        since=since,
        until=query.moment("until"),
    )


def _rows(found: State, asked: Asked) -> tuple[Page[StoredIncident], str | None]:
    """Return a page of incidents, or none and why."""
    if found.store is None:
        return Page(()), None
    try:
        return met(found, found.store, asked, after=request.args.get("after"), limit=PER_PAGE), None
    except StoreError as error:
        return Page(()), str(error)
    except (ValueError, OverflowError):  # a place that is none: the address was changed by hand
        return met(found, found.store, asked, after=None, limit=PER_PAGE), None


def _narrowed(args: MultiDict[str, str]) -> bool:
    """Tell whether anything was asked for that may leave something out."""
    return any(
        args.get(name)
        for name in ("category", "kind", "bind", "endpoint", "broke", "subject", "since", "until")
    )
