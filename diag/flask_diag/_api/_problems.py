"""The errors of the API, as problem+json (RFC 9457)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from flask import Response, request
from werkzeug.exceptions import HTTPException

from flask_diag._request import request_id
from flask_diag._state import State

STATUSES = {
    304: "What you have is what there is.",
    400: "A parameter is unknown, repeated or wrong.",
    401: "No token was shown, or a wrong one.",
    403: "The visitor may not read this.",
    404: "There is nothing of this name, or nothing at all for anybody.",
    405: "The API only reads.",
    429: "Too many searches: wait, as Retry-After says.",
    503: "The database can't be asked now: wait, as Retry-After says.",
}


@dataclass(frozen=True, slots=True)
class ApiProblem:
    """Why there is no answer (RFC 9457).

    Attributes:
        type: which sort of problem: a URI.
        instance: the path that was asked for.
        reference: the request's id: what to tell support.
        near: names like the one that was not found, the nearest first.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    reference: str
    near: tuple[str, ...] = ()


class Unanswered(HTTPException):
    """A problem of one operation."""

    def __init__(
        self,
        status: int,
        sort: str,
        detail: str,
        *,
        near: tuple[str, ...] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.code, self.sort, self.near, self.retry_after = status, sort, near, retry_after


def problem_of(found: State, error: HTTPException) -> Any:
    """Return the answer to *error*; a response that the application's lock raised is sent as it is."""
    if error.response is not None:
        return error.response
    status = error.code or 500
    sort = getattr(error, "sort", None) or re.sub(r"[^a-z]+", "-", error.name.lower())
    members: dict[str, Any] = {
        "type": found.settings.problem_type + sort,
        "title": error.name,
        "status": status,
        "detail": error.description or "",
        "instance": request.path,
        "reference": request_id(found),
        "near": list(getattr(error, "near", ())),
    }
    response = Response(
        json.dumps(members, ensure_ascii=False), status, content_type="application/problem+json"
    )
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    if getattr(error, "retry_after", None) is not None and "Retry-After" not in response.headers:
        response.headers["Retry-After"] = str(error.retry_after)  # type: ignore[attr-defined] # asked above
    response.headers["X-Request-ID"] = members["reference"]
    return response
