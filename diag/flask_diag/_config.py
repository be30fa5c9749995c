"""Every ``DIAG_...`` setting: its default, its meaning, and what is refused. The one place that documents them."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one application, read once by `init_app` from ``app.config``.

    Attributes:
        enabled: ``DIAG_ENABLED`` (True): False switches the whole extension off, commands and pages included.
        url_prefix: ``DIAG_URL_PREFIX`` ("/diag"): where the support pages are; None for no pages.
        metrics_path: ``DIAG_METRICS_PATH`` ("/metrics"): where Prometheus scrapes; None for no route.
        answers: ``DIAG_ANSWERS`` (True): answer database errors that the application does not handle.
        retry_after: ``DIAG_RETRY_AFTER`` (30): seconds that an outage's answer asks clients to wait.
        check_timeout: ``DIAG_CHECK_TIMEOUT`` (2.0): seconds that a verdict may take while a request waits.
        check_cap: ``DIAG_CHECK_CAP`` (None): count at most so many rows a blocker; None counts them all.
        request_id_header: ``DIAG_REQUEST_ID_HEADER`` ("X-Request-ID"): where a proxy's request id is; None to
            ignore what clients send.
        problem_type: ``DIAG_PROBLEM_TYPE`` ("urn:flask-diag:problem:"): what the ``type`` of an answer starts with.
    """

    enabled: bool = True
    url_prefix: str | None = "/diag"
    metrics_path: str | None = "/metrics"
    answers: bool = True
    retry_after: int = 30
    check_timeout: float = 2.0
    check_cap: int | None = None
    request_id_header: str | None = "X-Request-ID"
    problem_type: str = "urn:flask-diag:problem:"

    @classmethod
    def of(cls, app: Flask) -> Settings:
        """Read and check the settings of *app*, and leave the defaults in ``app.config``.

        Raises:
            ValueError: a setting has a value that it can't have, or no such setting exists.
        """
        _refuse_unknown(app)
        values = {}
        for name, (key, wanted, holds) in _CHECKS.items():
            value = app.config.setdefault(key, _DEFAULTS[name])
            if not holds(value):
                raise ValueError(f"{key} is {value!r}: give {wanted}.")
            values[name] = value
        return cls(**values)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _path(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.startswith("/") and not value.endswith("/"))


def _number(low: float) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and value > low


_CHECKS: dict[str, tuple[str, str, Callable[[Any], bool]]] = {
    "enabled": ("DIAG_ENABLED", "True or False", _flag),
    "url_prefix": ("DIAG_URL_PREFIX", 'a path such as "/diag", or None', _path),
    "metrics_path": ("DIAG_METRICS_PATH", 'a path such as "/metrics", or None', _path),
    "answers": ("DIAG_ANSWERS", "True or False", _flag),
    "retry_after": (
        "DIAG_RETRY_AFTER",
        "whole seconds, 1 or more",
        lambda value: type(value) is int and value >= 1,
    ),
    "check_timeout": ("DIAG_CHECK_TIMEOUT", "seconds, more than 0", _number(0)),
    "check_cap": (
        "DIAG_CHECK_CAP",
        "a whole number of rows, 1 or more, or None",
        lambda value: value is None or (type(value) is int and value >= 1),
    ),
    "request_id_header": (
        "DIAG_REQUEST_ID_HEADER",
        "a header's name, or None",
        lambda value: value is None or (isinstance(value, str) and value.replace("-", "").isalnum()),
    ),
    "problem_type": (
        "DIAG_PROBLEM_TYPE",
        "the start of a URI",
        lambda value: isinstance(value, str) and ":" in value,
    ),
}
_DEFAULTS: dict[str, Any] = {name: getattr(Settings(), name) for name in _CHECKS}
KEYS: tuple[str, ...] = tuple(key for key, _, _ in _CHECKS.values())


def _refuse_unknown(app: Flask) -> None:
    """Refuse what is nearly one of our settings; a ``DIAG_`` key unlike any of them is the application's own."""
    for key in app.config:
        near = difflib.get_close_matches(key, KEYS, n=1, cutoff=0.8) if key.startswith("DIAG_") else ()
        if near and key not in KEYS:
            raise ValueError(f"No setting {key}. Did you mean {near[0]}?")
