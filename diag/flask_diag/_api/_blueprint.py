"""The API's routes: every answer is JSON, problems included, and nothing of it is for strangers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException, InternalServerError, MethodNotAllowed, NotFound
from werkzeug.wrappers import Response as BaseResponse

from flask_diag._access import entrance
from flask_diag._any_text import add_any_text
from flask_diag._state import State, state

from ._openapi import document
from ._operation import Operation
from ._operations import operations
from ._parameters import read_query
from ._problems import problem_of
from ._values import as_json

NAME = "diag_api"
PATH = "/api/v1"
_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE")


def api(found: State) -> Blueprint:
    """Return the API of one application.

    Each rule takes every method, so that a stranger is stopped before being told which there are.
    """
    blueprint = Blueprint(NAME, __name__)
    add_any_text(blueprint)
    blueprint.before_request(_enter)
    blueprint.after_request(closed)
    for wanted_error in (HTTPException, InternalServerError):  # the application has a page for the latter
        blueprint.register_error_handler(wanted_error, _problem)
    wanted = operations(found)
    for one in wanted:
        _add(blueprint, one.path.replace("{key}", "<diag_text:key>"), one.name, _view(one))
    _add(blueprint, "/openapi.json", "openapi", lambda: _openapi(found, wanted))
    _add(blueprint, "/", "index", _nothing)
    _add(blueprint, "/<diag_text:rest>", "unknown", _nothing)
    return blueprint


def _add(blueprint: Blueprint, rule: str, name: str, view: Callable[..., Any]) -> None:
    blueprint.add_url_rule(
        rule, name, view, methods=_METHODS, provide_automatic_options=False, merge_slashes=False
    )


def _enter() -> BaseResponse | None:
    shut = entrance(state(), "read")
    if shut is None and request.method not in {"GET", "HEAD"}:
        raise MethodNotAllowed(["GET", "HEAD"])
    return shut


def _view(one: Operation) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        values = read_query(one.parameters, request.args)
        of_path = {item.name: item.read(path[item.name]) for item in one.parameters if item.place == "path"}
        return _answer(as_json(one.call(state(), **of_path, **values)))

    return view


def _openapi(found: State, wanted: tuple[Operation, ...]) -> Response:
    base = request.script_root + request.path.removesuffix("/openapi.json")
    return _answer(document(found, wanted, base))


def _nothing(rest: str = "") -> Response:
    raise NotFound(f"The API has nothing at {rest[:200]!r}: openapi.json says what it has.")


def _answer(value: Any) -> Response:
    response = Response(json.dumps(value, ensure_ascii=False), content_type="application/json")
    response.add_etag()
    response.make_conditional(request)
    return response


def _problem(error: HTTPException) -> Any:
    return problem_of(state(), error)


def closed(response: Response) -> Response:
    """Keep answers to themselves: no copy in a cache, and nothing but what they say they are."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response
