"""Who may enter: nobody, until the application says so."""

from __future__ import annotations

from typing import Literal

from flask import Response, abort

from ._guard import log_once
from ._state import State

Permission = Literal["read", "act", "metrics"]


def entrance(state: State, permission: Permission) -> Response | None:
    """Return None for a visitor who may enter, or what the application sends instead (a way to log in).

    Raises:
        NotFound: the application gave no ``authorize``, so there is nothing here for anybody.
        Forbidden: it says no, or it failed to say.
    """
    if state.authorize is None:
        abort(404)
    try:
        answer = state.authorize(permission)
    except Exception as error:  # noqa: BLE001 a broken lock stays shut
        log_once("asking the application who may enter", error)
        abort(403)
    if isinstance(answer, Response):
        return answer
    if answer is not True:
        abort(403)
    return None
