"""The index on the databases that were chosen; nothing is kept unless a test says where."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from diag.conftest import _no_store
from exporters.conftest import start_sentry

__all__ = ["_no_store", "start_sentry"]


@pytest.fixture
def left_behind() -> Callable[[Callable[[], Any]], int]:
    """Return how many bytes are still held after some work."""

    def measure(work: Callable[[], Any]) -> int:
        tracemalloc.start()
        try:
            work()
            gc.collect()
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    return measure
