"""The support pages: drawn on the server, closed until the application opens them, up while the database is down."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from diag_rules.deletion import Severity
from diag_rules.deletion.audit import REGISTRY

from ._access import entrance
from ._csp import PAGES_CSP
from ._findings import findings
from ._messages import DEFAULT
from ._report import Report, Unknown, Unreachable, probe, report_in_time
from ._state import State, state
from ._subject import key_text

NAME = "flask_diag"


def pages(found: State) -> Blueprint:
    """Return the pages of one application; the subject's plural is in their addresses."""
    blueprint = Blueprint(NAME, __package__ or NAME, template_folder="templates", static_folder="static")
    blueprint.before_request(_enter)
    blueprint.after_request(_close)
    blueprint.add_app_template_filter(key_text, "diag_key")
    blueprint.add_url_rule("/", "overview", overview)
    if found.subject is not None:
        blueprint.add_url_rule("/audit", "audit", audit)
        blueprint.add_url_rule("/find", "find", find)
        blueprint.add_url_rule(f"/{found.subject.plural}/<path:text>", "subject", subject)
    return blueprint


def overview() -> Any:
    """Is it down? What happened in this process lately?"""
    found = state()
    engines = [
        {"bind": bind, "engine": engine, "outage": found.outages[bind], "unreachable": probe(found, bind)}
        for bind, engine in found.engines.items()
    ]
    down = [one for one in engines if one["unreachable"] is not None]
    return _page(
        "overview.html", engines=engines, down=down, recent=list(found.recent)[::-1], totals=found.totals
    )


def find() -> BaseResponse:
    """Send the visitor on to the page of what was typed."""
    text = request.args.get("q", "").strip()
    address = url_for(f"{NAME}.subject", text=text) if text else url_for(f"{NAME}.overview")
    return redirect(address, 303)


def subject(text: str) -> Any:
    """May this subject be deleted, and if not, why and what to do."""
    answer = report_in_time(state(), text, DEFAULT)  # the pages are English as yet, so their hints are too
    match answer:
        case Report():
            return _page("subject.html", report=answer)
        case Unknown():
            return _page("unknown.html", status=404, text=text, unknown=answer)
        case Unreachable():
            return _page("unreachable.html", text=text, unreachable=answer)  # this page is up: 200


def audit() -> Any:
    """Show the hazards in the models. Asks no database."""
    rows = findings(state())
    counts = {severity: sum(row.severity is severity for row in rows) for severity in Severity}
    return _page("audit.html", findings=rows, counts=counts, rules=REGISTRY)


def _page(template: str, status: int = 200, **values: Any) -> Response:
    found = state()
    page = render_template(f"{NAME}/{template}", diag=found, app_name=current_app.name, **values)
    return make_response(page, status)


def _enter() -> Response | None:
    if request.endpoint == f"{NAME}.static":  # a style sheet tells nobody anything
        return None
    return entrance(state(), "read")


def _close(response: Response) -> Response:
    """Keep pages to themselves: no script, no other host, no copy in a cache."""
    response.headers["Content-Security-Policy"] = PAGES_CSP
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    if request.endpoint != f"{NAME}.static":
        response.headers["Cache-Control"] = "no-store"
    return response
