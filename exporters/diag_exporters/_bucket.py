"""A token bucket for each key: at most so many at once, and so many an hour after that."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

MAX_KEYS = 1000  # keys are fingerprints, few; the bound keeps an endless variety from growing us


class Buckets:
    """Token buckets.

    Args:
        burst: tokens in a full bucket.
        per_hour: tokens that come back in an hour.
        clock: seconds, monotonic.
    """

    def __init__(self, burst: float, per_hour: float, clock: Callable[[], float] = time.monotonic) -> None:
        if burst < 1 or per_hour <= 0:
            raise ValueError(
                f"A token bucket of burst={burst}, per_hour={per_hour} would never pass an event again: "
                "burst must be at least 1 and per_hour more than 0."
            )
        self._burst, self._rate, self._clock = float(burst), per_hour / 3600, clock
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def take(self, key: Hashable) -> bool:
        """Take a token of *key*; False where none is left."""
        with self._lock:
            now = self._clock()
            level, then = self._levels.pop(key, (self._burst, now))
            level = min(self._burst, level + (now - then) * self._rate)
            passed = level >= 1
            self._levels[key] = (level - 1 if passed else level, now)
            if len(self._levels) > MAX_KEYS:
                self._levels.popitem(last=False)
            return passed
