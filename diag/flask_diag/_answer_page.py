"""The page of an answer: in the host's look where it has one, and in our own where that can't be drawn.

The host overrides ``flask_diag/answer.html`` in its own templates, and may include ``flask_diag/answer_body.html`` in a block of
its layout. A layout often asks the database (who is logged in?), which may be what is down: then the page is ours.
"""

from __future__ import annotations

from functools import cache

from flask import Response, current_app, make_response, render_template
from jinja2 import Environment, PackageLoader, TemplateNotFound, select_autoescape

from ._csp import answer_csp, answer_style
from ._guard import guarded, log_once
from ._messages import LANGUAGES
from ._problem import Problem
from ._visible import drawn

TEMPLATE = "flask_diag/answer.html"


def page_of(problem: Problem) -> Response:
    """Draw *problem*. Our own page forbids all that it does not need; what the host's needs only the host knows."""
    drawn = _of_host(problem) if _has_own() else None
    response = make_response(_ours(problem) if drawn is None else drawn, problem.status)
    if drawn is None:
        response.headers.setdefault("Content-Security-Policy", answer_csp())
    return response


def _has_own() -> bool:
    """Tell whether the template that the application would find is its own."""
    with guarded("looking for the application's own answer page"):
        try:
            found = current_app.jinja_env.get_template(TEMPLATE)
        except TemplateNotFound as missing:
            return missing.name != TEMPLATE  # it is there, and extends one that is not: drawing it logs that
        return found.filename != _environment().get_template(TEMPLATE).filename
    return True


def _of_host(problem: Problem) -> str | None:
    try:
        return render_template(TEMPLATE, **_values(problem))
    except Exception as error:  # noqa: BLE001 whatever the host's layout needs and has not now
        log_once("drawing the application's own answer page", error)
        return None


def _ours(problem: Problem) -> str:
    return _environment().get_template(TEMPLATE).render(**_values(problem))


def _values(problem: Problem) -> dict[str, object]:
    return {"problem": problem, "texts": LANGUAGES[problem.language], "style": answer_style()}


@cache
def _environment() -> Environment:
    """Return an environment that knows our templates only: there may be no blueprint of ours to find them by."""
    return Environment(
        loader=PackageLoader(__package__ or "flask_diag"), autoescape=select_autoescape(), finalize=drawn
    )
