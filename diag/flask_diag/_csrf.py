"""Forged forms: an action needs a token that only our own page can have given to this browser.

The token is signed with the application's SECRET_KEY and bound to a cookie of ours and to the visitor's name, so that no
server-side session is needed. A visitor with a bearer token is exempt: no browser sends that by itself.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256
from typing import Any

from flask import Flask, Response, after_this_request, current_app, g, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.exceptions import Forbidden

from ._cookies import cookie_path
from ._trail import visitor

COOKIE, FIELD, HEADER = "diag_csrf", "csrf_token", "X-CSRF-Token"
MAX_AGE = 8 * 3600  # seconds that a form may stay open
_NEW = "_flask_diag_csrf"


class FormRefused(Forbidden):
    """A form that nobody can vouch for, so nothing is done.

    Attributes:
        unsigned: the application has no SECRET_KEY to sign any.
    """

    def __init__(self, description: str, *, unsigned: bool = False) -> None:
        super().__init__(description)
        self.unsigned = unsigned


def csrf_token() -> str:
    """Return the token for a form of the current page, and give the browser its half of it.

    Raises:
        FormRefused: the application has no SECRET_KEY.
    """
    cookie = request.cookies.get(COOKIE) or g.get(_NEW)
    if not cookie:
        cookie = secrets.token_urlsafe(32)
        setattr(g, _NEW, cookie)
        after_this_request(_give_cookie)
    return str(_serializer(current_app).dumps(_bound_to(cookie)))


def exempt(app: Flask, blueprint: str) -> None:
    """Take our pages out of Flask-WTF's protection, where *app* has it already: their forms have our token, not its."""
    host = app.extensions.get("csrf")
    if host is not None and hasattr(host, "exempt"):
        host.exempt(app.blueprints[blueprint])


def is_refused_by_host(app: Flask, blueprint: str) -> bool:
    """Tell whether Flask-WTF, set up after us, refuses the forms of our pages."""
    host = app.extensions.get("csrf")
    ours = app.blueprints.get(blueprint)
    return host is not None and ours is not None and ours not in getattr(host, "_exempt_blueprints", (ours,))


def check_csrf() -> None:
    """Let the current action pass.

    Raises:
        FormRefused: it carries no token, or one of another browser, visitor or time; or the application can sign none.
    """
    if visitor().by == "token":
        return
    signer = _serializer(current_app)
    given = request.form.get(FIELD) or request.headers.get(HEADER, "")
    cookie = request.cookies.get(COOKIE, "")
    from_elsewhere = request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}
    if from_elsewhere or not cookie or not _is_for(signer, given, cookie):
        raise FormRefused(
            "The form is too old, or it came from another page. Open the page again and repeat."
        )


def _is_for(signer: URLSafeTimedSerializer, given: str, cookie: str) -> bool:
    try:
        signed: Any = signer.loads(given, max_age=MAX_AGE)
    except BadSignature:
        return False
    return isinstance(signed, str) and hmac.compare_digest(signed.encode(), _bound_to(cookie).encode())


def _bound_to(cookie: str) -> str:
    return sha256(f"{visitor().name}\0{cookie}".encode()).hexdigest()


def _serializer(app: Flask) -> URLSafeTimedSerializer:
    if not app.secret_key:
        raise FormRefused(
            "Actions need a signed form: set SECRET_KEY in the application's settings.", unsigned=True
        )
    keys = [*(app.config.get("SECRET_KEY_FALLBACKS") or []), app.secret_key]  # the newest signs
    return URLSafeTimedSerializer(keys, salt="flask-diag.csrf", signer_kwargs={"digest_method": sha256})


def _give_cookie(response: Response) -> Response:
    response.set_cookie(
        COOKIE,
        g.get(_NEW),
        path=cookie_path(),
        secure=request.is_secure,
        httponly=True,
        samesite="Strict",
    )
    return response
