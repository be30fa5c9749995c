"""Is a database out? What the incidents and the pool say, for one engine.

Precisely: *active* from an incident of category outage until the first contact with the database after it. A
contact is a connection that the application opened, a probe that was answered, or, where connecting was not what
failed, a connection that the pool handed out. After an outage that a statement met (disk full, read-only), a connection
handed out proves little, so it counts only when no further outage was met for `SETTLE` seconds. The same holds for one
that was opened, where the last that was opened was lost again at once: a pooler lets everybody in while the server behind
it is gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

from diag_rules.errors import Classification, Kind, Phase

SETTLE = 60.0  # seconds
_HANDED_OUT = frozenset((Kind.POOL_TIMEOUT,))  # a hand-out is all that these lacked


@dataclass(slots=True)
class _Active:
    since: datetime
    name: str
    last: float
    kind: Kind
    connecting: bool
    doubtful: bool = False  # a connection that is opened proves nothing
    count: int = 1


class Outage:
    """The outage of one engine, if there is one. Safe for threads.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._active: _Active | None = None
        self._opened = float("-inf")  # when a connection that was opened ended the last outage
        self.last_over: datetime | None = None

    @property
    def active(self) -> bool:
        """True while the last contact failed."""
        return self._active is not None

    @property
    def since(self) -> datetime | None:
        """When the outage was first met, or None."""
        active = self._active
        return active.since if active else None

    @property
    def name(self) -> str | None:
        """When it was first met, as an id that logs and Sentry share (``20261123T021500Z``), or None."""
        active = self._active
        return active.name if active else None

    @property
    def kind(self) -> Kind | None:
        """What was met last, or None."""
        active = self._active
        return active.kind if active else None

    @property
    def count(self) -> int:
        """Incidents since it began; 0 without an outage."""
        active = self._active
        return active.count if active else 0

    def met(self, found: Classification, *, lost: bool) -> None:
        """Note an incident of category outage; *lost* where the connection itself was lost."""
        connecting = lost or found.phase is Phase.CONNECT
        now = self._clock()
        with self._lock:
            if self._active is None:
                in_use = lost and found.phase is not Phase.CONNECT
                doubtful = in_use and now - self._opened < SETTLE
                since = datetime.now(UTC)
                name = f"{since:%Y%m%dT%H%M%SZ}"
                self._active = _Active(since, name, now, found.kind, connecting, doubtful)
            else:
                self._active.last, self._active.kind = now, found.kind
                self._active.connecting = connecting
                self._active.count += 1

    def connected(self, *, ours: bool = False) -> datetime | None:
        """Note a connection that was opened; return since when the outage that this ends had been.

        One of *ours* has yet to be answered.
        """
        active = self._active
        if active is None or ours:
            return None
        if not ((active.connecting and not active.doubtful) or self._settled(active)):
            return None
        self._opened = self._clock()
        return self._over()

    def answered(self) -> datetime | None:
        """Note that a probe was answered; return since when the outage that this ends had been."""
        active = self._active
        if active is None or not (active.connecting or self._settled(active)):
            return None
        return self._over()

    def handed_out(self, *, ours: bool = False) -> datetime | None:
        """Note a connection that the pool handed out; return since when the outage that this ends had been.

        One handed out to a probe of *ours* proves little of a pool that requests fight for: it counts when it
        has been quiet for `SETTLE` seconds.
        """
        active = self._active
        if active is None or active.connecting:
            return None
        enough = active.kind in _HANDED_OUT and not ours
        return self._over() if enough or self._settled(active) else None

    def _settled(self, active: _Active) -> bool:
        return self._clock() - active.last >= SETTLE

    def _over(self) -> datetime | None:
        with self._lock:
            active, self._active = self._active, None
            if active is None:  # another thread was first
                return None
            self.last_over = datetime.now(UTC)
            return active.since
