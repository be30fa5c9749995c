"""What a request knows: its endpoint, its id, its subject, and the incidents that it has met."""

from __future__ import annotations

import re
import secrets
import sys
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Request, g, request

from diag_exporters import Incident
from diag_rules.errors import Category, Classification

from ._guard import guarded
from ._subject import MAX_TEXT, key_text, well_formed

if TYPE_CHECKING:
    from ._deleting import Deletion
    from ._state import State

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")  # W3C Trace Context
_GIVEN_ID = re.compile(
    r"[A-Za-z0-9._:/+=-]{4,64}"
)  # what a proxy may have set; anything else is ours to make
NAME = "_flask_diag"
MAX_INCIDENTS = 20
UNMATCHED = "unmatched"
_CONTENTION = Category.CONTENTION


@dataclass(slots=True)
class Memory:
    """What is remembered for one request, made at its first incident.

    Attributes:
        incidents: the first `MAX_INCIDENTS`, without their exceptions.
        contentions: how many of them were contention.
        deletion: the deletion that the last of them broke, or None.
        subject: the subject's name and key, as `Diagnostics.subject` was told.
        refused: what the error means that refused a deletion, until that is counted.
        unhandled: the category of the exception that nobody handled, or ``server_error``; else None.
        counted: the request was counted already.
    """

    incidents: list[Incident] = field(default_factory=list)
    contentions: int = 0
    deletion: Deletion | None = None
    request_id: str | None = None
    subject: tuple[str, Any] | None = None
    refused: Classification | None = None
    unhandled: str | None = None
    counted: bool = False

    def remember(self, incident: Incident) -> None:
        """Keep *incident*, which must be without its exception."""
        if len(self.incidents) < MAX_INCIDENTS:
            self.incidents.append(incident)
            self.contentions += incident.classification.category is _CONTENTION


def memory() -> Memory | None:
    """Return the current request's memory; None outside of application contexts."""
    try:
        here = g._get_current_object()  # noqa: SLF001 werkzeug documents it: each access to the proxy costs a look-up
    except RuntimeError:
        return None
    found: Memory | None = here.get(NAME)
    if found is None:
        found = Memory()
        setattr(here, NAME, found)
    return found


def remembered() -> Memory | None:
    """Return the current request's memory if there is one; within an application context only."""
    found: Memory | None = g._get_current_object().get(NAME)  # noqa: SLF001 as above
    return found


def current_request() -> Request | None:
    """Return the request itself rather than the proxy, or None outside of requests."""
    try:
        found: Request = request._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001 as above
    except RuntimeError:
        return None
    return found


def request_id(state: State) -> str:
    """Return the reference number of the current request: the proxy's, where it is sound, else one of ours."""
    found = memory()
    return _new_id() if found is None else id_in(state, found, current_request())


def id_in(state: State, found: Memory, asked: Request | None) -> str:
    """Return the same for a request that was looked up already."""
    if found.request_id is None:
        found.request_id = _given_id(state, asked) or _new_id()
    return found.request_id


def trace_id(asked: Request | None) -> str | None:
    """Return the distributed trace that the request belongs to: OpenTelemetry's, where it is loaded, else the header's."""
    telemetry = sys.modules.get("opentelemetry.trace")
    if telemetry is not None:
        with guarded("asking OpenTelemetry for the trace"):
            span = telemetry.get_current_span().get_span_context()
            if span.is_valid:
                return format(span.trace_id, "032x")
    given = None if asked is None else asked.environ.get("HTTP_TRACEPARENT")
    found = _TRACEPARENT.fullmatch(given) if given else None
    return found[1] if found is not None and found[1].strip("0") else None


def _new_id() -> str:
    """Return 16 hex digits: short enough to be read out to support."""
    return secrets.token_hex(8)


def _given_id(state: State, asked: Request | None) -> str | None:
    header = state.settings.request_id_header
    given = asked.environ.get(_environ_key(header)) if header and asked is not None else None
    return given if given and _GIVEN_ID.fullmatch(given) else None


@cache
def _environ_key(header: str) -> str:
    """Return the header's name in WSGI's environment, where looking it up costs a fifth."""
    return "HTTP_" + header.upper().replace("-", "_")


def where(asked: Request | None) -> tuple[str | None, str | None, str | None]:
    """Return what an incident says of the route: endpoint, route and method."""
    if asked is None:
        return None, None, None
    rule, method = asked.url_rule, asked.method if asked.method in _METHODS else "OTHER"
    return (UNMATCHED, None, method) if rule is None else (rule.endpoint, rule.rule, method)


_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


def subject_of_request(state: State) -> tuple[str | None, str | None]:
    """Return the subject's name and key as text: as told, else from the route's arguments."""
    return subject_in(state, memory())


def subject_in(state: State, found: Memory | None) -> tuple[str | None, str | None]:
    """Return the same for a request whose memory was looked up already."""
    if found is not None and found.subject is not None:
        name, key = found.subject
        return name, _text(key)
    for resolver in state.resolvers:
        answer = None
        with guarded("asking a resolver for the request's subject"):
            answer = resolver()
        if answer is not None:
            return (state.subject.name if state.subject else None), _text(answer)
    text = argument(state)
    return (state.subject.name, _text(text)) if state.subject and text is not None else (None, None)


def argument(state: State) -> str | None:
    """Return the route's argument that names the subject: ``project``, ``project_id``, ``/projects/<name>``."""
    asked = None if state.subject is None else current_request()
    if state.subject is None or asked is None or not asked.view_args:
        return None
    word = state.subject.name.lower()
    for name, value in asked.view_args.items():
        if name.lower() in (word, f"{word}_id", f"{word}_key", f"{word}_name", f"{word}_slug"):
            return str(value)
    rule = asked.url_rule.rule if asked.url_rule is not None else ""
    after = re.search(rf"/(?:{re.escape(state.subject.plural)}|{re.escape(word)})/<(?:[^:<>]*:)?(\w+)>", rule)
    return str(asked.view_args[after[1]]) if after and after[1] in asked.view_args else None


def _text(key: Any) -> str:
    """Return *key* as text that any page, log and store takes: a client's JSON may hold half a character."""
    return well_formed(key_text(key))[:MAX_TEXT]
