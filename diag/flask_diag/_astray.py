"""Addresses below ours that nothing answers, and methods that they don't take: what is wrong, for those who may read.

No route is added, and the application's routes, handlers and hooks go first: where they end in 404 or 405 because no route fits,
a visitor who may read gets our answer instead. Everybody else gets what the application said.
"""

from __future__ import annotations

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from ._access import is_open, may
from ._api import API_PATH, problem_of
from ._api import closed as closed_answer
from ._guard import guarded
from ._pages import closed as closed_page
from ._pages import no_page
from ._state import State, state


def add_astray(app: Flask) -> None:
    """Say so in *app*."""
    app.after_request(_astray)


def _astray(response: Response) -> Response:
    error = request.routing_exception
    if isinstance(error, NotFound | MethodNotAllowed) and response.status_code == error.code:
        with guarded("saying that nothing is at an address"):
            return _told(state(), error) or response
    return response


def _told(found: State, error: NotFound | MethodNotAllowed) -> Response | None:
    """Return our answer, or None for an address that is not ours and for a stranger."""
    prefix = found.settings.url_prefix
    if prefix is None or not request.path.startswith(f"{prefix}/"):
        return None
    if not is_open(found) or not may(found, "read"):
        return None
    if request.path.startswith(f"{prefix}{API_PATH.rpartition('/')[0]}/"):
        return closed_answer(problem_of(found, _of_api(error, prefix)))
    return closed_page(no_page(error))


def _of_api(error: NotFound | MethodNotAllowed, prefix: str) -> HTTPException:
    if isinstance(error, MethodNotAllowed):
        return MethodNotAllowed(["GET", "HEAD"])
    return NotFound(f"The API is at {prefix}{API_PATH}/: its openapi.json says what it has.")
