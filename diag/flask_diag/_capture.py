"""Hear errors at the engines, make each an incident once, and publish it.

Listeners are on the application's own engines. A statement that succeeds meets none of them.
"""

from __future__ import annotations

import weakref
from datetime import UTC, datetime
from typing import Any

from flask import current_app, has_app_context
from sqlalchemy import Dialect, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import PendingRollbackError

from diag_exporters import Incident, Recovery, publish, publish_recovery
from diag_rules.errors import Category, Classification, Kind, classify

from . import _deleting as deleting
from ._deleting import Deletion
from ._deletions import refused_by_database
from ._guard import guarded, is_quiet
from ._outage import Outage
from ._request import current_request, id_in, memory, subject_in, trace_id, where
from ._state import State, state_of
from ._subject import key_text, well_formed

# kept here, since Python 3.11 calls a function for each look at a member
_OUTAGE, _BUSINESS_RULE = Category.OUTAGE, Category.BUSINESS_RULE
_MARK = "_diag_incident"
_MAX_LINKS = 100
_HEARING = guarded("hearing a database error")
_FOLLOW_UPS = frozenset((Kind.PENDING_ROLLBACK, Kind.IN_FAILED_SQL_TRANSACTION))

_UNHEARD = frozenset(("asyncpg",))  # SQLAlchemy passes their OSError on as it is (its issue 11956)

_watches: weakref.WeakKeyDictionary[Any, _Watch] = weakref.WeakKeyDictionary()


class _Watch:
    """The listeners of one engine, which several applications may share."""

    def __init__(self) -> None:
        self._states: list[tuple[weakref.ref[State], str, Outage]] = []

    def add(self, state: State, bind: str) -> None:
        self._states.append((weakref.ref(state), bind, state.outages[bind]))

    def owner(self) -> tuple[State, str] | None:
        """Return the current application's state if the engine is its, else the first that lives."""
        if len(self._states) == 1:
            ref, bind, _ = self._states[0]
            only = ref()
            return None if only is None else (only, bind)
        alive = [(state, bind) for ref, bind, _ in self._states if (state := ref()) is not None]
        if len(alive) > 1 and has_app_context():
            mine = state_of(current_app)
            alive = [pair for pair in alive if pair[0] is mine] or alive
        return alive[0] if alive else None

    def failed(self, context: ExceptionContext) -> None:
        """Listener of ``handle_error``."""
        if is_quiet() or _is_no_error(context):
            return
        with _HEARING:
            owner = self.owner()
            if owner is not None:
                _met_at_engine(*owner, context)

    def connect(self, dialect: Dialect, _record: Any, args: Any, options: Any) -> Any:
        """Listener of ``do_connect``, for drivers whose errors of connecting no engine hears: connect, and look at what is raised.

        Whoever listens after us may want to connect by itself, so only the last may do it.
        """
        if is_quiet() or list(dialect.dispatch.do_connect)[-1] != self.connect:
            return None
        try:
            return dialect.connect(*args, **options)
        except Exception as error:
            with guarded("hearing that no connection could be opened"):
                heard = isinstance(error, dialect.loaded_dbapi.Error)  # by handle_error, in a moment
                owner = None if heard else self.owner()
                if owner is not None:
                    _publish(*owner, classify(error), error, deleting.current(), lost=True)
            raise

    def connected(self, *_: Any) -> None:
        """Listener of the pool's ``connect``."""
        for ref, bind, outage in self._states:
            if outage.active:
                _recovered(ref(), bind, outage.connected(ours=is_quiet()))

    def handed_out(self, *_: Any) -> None:
        """Listener of the pool's ``checkout``."""
        for ref, bind, outage in self._states:
            if outage.active:
                _recovered(ref(), bind, outage.handed_out(ours=is_quiet()))


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
    if engine.dialect.driver in _UNHEARD:
        event.listen(engine, "do_connect", found.connect)
    event.listen(engine, "connect", found.connected)
    event.listen(engine, "checkout", found.handed_out)


def incident_of(error: BaseException) -> Incident | None:
    """Return the incident that *error*, or what it wraps, was met as; without the exception itself."""
    link = error
    for _ in range(_MAX_LINKS):  # of a chain that may be a ring
        found = getattr(link, _MARK, None)
        if isinstance(found, Incident):
            return found
        behind: BaseException | None = getattr(link, "orig", None) or link.__cause__
        if behind is None:
            break
        link = behind
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
    return _publish(state, bind_of(state, error), found, error, deleting.current(), lost=False)


def _met_at_engine(state: State, bind: str, context: ExceptionContext) -> None:
    original = context.original_exception
    error: BaseException = context.sqlalchemy_exception or original
    if (
        getattr(original, _MARK, None) is not None
    ):  # another listener of the engine, or another engine, was first
        return
    # SQLAlchemy raises its exception with this traceback right after us; it tells COMMIT from a statement
    found = classify(error.with_traceback(original.__traceback__))
    if _root(found, error) is not None:
        return
    deletion = deleting.current(context)
    if deletion is None and state.subject is not None:
        deletion = deleting.of_statement(context, state.subject)
    lost = context.is_disconnect or context.connection is None  # None: it could not even be opened
    _publish(state, bind, found, error, deletion, lost=lost)
    _mark(original, getattr(error, _MARK, None))


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
    remembered, asked = memory(), current_request()
    subject, key = subject_in(state, remembered)
    if deletion is not None:
        subject, key = deletion.subject, (well_formed(key_text(deletion.keys[0])) if deletion.keys else key)
    if found.category is _OUTAGE and bind in state.outages:
        state.outages[bind].met(found, lost=lost)
    endpoint, route, method = where(asked)
    incident = Incident(
        classification=found,
        at=datetime.now(UTC),
        app=state.app,
        bind=bind,
        endpoint=endpoint,
        route=route,
        method=method,
        subject=subject,
        subject_key=key,
        request_id=id_in(state, remembered, asked) if remembered is not None else None,
        outage_id=_outage_id(state, bind),
        trace_id=trace_id(asked),
        deletion_of=deletion.subject if deletion is not None else None,
        error=error,
    )
    _mark(error, incident)
    state.recent.append(incident)
    state.totals[found.category] += 1
    if remembered is not None:
        remembered.remember(incident)
        remembered.deletion = deletion or remembered.deletion
    if deletion is not None and found.category is _BUSINESS_RULE:
        refused_by_database(state, found, remembered)
    publish(incident, state.exporters)
    incident.forget_error()
    return incident


def _outage_id(state: State, bind: str) -> str | None:
    outage = state.outages.get(bind)
    return f"{bind}-{outage.name}" if outage is not None and outage.active else None


def _root(found: Classification, error: BaseException) -> Incident | None:
    """Return the earlier incident of this request that *error* only follows, or None."""
    if found.kind not in _FOLLOW_UPS and not isinstance(error, PendingRollbackError):
        return None
    remembered = memory()
    return remembered.incidents[-1] if remembered is not None and remembered.incidents else None


def bind_of(state: State, error: BaseException) -> str:
    """Return the bind whose pool or engine the traceback of *error* shows, else the first.

    No engine hears of a pool that has no connection left: its error is all that there is.
    """
    if len(state.engines) > 1:
        trace = error.__traceback__
        while trace is not None:
            shown = trace.tb_frame.f_locals.get("self")
            for bind, engine in state.engines.items():
                if shown is engine or shown is engine.pool:
                    return bind
            trace = trace.tb_next
    return next(iter(state.engines))


def _mark(error: BaseException | None, incident: Incident | None) -> None:
    """Note on the exception that it was met; *incident* is without it, so that no cycle keeps its stack."""
    if error is not None:
        try:
            setattr(error, _MARK, incident)
        except AttributeError:  # a class without a __dict__
            return


def answered(state: State, bind: str) -> None:
    """Note that a probe of *bind* was answered."""
    _recovered(state, bind, state.outages[bind].answered())


def _recovered(state: State | None, bind: str, since: datetime | None) -> None:
    if state is not None and since is not None:
        with guarded("telling that an outage is over"):
            recovery = Recovery(at=datetime.now(UTC), app=state.app, bind=bind, since=since)
            publish_recovery(recovery, state.exporters)
