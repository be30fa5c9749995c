"""The values that every exporter takes: an incident, and the recovery that ends an outage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TypeAlias

from diag_rules.errors import Classification


@dataclass(frozen=True, slots=True, init=False)
class Incident:
    """One classified error with its request's context, free of SQL parameters and personal data.

    Attributes:
        classification: what the error means.
        at: when it was met; aware, UTC.
        app: the Flask application's name.
        bind: the name of the engine among the application's engines.
        endpoint: the Flask endpoint, ``unmatched`` for a request without one, None outside of requests.
        route: the route's template (``/projects/<name>``), or None.
        method: the HTTP method, or None.
        subject: the name of the subject's class (``Project``), or None.
        subject_key: the subject's key as text, or None.
        request_id: what the request can be found by, in the answer, the log and the store.
        outage_id: what the outage of this bind is called while one is active, or None.
        trace_id: the id of the distributed trace that the request belongs to, or None.
        deletion_of: the name of the subject's class where the error broke a deletion, else None.
        error: the exception, for an exporter that needs its type or its stack, until every exporter was called: one
            that works later takes what it needs at once. Its text and its variables carry SQL parameters, so
            they are never to be written. Not compared, not shown.
    """

    classification: Classification
    at: datetime
    app: str
    bind: str = "default"
    endpoint: str | None = None
    route: str | None = None
    method: str | None = None
    subject: str | None = None
    subject_key: str | None = None
    request_id: str | None = None
    outage_id: str | None = None
    trace_id: str | None = None
    deletion_of: str | None = None
    error: BaseException | None = field(default=None, compare=False, repr=False)

    def __init__(  # noqa: PLR0913 its fields, by keyword
        self,
        *,
        classification: Classification,
        at: datetime,
        app: str,
        bind: str = "default",
        endpoint: str | None = None,
        route: str | None = None,
        method: str | None = None,
        subject: str | None = None,
        subject_key: str | None = None,
        request_id: str | None = None,
        outage_id: str | None = None,
        trace_id: str | None = None,
        deletion_of: str | None = None,
        error: BaseException | None = None,
    ) -> None:
        _classification(self, classification)
        _at(self, at)
        _app(self, app)
        _bind(self, bind)
        _endpoint(self, endpoint)
        _route(self, route)
        _method(self, method)
        _subject(self, subject)
        _subject_key(self, subject_key)
        _request_id(self, request_id)
        _outage_id(self, outage_id)
        _trace_id(self, trace_id)
        _deletion_of(self, deletion_of)
        _error(self, error)

    def forget_error(self) -> None:
        """Let go of the exception: what is kept must not keep the stack that failed."""
        _error(self, None)


# the slots of a frozen class are set by their descriptors: half the price, and an incident is made within the request
(
    _classification,
    _at,
    _app,
    _bind,
    _endpoint,
    _route,
    _method,
    _subject,
    _subject_key,
    _request_id,
    _outage_id,
    _trace_id,
    _deletion_of,
    _error,
) = (Incident.__dict__[each.name].__set__ for each in fields(Incident))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """The first contact with a database after an outage.

    Attributes:
        at: when; aware, UTC.
        app: the Flask application's name.
        bind: the name of the engine among the application's engines.
        since: when the outage was first met; aware, UTC.
    """

    at: datetime
    app: str
    bind: str
    since: datetime


Exporter: TypeAlias = Callable[[Incident], None]
"""Takes an incident and returns at once.

An exporter that is an object may have methods more, each optional: ``recovered(recovery)``, ``judged(verdict)`` when
the answer to a refused deletion is known, ``request_finished()`` after a request that met an incident, and ``exporter_failed(name)`` when another
exporter has raised.
"""
