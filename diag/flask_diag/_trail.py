"""The audit trail: who looked up whom, and who did what.

An entry goes to each function in ``State.trail``: the log at first, and whatever else keeps it. What a visitor typed is
not in it (it may be anything), only the subject that was found.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from flask import g, has_app_context

from diag_exporters.log import plain

from ._guard import guarded
from ._request import request_id
from ._subject import key_text

if TYPE_CHECKING:
    from ._state import State

logger = logging.getLogger("flask_diag.trail")
_NAME = "_flask_diag_visitor"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is here.

    Attributes:
        name: what the trail calls them: ``token:ci``, or what ``actor=`` said; None where nobody said.
        by: what let them in: ``token``, ``login``, ``authorize`` or ``shell``.
    """

    name: str | None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the trail.

    Attributes:
        action: ``look-up``, ``search``, ``delete``, ...
        acts: whether it changes, or would have changed, anything.
        outcome: ``done``, ``refused``, ``not-found``, ``unknown``.
        reference: the request's id.
    """

    at: datetime
    app: str
    action: str
    acts: bool
    outcome: str
    who: str | None
    by: str
    subject: str | None
    key: str | None
    reference: str


Trail: TypeAlias = Callable[[Entry], None]


def came(visitor: Visitor) -> None:
    """Note who the current request is by."""
    setattr(g, _NAME, visitor)


def visitor() -> Visitor:
    """Return who the current request is by; outside of requests, whoever has the command line."""
    found: Visitor | None = g.get(_NAME) if has_app_context() else None
    return found or Visitor(None, "shell")


def has_entered() -> bool:
    """Tell whether the current visitor was let in."""
    return _NAME in g


def record(state: State, action: str, *, outcome: str = "done", acts: bool = False, key: Any = None) -> None:
    """Add to the trail what the current visitor did, to the subject with *key* if it is about one."""
    who = visitor()
    entry = Entry(
        at=datetime.now(UTC),
        app=state.app,
        action=action,
        acts=acts,
        outcome=outcome,
        who=who.name,
        by=who.by,
        subject=state.subject.name if state.subject is not None and key is not None else None,
        key=None if key is None else key_text(key),
        reference=request_id(state),
    )
    for keep in state.trail:
        with guarded("writing the audit trail"):
            keep(entry)


def to_log(entry: Entry) -> None:
    """Write *entry* to the logger ``flask_diag.trail``: what acts as a warning, what only looks as information."""
    level = logging.WARNING if entry.acts else logging.INFO
    if not logger.isEnabledFor(level):
        return
    fields = {name: getattr(entry, name) for name in Entry.__dataclass_fields__}
    words = [
        f"{name}={plain(value)}"
        for name, value in fields.items()
        if value is not None and name not in {"at", "acts", "action"}
    ]
    logger.log(
        level,
        "%s %s",
        plain(entry.action),
        " ".join(words),
        extra={f"diag_{name}": value for name, value in fields.items()} | {"diag_event": "trail"},
    )
