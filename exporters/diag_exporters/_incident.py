"""The one value that every exporter takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from diag_rules.errors import Classification


@dataclass(frozen=True, slots=True, kw_only=True)
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
        deletion_of: the name of the subject's class where the error broke a deletion, else None.
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
    deletion_of: str | None = None


Exporter: TypeAlias = Callable[[Incident], None]
