"""A million incidents: memory stays where it was, and every one is counted and written, or counted as lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("_soak.py")
COUNT = int(os.environ.get("DIAG_SOAK", "1000000"))
WARM = 50_000  # incidents until every cache and every route's counter is there
LIMIT = 20 * 2**20  # bytes


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_a_million_incidents_take_no_more_memory(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Of 500 subjects, at 300 routes, four sorts in turn: classified, published to the default exporters, and kept."""
    with capfd.disabled():
        done = subprocess.run(
            [sys.executable, str(SCRIPT), str(COUNT), str(WARM), str(tmp_path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
        )
    found = json.loads(done.stdout)

    assert found["flushed"]
    assert found["counted"] == found["met"] == COUNT + WARM
    assert found["written"] + found["lost"] == found["met"]
    assert max(found["sizes"]) - found["sizes"][0] <= LIMIT
    assert found["threads"] < 10
