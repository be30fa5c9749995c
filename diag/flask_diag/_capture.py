"""Hear errors at the engines, make each an incident once, and publish it.

Listeners are on the application's own engines. A statement that succeeds meets none of them.
"""

from __future__ import annotations

import weakref
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from flask import current_app, has_app_context
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import PendingRollbackError

from diag_exporters import Incident, Recovery, publish, publish_recovery
from diag_rules.errors import Category, Classification, Kind, classify

from . import _deleting as deleting
from ._deleting import Deletion
from ._guard import guarded, is_quiet
from ._request import memory, request_id, subject_of_request, where
from ._state import State, state_of
from ._subject import key_text

_MARK = "_diag_incident"
_FOLLOW_UPS = frozenset((Kind.PENDING_ROLLBACK, Kind.IN_FAILED_SQL_TRANSACTION))

_watches: weakref.WeakKeyDictionary[Any, _Watch] = weakref.WeakKeyDictionary()


class _Watch:
    """The listeners of one engine, which several applications may share."""

    def __init__(self) -> None:
        self._states: list[tuple[weakref.ref[State], str]] = []

    def add(self, state: State, bind: str) -> None:
        self._states.append((weakref.ref(state), bind))

    def owner(self) -> tuple[State, str] | None:
        """Return the current application's state if the engine is its, else the first that lives."""
        alive = [(state, bind) for ref, bind in self._states if (state := ref()) is not None]
        if len(alive) > 1 and has_app_context():
            mine = state_of(current_app)
            alive = [pair for pair in alive if pair[0] is mine] or alive
        return alive[0] if alive else None

    def failed(self, context: ExceptionContext) -> None:
        """Listener of ``handle_error``."""
        if is_quiet() or _is_no_error(context):
            return
        with guarded("hearing a database error"):
            owner = self.owner()
            if owner is not None:
                _met_at_engine(*owner, context)

    def connected(self, *_: Any) -> None:
        """Listener of the pool's ``connect``."""
        for state, bind in self._out():
            _recovered(state, bind, state.outages[bind].connected())

    def handed_out(self, *_: Any) -> None:
        """Listener of the pool's ``checkout``."""
        for state, bind in self._out():
            _recovered(state, bind, state.outages[bind].handed_out())

    def _out(self) -> list[tuple[State, str]]:
        return [
            (state, bind)
            for ref, bind in self._states
            if (state := ref()) is not None and state.outages[bind].active
        ]


def _is_no_error(context: ExceptionContext) -> bool:
    """Tell what SQLAlchemy tries and expects to fail, and what is no error of the database at all.

    A failed ping is followed by a connect, which says more. A look whether a table exists asks not to be heard.
    A worker that is told to stop (SystemExit, a cancelled task) raises in the middle of a statement.
    """
    if context.is_pre_ping or not isinstance(context.original_exception, Exception):
        return True
    options = getattr(context.execution_context, "execution_options", None) or {}
    return bool(options.get("skip_user_error_events", False))


def watch(state: State) -> None:
    """Listen to the engines of *state*."""
    for bind, engine in state.engines.items():
        found = _watches.get(engine.dialect)
        if found is None:
            found = _watches[engine.dialect] = _Watch()
            _listen(engine, found)
        found.add(state, bind)
    deleting.watch_sessions(state)


def _listen(engine: Engine, found: _Watch) -> None:
    event.listen(engine, "handle_error", found.failed)
    event.listen(engine, "connect", found.connected)
    event.listen(engine, "checkout", found.handed_out)


def incident_of(error: BaseException) -> Incident | None:
    """Return the incident that *error*, or what it wraps, was met as; without the exception itself."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        found = getattr(link, _MARK, None)
        if isinstance(found, Incident):
            return found
        link = getattr(link, "orig", None) or link.__cause__
    return None


def met(state: State, error: BaseException) -> Incident | None:
    """Return the incident of an error that reached the request's end, publishing it if no engine heard it.

    A follow-up of an earlier error (a session used after it without a rollback) is that earlier incident.
    """
    known = incident_of(error)
    if known is not None:
        return known
    found = classify(error)
    root = _root(found, error)
    if root is not None:
        return root
    return _publish(state, _first_bind(state), found, error, deleting.current(), lost=False)


def _met_at_engine(state: State, bind: str, context: ExceptionContext) -> None:
    error: BaseException = context.sqlalchemy_exception or context.original_exception
    if incident_of(error) is not None or incident_of(context.original_exception) is not None:
        return
    # SQLAlchemy raises its exception with this traceback right after us; it tells COMMIT from a statement
    found = classify(error.with_traceback(context.original_exception.__traceback__))
    if _root(found, error) is not None:
        return
    deletion = deleting.current(context)
    if deletion is None and state.subject is not None:
        deletion = deleting.of_statement(context, state.subject)
    lost = context.is_disconnect or context.connection is None  # None: it could not even be opened
    _publish(state, bind, found, error, deletion, lost=lost)
    _mark(context.original_exception, getattr(error, _MARK, None))


def _publish(  # noqa: PLR0913 what an incident is made from
    state: State,
    bind: str,
    found: Classification,
    error: BaseException,
    deletion: Deletion | None,
    *,
    lost: bool,
) -> Incident:
    """Make the incident, remember it, and tell the exporters."""
    subject, key = subject_of_request(state)
    if deletion is not None:
        subject, key = deletion.subject, (key_text(deletion.keys[0]) if deletion.keys else key)
    incident = Incident(
        classification=found,
        at=datetime.now(UTC),
        app=state.app,
        bind=bind,
        subject=subject,
        subject_key=key,
        request_id=request_id(state) if has_app_context() else None,
        deletion_of=deletion.subject if deletion is not None else None,
        error=error,
        **where(),
    )
    bare = replace(incident, error=None)  # what is kept must not keep the stack that failed
    _mark(error, bare)
    state.recent.append(bare)
    state.totals[found.category] += 1
    remembered = memory()
    if remembered is not None:
        remembered.remember(bare)
        remembered.deletion = deletion or remembered.deletion
    if found.category is Category.OUTAGE and bind in state.outages:
        state.outages[bind].met(found, lost=lost)
    publish(incident, state.exporters)
    return incident


def _root(found: Classification, error: BaseException) -> Incident | None:
    """Return the earlier incident of this request that *error* only follows, or None."""
    if found.kind not in _FOLLOW_UPS and not isinstance(error, PendingRollbackError):
        return None
    remembered = memory()
    return remembered.incidents[-1] if remembered is not None and remembered.incidents else None


def _first_bind(state: State) -> str:
    """Return the only bind, or the first: an error that no engine heard does not say which."""
    return next(iter(state.engines))


def _mark(error: BaseException | None, incident: Incident | None) -> None:
    """Note on the exception that it was met; *incident* is without it, so that no cycle keeps its stack."""
    if error is not None:
        try:
            setattr(error, _MARK, incident)
        except AttributeError:  # a class without a __dict__
            return


def _recovered(state: State, bind: str, since: datetime | None) -> None:
    if since is not None:
        with guarded("telling that an outage is over"):
            recovery = Recovery(at=datetime.now(UTC), app=state.app, bind=bind, since=since)
            publish_recovery(recovery, state.exporters)
