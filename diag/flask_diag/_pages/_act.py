"""Do something about a subject: tried first and taken back, then confirmed by its name, then done."""

from __future__ import annotations

from flask import Response, redirect, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as BaseResponse

from diag_rules.deletion import How, LockDenied, UnknownSubject
from diag_rules.errors import classify
from flask_diag._removing import Acted, Action, act
from flask_diag._report import Unknown, Unreachable, ways
from flask_diag._request import request_id
from flask_diag._state import State, state
from flask_diag._trail import record

from ._address import address_of
from ._answer import steps
from ._language import page_language
from ._not_acted import not_acted
from ._render import page
from ._subject import SHOWN

STATUSES = {"tried": 200, "done": 200, "refused": 409, "changed": 409, "wrong-name": 422}


def act_on(text: str) -> BaseResponse:
    """Try, or do, what the form says to the subject with the key *text*; who only looks is sent to its page."""
    if request.method != "POST":
        return redirect(address_of(text), 303)
    found = state()
    wanted = _wanted(found, text)
    if wanted is None:
        return not_acted("request", 400)
    name = "delete" if wanted.mark is None else "clear"
    if not _allowed(found, wanted):
        record(found, name, outcome="refused", acts=True)
        return not_acted("policy", 409)
    return _acted(found, wanted, name)


def _acted(found: State, wanted: Action, name: str) -> Response:
    """Do it, and say what became of it, here and in the trail."""
    try:
        acted = act(found, wanted)
    except UnknownSubject as error:
        record(found, name, outcome="not-found", acts=wanted.execute)
        unknown = Unknown(str(error.args[0]))
        return page("unknown.html", 404, text=wanted.key, unknown=unknown, met=None)
    except LockDenied as error:
        record(found, name, outcome="refused", acts=wanted.execute)
        return not_acted("lock", 409, detail=str(error))
    except (SQLAlchemyError, OSError) as error:
        record(found, name, outcome="unknown", acts=wanted.execute)
        return _failed(error)
    record(found, name, outcome=acted.outcome, acts=wanted.execute, key=acted.key)
    return _answer(found, wanted, acted)


def _wanted(found: State, text: str) -> Action | None:
    """Read the form; None for one that is none of ours."""
    mark, execute = request.form.get("mark") or None, request.form.get("step") == "do"
    try:
        how = How(request.form.get("how", ""))
    except ValueError:
        return None
    if how not in ways(found):
        return None
    return Action(
        key=text,
        how=how,
        language=page_language(),
        mark=mark,
        execute=execute,
        seen=request.form.get("seen", "") if execute else None,
        name=request.form.get("name", "") if execute else None,
    )


def _allowed(found: State, wanted: Action) -> bool:
    """Tell whether the policy lets people do this here; of one remedy the rules tell, as they know whose it is."""
    policy = found.rules.policy if found.rules is not None else None
    return policy is not None and (wanted.mark is not None or policy.subject.delete)


def _answer(found: State, wanted: Action, acted: Acted) -> Response:
    return page(
        "acted.html",
        STATUSES[acted.outcome],
        wanted=wanted,
        acted=acted,
        back=address_of(acted.key),
        reference=request_id(found),
        steps=steps,
        shown=SHOWN,
    )


def _failed(error: Exception) -> Response:
    """Say that nothing was changed, as the database took no part or refused."""
    meaning = classify(error)
    why = Unreachable(str(meaning.category), str(meaning.kind))
    status = 503 if meaning.category in {"outage", "contention"} else 409
    return not_acted("database", status, unreachable=why)
