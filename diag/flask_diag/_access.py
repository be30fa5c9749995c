"""Who may enter: nobody, until the application says so.

There are three ways to say it, which may stand side by side: bearer tokens for programs, the host's own login decorator,
and a callable that is asked for each permission. A right token decides by itself; anybody else is up to the host's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from flask import Response, abort, after_this_request, current_app, make_response, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import HTTPException, TooManyRequests, Unauthorized
from werkzeug.wrappers import Response as BaseResponse

from ._csrf import check_csrf
from ._guard import guarded, log_once
from ._state import State, state
from ._subject import well_formed
from ._tokens import Permission, Token, bearer
from ._trail import Visitor, came, record, visitor

SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
_IN = object()


def is_open(found: State) -> bool:
    """Tell whether the application has said who may enter at all."""
    return bool(found.tokens) or found.login is not None or found.authorize is not None


def enter() -> BaseResponse | None:
    """Let the current request pass, or return what the application sends instead. For ``before_request``.

    What may change anything needs the permission to act, and a form of ours.

    Raises:
        HTTPException: it may not pass.
    """
    found = state()
    acts = request.method not in SAFE
    try:
        shut = entrance(found, "act" if acts else "read")
        if shut is None and acts:
            check_csrf()
    except HTTPException:
        if acts:
            record(found, request.endpoint or "unmatched", outcome="refused", acts=True)
        raise
    return shut


def entrance(found: State, permission: Permission) -> BaseResponse | None:
    """Return None for a visitor who may enter, or what the application sends instead (a way to log in).

    Whatever is answered, no cache keeps it.

    Raises:
        NotFound: the application opened nothing, so there is nothing here for anybody.
        Unauthorized: only tokens open it, and none, or a wrong one, was shown.
        Forbidden: the visitor may not, or the application failed to say.
        HTTPException: what the application's own lock raised.
    """
    after_this_request(not_kept)
    if not is_open(found):
        abort(404)
    token = _token(found)
    if token is not None:
        if permission not in token.permissions:
            abort(403)
        came(Visitor(f"token:{token.name}", "token"))
        return None
    return _by_host(found, permission)


def may(found: State, permission: Permission) -> bool:
    """Tell whether the current visitor would be let in; nothing is answered or raised."""
    try:
        return entrance(found, permission) is None
    except HTTPException:
        return False


def limit_searches(found: State) -> None:
    """Count a search of the current visitor.

    Raises:
        TooManyRequests: the visitor has searched more often than ``DIAG_SEARCH_LIMIT`` allows.
    """
    limit = found.settings.search_limit
    if found.searches is None or limit is None:
        return
    if not found.searches.take(visitor().name or request.remote_addr):
        raise TooManyRequests(
            f"More than {limit} searches a minute: wait a moment.", retry_after=math.ceil(60 / limit)
        )


def _token(found: State) -> Token | None:
    shown = request.authorization
    if not found.tokens or shown is None or shown.type != "bearer" or not shown.token:
        return None
    return bearer(found.tokens, shown.token)


def _by_host(found: State, permission: Permission) -> BaseResponse | None:
    """Ask the host: its login first, then whether this visitor has the permission. A scraper does not log in."""
    logged_in = found.login is not None and permission != "metrics"
    if logged_in:
        shut = _guarded(lambda: _login(found))
        if shut is not None:
            return shut
    if found.authorize is not None:
        shut = _guarded(lambda: _authorize(found, permission))
        if shut is not None:
            return shut
    elif not logged_in and found.tokens:
        raise Unauthorized(www_authenticate=WWWAuthenticate("bearer", {"realm": "diagnostics"}))
    elif not logged_in or permission != "read":
        abort(403)
    came(Visitor(_actor(found), "login" if found.authorize is None else "authorize"))
    return None


def _login(found: State) -> BaseResponse | None:
    """Put the host's decorator before a view that lets in; whatever else it answers is sent."""
    decorate: Any = found.login
    answer = current_app.ensure_sync(decorate(lambda: _IN))()
    if answer is _IN:
        return None
    return make_response(answer)


def _authorize(found: State, permission: Permission) -> BaseResponse | None:
    ask: Any = found.authorize
    answer = current_app.ensure_sync(ask)(permission)
    if isinstance(answer, BaseResponse):
        return answer
    if answer is not True:
        abort(403)
    return None


def _guarded(ask: Callable[[], BaseResponse | None]) -> BaseResponse | None:
    """Return what the host's lock answers. A lock that breaks stays shut."""
    try:
        return ask()
    except HTTPException:
        raise
    except Exception as error:  # noqa: BLE001 whatever it was, nobody enters
        log_once("asking the application who may enter", error)
        abort(403)


def _actor(found: State) -> str | None:
    name = None
    if found.actor is not None:
        with guarded("asking the application who this is"):
            said = found.actor()
            name = None if said is None else well_formed(str(said))[:200]
    return name


def not_kept(response: Response) -> Response:
    """Keep caches from keeping *response*."""
    response.headers["Cache-Control"] = "no-store"
    return response
