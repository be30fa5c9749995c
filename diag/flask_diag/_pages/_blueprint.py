"""The routes of the support pages: closed until the application opens them, up while the database is down."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge, TooManyRequests
from werkzeug.wrappers import Response as BaseResponse

from flask_diag._access import enter, is_open
from flask_diag._any_text import add_any_text
from flask_diag._csp import pages_csp
from flask_diag._csrf import FormRefused
from flask_diag._state import State, state

from ._act import act_on
from ._audit import audit
from ._blocked import blocked, blocked_csv
from ._incidents import incidents
from ._language import keep_choice
from ._not_acted import form_refused, too_large
from ._outages import outages
from ._overview import overview
from ._runbooks import add_runbooks
from ._script import given
from ._search import find, too_often
from ._settings import settings
from ._subject import subject, subject_asked

NAME = "flask_diag"


def pages(found: State) -> Blueprint:
    """Return the pages of one application; the subject's plural is in their addresses."""
    blueprint = Blueprint(
        NAME, "flask_diag", static_folder="static", template_folder="templates"
    )  # the folder holds the answers, too, which a host may override
    blueprint.before_request(_enter)
    blueprint.after_request(closed)
    # only what a visitor who may be here can meet: the application tells strangers in its own words
    blueprint.register_error_handler(TooManyRequests, too_often)
    blueprint.register_error_handler(FormRefused, form_refused)
    blueprint.register_error_handler(RequestEntityTooLarge, too_large)
    blueprint.add_url_rule("/", "overview", overview)
    blueprint.add_url_rule("/incidents", "incidents", incidents)
    blueprint.add_url_rule("/outages", "outages", outages)
    blueprint.add_url_rule("/settings", "settings", settings)
    add_runbooks(blueprint)
    if found.subject is not None:
        blueprint.add_url_rule("/audit", "audit", audit)
        blueprint.add_url_rule("/find", "find", find)
        blueprint.add_url_rule("/blocked", "blocked", blocked)
        blueprint.add_url_rule("/blocked.csv", "blocked_csv", blocked_csv)
        _add_subject(blueprint, f"/{found.subject.plural}/")
    return blueprint


def _add_subject(blueprint: Blueprint, plural: str) -> None:
    """Add what is about one subject, whose name or key may hold whatever a text may."""
    add_any_text(blueprint)
    blueprint.add_url_rule(f"{plural}<diag_text:text>", "subject", subject, merge_slashes=False)
    blueprint.add_url_rule(plural, "subject_asked", subject_asked)
    blueprint.add_url_rule(
        "/act/<diag_text:text>", "act_on", act_on, methods=["GET", "POST"], merge_slashes=False
    )


def _enter() -> BaseResponse | None:
    if request.endpoint == f"{NAME}.static" and is_open(state()):  # a style sheet tells nobody anything
        return None
    return enter()


def closed(response: Response) -> Response:
    """Keep pages to themselves: no script but ours, no other host, no copy in a cache, no search engine."""
    response.headers["Content-Security-Policy"] = pages_csp(given())
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    if request.endpoint != f"{NAME}.static":
        response.headers["Cache-Control"] = "no-store"
    return keep_choice(response)
