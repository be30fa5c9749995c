"""Answer database errors that the application does not handle; its own handlers keep precedence.

Our handlers are registered for the classes that a database error may have. The more specific handler of the
application wins by Flask's own rule; a more general one (`Exception`) wins because we look for it and hand
over. An error that is our code's fault or unknown goes on to Flask: it is logged, signalled and, in debug
mode, shown, as without us; only the last page is ours, where the application has none.
"""

from __future__ import annotations

import json
from typing import Any

from flask import Flask, Response, current_app, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import InternalServerError

from diag_exporters import Incident, publish_verdict
from diag_rules.deletion import DeletionRefused
from diag_rules.errors import Category, Classification

from ._answer_page import page_of
from ._capture import met
from ._deletions import count_judged
from ._guard import guarded
from ._messages import language
from ._origin import is_ours
from ._problem import Case, Problem, of_deletion, of_error, of_refusal
from ._request import argument, memory, request_id, subject_of_request
from ._state import State, state, state_of
from ._verdicts import verdict_of

_as_json = json.JSONEncoder(ensure_ascii=False).encode
_OVER = frozenset((Category.DEFECT, Category.UNKNOWN))


def register(app: Flask, found: State) -> None:
    """Register our handlers on *app*, except where it has one of its own for the same class."""
    taken = app.error_handler_spec[None][None]
    for wanted in _classes(found):
        if wanted not in taken:
            app.register_error_handler(wanted, _handle)
    if InternalServerError not in app.error_handler_spec[None][500]:
        app.register_error_handler(InternalServerError, _handle_unhandled)


def _classes(found: State) -> list[type[Exception]]:
    """Return what a database error may be, apart from what SQLAlchemy wraps.

    A driver's own class where a listener unwraps it; OSError where an async driver lets it through;
    AssertionError, with which the ORM refuses to blank out a primary key.
    """
    drivers = [getattr(engine.dialect.loaded_dbapi, "Error", None) for engine in found.engines.values()]
    own = [driver for driver in drivers if isinstance(driver, type) and issubclass(driver, Exception)]
    return list(dict.fromkeys([SQLAlchemyError, DeletionRefused, *own, OSError, AssertionError]))


def _handle(error: Exception) -> Any:
    """Handle an error that no more specific handler took. Raises it again where it is not ours to answer."""
    found = state_of(current_app)
    incident = None
    if found is not None and not isinstance(error, DeletionRefused):
        with guarded("looking at an error that reached the request's end"):
            incident = met(found, error) if is_ours(found, error) else None
    host = _host_handler(error)
    if host is not None:
        return current_app.ensure_sync(host)(error)
    answer = None if found is None else _answer(found, error, incident)
    if answer is None:
        raise error
    return answer


def _handle_unhandled(error: InternalServerError) -> Any:
    """Give the last page after a defect or an unknown error; another failure keeps Flask's own page."""
    answer: Any = None
    with guarded("answering an unhandled error"):
        found, original = state_of(current_app), error.original_exception
        incident = (
            met(found, original) if found and original is not None and is_ours(found, original) else None
        )
        if found is not None and incident is not None:
            answer = respond(found, of_error(incident.classification, _case(found)))
    return error if answer is None else answer


def answer(error: Exception) -> Response | None:
    """Return our answer to *error* for a handler of the application's own, or None where it is no database error.

    A defect, or an error that nobody recognises, has an answer too (500).
    """
    found = state()
    if isinstance(error, DeletionRefused):
        return _answer(found, error, None)
    incident = met(found, error) if is_ours(found, error) else None
    if incident is None:
        return None
    if incident.classification.category in _OVER:
        return respond(found, of_error(incident.classification, _case(found)))
    return _answer(found, error, incident)


def _answer(found: State, error: Exception, incident: Incident | None) -> Response | None:
    """Return the answer, or None where Flask is to go on with the error."""
    with guarded("answering an error"):
        if isinstance(error, DeletionRefused):
            return respond(found, of_refusal(error.verdict, _case(found)))
        if incident is not None:
            problem = _problem(found, incident.classification)
            return None if problem is None else respond(found, problem)
    return None


def _problem(found: State, meaning: Classification) -> Problem | None:
    """Return what to tell about an error, or None where Flask is to go on with it.

    The ORM refuses some deletions by itself, with errors that no database knows: where the verdict says what
    blocks the deletion, the answer is that, whatever the error was.
    """
    remembered = memory()
    deletion = remembered.deletion if remembered is not None else None
    over = meaning.category in _OVER
    if deletion is not None and (over or meaning.category is Category.BUSINESS_RULE):
        verdict = verdict_of(found, deletion, argument(found), language())
        count_judged(found, verdict)
        if verdict is not None:
            publish_verdict(verdict, found.exporters)
        if not over or (verdict is not None and verdict.blockers):
            return of_deletion(meaning, _case(found, deletion.keys[0] if deletion.keys else None), verdict)
    return None if over else of_error(meaning, _case(found, meaning=meaning))


def _own_message(found: State, meaning: Classification | None, spoken: str) -> str | None:
    """Return the application's own words; where getting them fails, ours will do."""
    if meaning is None or found.words is None:
        return None
    with guarded("asking for the application's own message"):
        return found.words.message(meaning, spoken)
    return None


def _case(found: State, key: Any = None, *, meaning: Classification | None = None) -> Case:
    """Return what an answer is made from, with the application's own words for *meaning* if that is given."""
    subject, text = subject_of_request(found)
    spoken = language()
    return Case(
        reference=request_id(found),
        language=spoken,
        retry_after=found.settings.retry_after,
        subject=subject,
        key=text if key is None else key,
        message=_own_message(found, meaning, spoken),
        name=_name(found, spoken),
    )


def _name(found: State, spoken: str) -> str | None:
    """Return what the policy calls one subject, in the language of the request."""
    words = found.policy.subject.name if found.policy is not None else None
    if words is None:
        return None
    with guarded("asking the policy what the subject is called"):
        return str(words.render(spoken, 1, {}))
    return None


def respond(found: State, problem: Problem) -> Response:
    """Write *problem* as JSON or as a page, by what the client accepts."""
    response = None
    if _wants_page():
        with guarded("drawing the page of an answer"):
            response = page_of(problem)
    if response is None:
        members = problem.members(found.settings.problem_type, request.path)
        response = current_app.response_class(
            _as_json(members), problem.status, content_type="application/problem+json"
        )
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Language"] = problem.language
    response.headers.add("Vary", "Accept, Accept-Language")
    response.headers["X-Request-ID"] = problem.reference
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    return response


def _wants_page() -> bool:
    """Tell whether the client would rather have HTML; one that accepts anything is a program."""
    wanted = request.accept_mimetypes
    json_quality = max(wanted["application/problem+json"], wanted["application/json"])
    return wanted["text/html"] > 0 and wanted["text/html"] > json_quality


def _host_handler(error: Exception) -> Any:
    """Return the application's own handler for a more general class of *error*, or None."""
    spec = current_app.error_handler_spec
    for name in (*request.blueprints, None):
        handlers = spec[name][None]
        for cls in type(error).__mro__:
            handler = handlers.get(cls)
            if handler is not None and handler is not _handle:
                return handler
    return None
