"""What became of each request, for the SLO: one cached counter a request, more only where something was met.

A broken business rule burns no error budget, whatever the application answered to it: that is the request's
own matter, and in 2025 it was a 503 with "PyPI is down". Our own pages and scrapes are no requests of users.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, got_request_exception

from diag_exporters._catalogue import CONTENTION_RETRIES, REQUESTS
from diag_exporters._metrics import Metrics
from diag_rules.errors import Category

from ._capture import incident_of
from ._guard import guarded
from ._request import Memory, current_request, memory, remembered

OURS = (
    "flask_diag.",
    "diag_api.",
    "diag_health.",
    "diag_metrics",
)  # the endpoints of our blueprints and of the scrape
SERVER_ERROR = "server_error"
_COUNTING = guarded("counting a request")
_BUSINESS_RULE = Category.BUSINESS_RULE
_BROKEN = _BUSINESS_RULE.value
_WORST = (Category.OUTAGE, Category.CONTENTION, Category.DEFECT, Category.UNKNOWN)


def watch_requests(app: Flask, metrics: Metrics, first: Callable[[], None] | None) -> None:
    """Count the requests of *app* by outcome; *first*, where given, is called with each and starts what a worker needs."""
    app.after_request(_counter(metrics, first))
    got_request_exception.connect(_unhandled, app)


def _counter(metrics: Metrics, first: Callable[[], None] | None) -> Callable[[Response], Response]:
    good = metrics.child(REQUESTS, "ok").inc

    def count(response: Response) -> Response:
        if first is not None:
            first()
        asked = current_request()
        rule = asked.url_rule if asked is not None else None
        if rule is not None and rule.endpoint.startswith(OURS):
            return response
        remembers = remembered()
        if remembers is None and response.status_code < 500:
            good()
        else:
            with _COUNTING:
                _count(metrics, response.status_code, remembers)
        return response

    return count


def count_unanswered(metrics: Metrics, remembered: Memory) -> None:
    """Count a request that ends without a response: its exception went on to the server (``PROPAGATE_EXCEPTIONS``)."""
    if remembered.unhandled is not None and not remembered.counted:
        _count(metrics, 500, remembered)


def _count(metrics: Metrics, status: int, remembered: Memory | None) -> None:
    metrics.child(REQUESTS, outcome(status, remembered)).inc()
    if remembered is None:
        return
    remembered.counted = True
    met = remembered.contentions
    if met and status < 400:
        metrics.add(CONTENTION_RETRIES, met, "recovered")
    elif met > 1:
        metrics.add(CONTENTION_RETRIES, met - 1, "failed")


def outcome(status: int, remembered: Memory | None) -> str:
    """Return what became of a request: what its user saw first, then the worst that it met."""
    met = [one.classification.category for one in remembered.incidents] if remembered is not None else []
    if status < 500:
        return _BROKEN if status >= 400 and _BUSINESS_RULE in met else "ok"
    for category in _WORST:
        if category in met:
            return category.value
    foreign = remembered is not None and remembered.unhandled == SERVER_ERROR
    return _BROKEN if _BUSINESS_RULE in met and not foreign else SERVER_ERROR


def _unhandled(_app: Flask, exception: BaseException, **_: object) -> None:
    """Note an exception that nobody handled, and whether it is a database error that was met."""
    with guarded("noting an unhandled error"):
        remembered = memory()
        if remembered is not None:
            found = incident_of(exception)
            remembered.unhandled = SERVER_ERROR if found is None else found.classification.category.value
