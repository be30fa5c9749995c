"""The runbooks that alerts link to, under ``/diag/runbooks/``: up while the database is down."""

from __future__ import annotations

import functools
import re

from flask import Blueprint, Response
from markupsafe import Markup

from diag_exporters.alerts import Alert, Severity, alerts, runbooks
from flask_diag._markdown import as_html

from ._render import page


def add_runbooks(blueprint: Blueprint) -> None:
    """Add the runbooks to the pages, under the same lock."""
    blueprint.add_url_rule("/runbooks/", "runbooks", index)
    blueprint.add_url_rule("/runbooks/<name>", "runbook", runbook)


def index() -> Response:
    """List the alerts, those that page first."""
    return page("runbooks.html", alerts=_alerts(), notices=_notices(), unknown=None)


def runbook(name: str) -> Response:
    """Show one runbook; a name that has none gets the list and 404."""
    text = runbooks().get(name)
    if text is None:
        return page("runbooks.html", 404, alerts=_alerts(), notices=_notices(), unknown=name)
    return page("runbook.html", name=name, text=as_html(text))


def _alerts() -> dict[str, Alert]:
    """Return one alert for each runbook; of two severities the page, which comes first."""
    found: dict[str, Alert] = {}
    for one in sorted(alerts(), key=lambda one: one.severity != Severity.PAGE):
        found.setdefault(one.name, one)
    return found


@functools.cache
def _notices() -> dict[str, Markup]:
    """Return what people notice, by runbook: the first paragraph under that heading."""
    found = {}
    for name, text in runbooks().items():
        notice = re.search(r"^## What people notice\n+(.+?)\n\n", text, flags=re.MULTILINE | re.DOTALL)
        found[name] = as_html(notice[1]) if notice else Markup()
    return found
