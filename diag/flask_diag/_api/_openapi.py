"""The OpenAPI 3.1 document, made from the operations and from the types that they return."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from flask_diag._state import State

from ._operation import Operation
from ._problems import STATUSES, ApiProblem
from ._values import schemas

ALWAYS = (304, 400, 401, 403, 404, 405)  # what any operation may answer


def document(found: State, wanted: Iterable[Operation], base: str) -> dict[str, Any]:
    """Return the document of the API that has *base* as its path."""
    known = schemas()
    problem = known.of(ApiProblem)
    paths = {one.path: {"get": _operation(one, known.of(one.answer), problem)} for one in wanted}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Diagnostics of {found.app}",
            "version": _version(),
            "description": "What the support pages say, for programs: is the database down, and what blocks a deletion?",
        },
        "servers": [{"url": base}],
        "security": [*([{"bearer": []}] if found.tokens else []), *([{}] if _other_ways(found) else [])],
        "paths": paths,
        "components": {
            "schemas": known.components,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token made by `flask diag token`. Where the application has a login, that opens it, too.",
                }
            },
        },
    }


def _other_ways(found: State) -> bool:
    return found.authorize is not None or found.login is not None


def _operation(one: Operation, answer: dict[str, Any], problem: dict[str, Any]) -> dict[str, Any]:
    body = {"application/problem+json": {"schema": problem}}
    statuses = sorted({*ALWAYS, *one.problems})
    return {
        "operationId": one.name,
        "summary": one.summary,
        "parameters": [parameter.document() for parameter in one.parameters],
        "responses": {
            "200": {
                "description": "The answer.",
                "headers": {"ETag": {"schema": {"type": "string"}, "description": "For If-None-Match."}},
                "content": {"application/json": {"schema": answer}},
            },
            **{
                str(status): {"description": STATUSES[status], **({} if status == 304 else {"content": body})}
                for status in statuses
            },
        },
    }


def _version() -> str:
    try:
        return version("flask-diag")
    except PackageNotFoundError:  # run from its source
        return "0"
