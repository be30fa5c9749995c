"""Recording: with DIAG_RECORD=file, every error that a test provokes is added to that file, a JSON object a line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rules.errors._corpus import record

Recorder = Callable[[str, BaseException, str, str, "str | None"], None]


@pytest.fixture
def keep() -> Recorder:
    """Keep a provoked error for the corpus, where that was asked for."""
    path = os.environ.get("DIAG_RECORD")

    def nothing(name: str, error: BaseException, category: str, kind: str, constraint: str | None) -> None:
        return

    def write(name: str, error: BaseException, category: str, kind: str, constraint: str | None) -> None:
        entry = {
            "name": name,
            "category": category,
            "kind": kind,
            "constraint": constraint,
            "error": record(error),
        }
        with Path(str(path)).open("a", encoding="utf-8") as out:
            out.write(json.dumps(entry, sort_keys=True) + "\n")

    return write if path else nothing
