"""What a request knows: its endpoint, its id, its subject, and the incidents that it has met."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import g, has_app_context, has_request_context, request

from diag_exporters import Incident

from ._guard import guarded
from ._subject import MAX_TEXT, key_text

if TYPE_CHECKING:
    from ._deleting import Deletion
    from ._state import State

_GIVEN_ID = re.compile(
    r"[A-Za-z0-9._:/+=-]{4,64}"
)  # what a proxy may have set; anything else is ours to make
_NAME = "_flask_diag"
MAX_INCIDENTS = 20
UNMATCHED = "unmatched"


@dataclass(slots=True)
class Memory:
    """What is remembered for one request, made at its first incident.

    Attributes:
        incidents: the first `MAX_INCIDENTS`, without their exceptions.
        deletion: the deletion that the last of them broke, or None.
        subject: the subject's name and key, as `Diagnostics.subject` was told.
    """

    incidents: list[Incident] = field(default_factory=list)
    deletion: Deletion | None = None
    request_id: str | None = None
    subject: tuple[str, Any] | None = None

    def remember(self, incident: Incident) -> None:
        """Keep *incident*, which must be without its exception."""
        if len(self.incidents) < MAX_INCIDENTS:
            self.incidents.append(incident)


def memory() -> Memory | None:
    """Return the current request's memory; None outside of application contexts."""
    if not has_app_context():
        return None
    found: Memory | None = g.get(_NAME)
    if found is None:
        found = Memory()
        setattr(g, _NAME, found)
    return found


def met_any() -> bool:
    """Tell whether the current request met an incident."""
    found = g.get(_NAME) if has_app_context() else None
    return found is not None and bool(found.incidents)


def request_id(state: State) -> str:
    """Return the reference number of the current request: the proxy's, where it is sound, else one of ours."""
    found = memory()
    if found is None:
        return _new_id()
    if found.request_id is None:
        found.request_id = _given_id(state) or _new_id()
    return found.request_id


def _new_id() -> str:
    """Return 16 hex digits: short enough to be read out to support."""
    return secrets.token_hex(8)


def _given_id(state: State) -> str | None:
    header = state.settings.request_id_header
    given = request.headers.get(header, "") if header and has_request_context() else ""
    return given if _GIVEN_ID.fullmatch(given) else None


def where() -> dict[str, str | None]:
    """Return the incident's fields that come from the route: endpoint, route and method."""
    if not has_request_context():
        return {"endpoint": None, "route": None, "method": None}
    rule = request.url_rule
    return {
        "endpoint": request.endpoint or UNMATCHED,
        "route": rule.rule if rule is not None else None,
        "method": request.method if request.method in _METHODS else "OTHER",
    }


_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


def subject_of_request(state: State) -> tuple[str | None, str | None]:
    """Return the subject's name and key as text: as told, else from the route's arguments."""
    found = memory()
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
    if state.subject is None or not has_request_context() or not request.view_args:
        return None
    word = state.subject.name.lower()
    for name, value in request.view_args.items():
        if name.lower() in (word, f"{word}_id", f"{word}_key", f"{word}_name", f"{word}_slug"):
            return str(value)
    rule = request.url_rule.rule if request.url_rule is not None else ""
    after = re.search(rf"/(?:{re.escape(state.subject.plural)}|{re.escape(word)})/<(?:[^:<>]*:)?(\w+)>", rule)
    return str(request.view_args[after[1]]) if after and after[1] in request.view_args else None


def _text(key: Any) -> str:
    return key_text(key)[:MAX_TEXT]
