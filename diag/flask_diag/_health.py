"""``/diag/livez`` and ``/diag/readyz``, for whoever starts and stops processes: open to all, one word long.

Liveness asks nothing: a process that is killed because its database is away comes back to the same database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request
from sqlalchemy.pool import SingletonThreadPool, StaticPool

from ._access import is_open, may, not_kept
from ._probe import Probed
from ._state import State, state

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "diag_health"


@dataclass(slots=True)
class _Seen:
    """What readiness remembers of one database.

    Attributes:
        failures: since it last answered.
        answered: whether it ever did.
    """

    at: datetime | None = None
    failures: int = 0
    answered: bool = False


class Readiness:
    """Can this process serve requests?

    It is not, until each database has answered once; after that it takes ``DIAG_READY_FAILURES`` failed probes in a row, so
    that one lost packet takes no replica out of service. A result is good for ``DIAG_READY_CACHE`` seconds,
    however many ask.
    """

    def __init__(self, found: State) -> None:
        self._state, self._lock = found, Lock()
        self._seen = {bind: _Seen() for bind in found.settings.ready_binds or found.engines}

    def ask(self) -> bool:
        """Tell whether it is ready, after at most ``DIAG_READY_TIMEOUT`` seconds."""
        settings = self._state.settings
        found = self._state.prober.recent(settings.ready_cache, settings.ready_timeout)
        with self._lock:
            return self._note(found)

    def details(self) -> dict[str, dict[str, Any]]:
        """Return what is known of each database, for those who may read."""
        last = self._state.prober.last
        return {
            bind: {"failures": seen.failures, **_shown(last.get(bind))} for bind, seen in self._seen.items()
        }

    def _note(self, found: Mapping[str, Probed]) -> bool:
        for bind, seen in self._seen.items():
            probed = found.get(bind)
            if probed is None:  # in memory, and in use just now: it can't be asked, and need not be
                seen.answered |= isinstance(self._state.engines[bind].pool, StaticPool | SingletonThreadPool)
            elif probed.at != seen.at:
                seen.at, seen.failures = probed.at, 0 if probed.ok else seen.failures + 1
                seen.answered |= probed.ok
        limit = self._state.settings.ready_failures
        return all(seen.answered and seen.failures < limit for seen in self._seen.values())


def health(found: State) -> Blueprint:
    """Return the two routes.

    Raises:
        ValueError: ``DIAG_READY_BINDS`` names a bind that is none.
    """
    for bind in found.settings.ready_binds or ():
        if bind not in found.engines:
            raise ValueError(
                f"DIAG_READY_BINDS names {bind!r}: the application's binds are {', '.join(found.engines)}."
            )
    readiness = Readiness(found)
    blueprint = Blueprint(NAME, __name__)
    blueprint.after_request(not_kept)
    blueprint.add_url_rule("/livez", "livez", livez)
    blueprint.add_url_rule("/readyz", "readyz", lambda: _readyz(readiness))
    return blueprint


def livez() -> Response:
    """Say that this process answers."""
    return jsonify(status="ok")


def _readyz(readiness: Readiness) -> tuple[Response, int]:
    """Say whether requests may be sent here. ``?details=1`` says more to those who may read.

    Only that asks the application who it is: its answer may need the database, and this one must not wait for it.
    """
    ready = readiness.ask()
    told: dict[str, Any] = {"status": "ready" if ready else "not ready"}
    found = state()
    if "details" in request.args and is_open(found) and may(found, "read"):
        told["databases"] = readiness.details()
    return jsonify(told), 200 if ready else 503


def _shown(probed: Probed | None) -> dict[str, Any]:
    if probed is None:
        return {"ok": None}
    return {
        "ok": probed.ok,
        "seconds": round(probed.seconds, 4),
        "at": probed.at.isoformat(),
        "category": probed.category,
        "kind": probed.kind,
    }
