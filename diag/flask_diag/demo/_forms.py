"""Forms that another site cannot send: each carries its session's token."""

from __future__ import annotations

import hmac
import secrets

from flask import abort, request, session
from markupsafe import Markup

DIAGNOSTICS = "flask_diag"


def token_field() -> Markup:
    """The hidden field that every form of the demo holds."""
    if "token" not in session:
        session["token"] = secrets.token_urlsafe(24)
    return Markup('<input type="hidden" name="token" value="{}">').format(session["token"])


def refuse_foreign_forms() -> None:
    """Abort with 400 when a browser changes something without its session's token.

    Browsers name the origin of what they send; programs such as curl do not, and hold no session that could be abused.
    """
    if request.blueprint == DIAGNOSTICS:  # its forms have a token of their own
        return
    if request.method in {"GET", "HEAD", "OPTIONS"} or not request.headers.get("Origin"):
        return
    expected, sent = session.get("token", ""), request.form.get("token", "")
    if not expected or not hmac.compare_digest(expected.encode(), sent.encode()):
        abort(
            400,
            "This form is too old, or it came from another site: go back, reload the page, and try again.",
        )
