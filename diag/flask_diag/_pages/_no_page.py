"""There is no such page, or it is asked in a way that it does not take."""

from __future__ import annotations

from flask import Response, request, url_for
from werkzeug.exceptions import MethodNotAllowed, NotFound

from ._render import here, page


def no_page(error: NotFound | MethodNotAllowed) -> Response:
    """Say what is wrong with the current address, and where to go from there."""
    allowed = tuple(getattr(error, "valid_methods", None) or ())
    response = page(
        "no_page.html",
        error.code,
        path=request.path[:200],
        method=request.method,
        refused=isinstance(error, MethodNotAllowed),
        onwards=here() if "GET" in allowed else url_for("flask_diag.overview"),
    )
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response
