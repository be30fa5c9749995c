"""Nothing was changed: why, and what to do. The visitor is one who may be here, so it is said in a page."""

from __future__ import annotations

from flask import Response, request, url_for
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response as BaseResponse

from flask_diag._csrf import FormRefused
from flask_diag._report import Unreachable
from flask_diag._trail import has_entered

from ._address import address_of
from ._render import page


def not_acted(why: str, status: int, *, unreachable: Unreachable | None = None, detail: str = "") -> Response:
    """Return the page that says so; *why* is one of the template's."""
    return page("not_acted.html", status, why=why, unreachable=unreachable, detail=detail, back=_back())


def form_refused(error: FormRefused) -> Response:
    """Say of a form that is old or forged how to send one that is not."""
    return not_acted("unsigned" if error.unsigned else "form", 403)


def too_large(error: RequestEntityTooLarge) -> BaseResponse | RequestEntityTooLarge:
    """Say the same of what is too much to be a form of ours; to a stranger the application answers."""
    return not_acted("too-large", 413) if has_entered() else error


def _back() -> str:
    """Return the address of the page that the form was on."""
    text = (request.view_args or {}).get("text")
    return url_for("flask_diag.overview") if text is None else address_of(text)
