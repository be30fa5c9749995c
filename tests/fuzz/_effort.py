"""How long to look: a few seconds in ``make test``, always the same ones; as many as asked for in ``make fuzz``, new ones each time."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

FACTOR = int(os.environ.get("DIAG_FUZZ", "0"))


def effort(examples: int) -> settings:
    """Return the settings of a test that tries so many *examples* in ``make test``."""
    return settings(
        max_examples=examples * max(1, FACTOR),
        derandomize=not FACTOR,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
