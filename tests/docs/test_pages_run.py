"""Every code block of the pages and of the README runs, and does what the page says."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from docs._blocks import ROOT, Block, blocks, pages, setup_of
from docs._setups import SETUPS
from docs._story import Story

MOST_NOT_RUN = 12
FIRST_READ = (ROOT / "README.md", ROOT / "docs" / "tutorial.md")
PAGES = [page for page in pages() if any(block.language != "text" for block in blocks(page))]


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, absent: Callable[[str], None]) -> Story:
    """A folder, and an environment in which the commands of this installation are found."""
    for program in ("bash", "curl"):
        if shutil.which(program) is None:
            absent(f"{program}, which the pages' commands need, is not installed")
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "DEMO_DIR": str(tmp_path / "demo"),
        "LANG": "C.UTF-8",
        "FLASK_APP": "flask_diag.demo",
        "FLASK_DIAG_CHECK_TIMEOUT": "60",  # a loaded machine is no reason for an answer without its blockers
        "PYTHONWARNINGS": "error",
    }
    folder = tmp_path / "page"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Story(folder, environment=environment)


@pytest.mark.parametrize(
    "page",
    # the others take minutes, with servers and all: `make docs-run`
    [pytest.param(page, marks=() if page in FIRST_READ else pytest.mark.slow) for page in PAGES],
    ids=[str(page.relative_to(ROOT)) for page in PAGES],
)
def test_what_a_page_shows_works(page: Path, story: Story) -> None:
    with SETUPS[setup_of(page)](story):
        try:
            for block in runnable(page):
                story.run(block)
        finally:
            story.end()


def test_few_blocks_are_not_run() -> None:
    shown_only = [f"{block} ({block.not_run})" for page in pages() for block in blocks(page) if block.not_run]

    assert len(shown_only) <= MOST_NOT_RUN, "\n".join(shown_only)


def runnable(page: Path) -> list[Block]:
    """Return the page's blocks, without those that are shown only."""
    return [block for block in blocks(page) if block.not_run is None]
