"""Frameworks that answer the errors of their routes themselves, before a handler of Flask's is asked."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from flask import Flask


def in_front(app: Flask) -> tuple[str, ...]:
    """Return the packages that do so: Flask-RESTful and those that came of it put a router over `Flask.handle_user_exception`.

    One whose ``handle_error`` the application has replaced is left out: what it does is the application's own affair.
    """
    return tuple(dict.fromkeys(_answering(vars(app).get("handle_user_exception"))))


def _answering(router: Any) -> Iterator[str]:
    while isinstance(router, partial):
        api = getattr(router.func, "__self__", None)
        package = _package(router.func)
        if package and package == _package(getattr(api, "handle_error", None)):
            yield package
        router = router.args[0] if router.args else None


def _package(function: Any) -> str:
    return str(getattr(function, "__module__", None) or "").partition(".")[0]
