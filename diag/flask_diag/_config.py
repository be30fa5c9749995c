"""Every ``DIAG_...`` setting: its default, its meaning, and what is refused. The one place that documents them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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
        probe_interval: ``DIAG_PROBE_INTERVAL`` (10.0): a scrape asks a database whether it answers when the last
            answer is older, in seconds; None for no probes.
        request_id_header: ``DIAG_REQUEST_ID_HEADER`` ("X-Request-ID"): where a proxy's request id is; None to
            ignore what clients send.
        health: ``DIAG_HEALTH`` (True): ``livez`` and ``readyz`` under ``DIAG_URL_PREFIX``.
        ready_timeout: ``DIAG_READY_TIMEOUT`` (0.8): seconds that ``readyz`` waits for the databases; Kubernetes waits 1.
        ready_cache: ``DIAG_READY_CACHE`` (2.0): seconds that it takes a database's last answer for its next.
        ready_failures: ``DIAG_READY_FAILURES`` (3): failed probes in a row after which it turns.
        ready_binds: ``DIAG_READY_BINDS`` (None): the binds without which nothing can be served; None for all.
        tokens: ``DIAG_TOKENS`` (()): the bearer tokens that may enter, as `flask diag token` prints them; one text
            with blanks between them will do.
        search_limit: ``DIAG_SEARCH_LIMIT`` (120): searches a minute of one visitor in one process; None for no limit.
        sentry_url: ``DIAG_SENTRY_URL`` (None): where Sentry shows an event, with ``{event_id}`` in it, such as
            "https://acme.sentry.io/issues/?query={event_id}"; None for no links.
        problem_type: ``DIAG_PROBLEM_TYPE`` ("urn:flask-diag:problem:"): what the ``type`` of an answer starts with.
        store_url: ``DIAG_STORE_URL`` ("instance"): where incidents and scans are kept: "instance" for a SQLite file in the
            instance folder, or the address of a SQLite, PostgreSQL or MariaDB database; None for no store.
        store_days: ``DIAG_STORE_DAYS`` (90): how many days they are kept.
        store_rows: ``DIAG_STORE_ROWS`` (1,000,000): how many rows of incidents are kept, the oldest go first.
        store_queue: ``DIAG_STORE_QUEUE`` (10,000): incidents that may wait in memory; further ones are dropped and counted.
        store_drain: ``DIAG_STORE_DRAIN`` (2.0): seconds that the process's end may wait for what is not yet written; 0
            for none, and no handler of SIGTERM either.
        given: which of the others the application has set itself; no setting.
    """

    enabled: bool = True
    url_prefix: str | None = "/diag"
    metrics_path: str | None = "/metrics"
    answers: bool = True
    retry_after: int = 30
    check_timeout: float = 2.0
    check_cap: int | None = None
    probe_interval: float | None = 10.0
    request_id_header: str | None = "X-Request-ID"
    health: bool = True
    ready_timeout: float = 0.8
    ready_cache: float = 2.0
    ready_failures: int = 3
    ready_binds: Sequence[str] | None = None
    tokens: str | Sequence[str] = field(default=(), repr=False)
    search_limit: int | None = 120
    sentry_url: str | None = None
    problem_type: str = "urn:flask-diag:problem:"
    store_url: str | None = "instance"
    store_days: float = 90
    store_rows: int = 1_000_000
    store_queue: int = 10_000
    store_drain: float = 2.0
    given: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    @classmethod
    def of(cls, app: Flask) -> Settings:
        """Read and check the settings of *app*, and leave the defaults in ``app.config``.

        Raises:
            ValueError: a setting has a value that it can't have, or no such setting exists.
        """
        _refuse_unknown(app)
        given = frozenset(name for name, key in KEYS_OF.items() if key in app.config)
        values: dict[str, Any] = {}
        for name, (key, wanted, holds) in _CHECKS.items():
            value = app.config.setdefault(key, _DEFAULTS[name])
            if not holds(value):
                shown = "wrong" if name in SECRET else repr(value)
                raise ValueError(f"{key} is {shown}: give {wanted}.")
            values[name] = value
        return cls(**values, given=given)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _path(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.startswith("/") and not value.endswith("/"))


def _count(value: Any) -> bool:
    return type(value) is int and value >= 1


def _number(low: float) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and value > low


SECRET = frozenset(("tokens",))  # never shown

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
    "probe_interval": (
        "DIAG_PROBE_INTERVAL",
        "seconds, more than 0, or None",
        lambda value: value is None or _number(0)(value),
    ),
    "request_id_header": (
        "DIAG_REQUEST_ID_HEADER",
        "a header's name, or None",
        lambda value: value is None or (isinstance(value, str) and value.replace("-", "").isalnum()),
    ),
    "health": ("DIAG_HEALTH", "True or False", _flag),
    "ready_timeout": ("DIAG_READY_TIMEOUT", "seconds, more than 0", _number(0)),
    "ready_cache": ("DIAG_READY_CACHE", "seconds, more than 0", _number(0)),
    "ready_failures": (
        "DIAG_READY_FAILURES",
        "a whole number, 1 or more",
        lambda value: type(value) is int and value >= 1,
    ),
    "ready_binds": (
        "DIAG_READY_BINDS",
        "a list of binds, or None",
        lambda value: value is None or (isinstance(value, list | tuple) and bool(value)),
    ),
    "tokens": (
        "DIAG_TOKENS",
        "a list of the texts that `flask diag token` prints, or one text with blanks between them",
        lambda value: (
            isinstance(value, str)
            or (isinstance(value, list | tuple) and all(isinstance(v, str) for v in value))
        ),
    ),
    "search_limit": (
        "DIAG_SEARCH_LIMIT",
        "a whole number of searches a minute, 1 or more, or None",
        lambda value: value is None or (type(value) is int and value >= 1),
    ),
    "sentry_url": (
        "DIAG_SENTRY_URL",
        'an http address with "{event_id}" in it, or None',
        lambda value: (
            value is None
            or (
                isinstance(value, str) and value.startswith(("http://", "https://")) and "{event_id}" in value
            )
        ),
    ),
    "problem_type": (
        "DIAG_PROBLEM_TYPE",
        "the start of a URI",
        lambda value: isinstance(value, str) and ":" in value,
    ),
    "store_url": (
        "DIAG_STORE_URL",
        '"instance", the address of a database, or None',
        lambda value: value is None or (isinstance(value, str) and (value == "instance" or ":" in value)),
    ),
    "store_days": ("DIAG_STORE_DAYS", "days, more than 0", _number(0)),
    "store_rows": ("DIAG_STORE_ROWS", "a whole number of rows, 1 or more", _count),
    "store_queue": ("DIAG_STORE_QUEUE", "a whole number of incidents, 1 or more", _count),
    "store_drain": (
        "DIAG_STORE_DRAIN",
        "seconds, 0 or more",
        lambda value: _number(0)(value) or (value == 0 and not isinstance(value, bool)),
    ),
}
_DEFAULTS: dict[str, Any] = {name: getattr(Settings(), name) for name in _CHECKS}
KEYS_OF: dict[str, str] = {name: key for name, (key, _, _) in _CHECKS.items()}
KEYS: tuple[str, ...] = tuple(KEYS_OF.values())


def default_of(name: str) -> Any:
    """Return the default of the setting that is *name* here."""
    return _DEFAULTS[name]


def _refuse_unknown(app: Flask) -> None:
    """Refuse what is nearly one of our settings; a ``DIAG_`` key unlike any of them is the application's own."""
    for key in app.config:
        near = difflib.get_close_matches(key, KEYS, n=1, cutoff=0.8) if key.startswith("DIAG_") else ()
        if near and key not in KEYS:
            raise ValueError(f"No setting {key}. Did you mean {near[0]}?")
