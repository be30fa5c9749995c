"""The distribution, built once from this tree."""

from __future__ import annotations

import subprocess
import sys

import pytest

from _distribution import ROOT, Distribution


@pytest.fixture(scope="session")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> Distribution:
    """A wheel and an sdist of this tree."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", folder], cwd=ROOT, check=True, capture_output=True
    )
    return Distribution(next(folder.glob("*.whl")), next(folder.glob("*.tar.gz")))
