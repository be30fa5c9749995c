"""Every link inside the pages leads somewhere, to the heading that it names."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from docs._blocks import ROOT, pages

LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\((?!https?:|mailto:)([^)\s]*)\)")
PICTURE = re.compile(r'<img[^>]+src="(?!https?:)([^"]+)"')
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
FENCED = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = FENCED.sub("", page.read_text("utf-8"))
    targets = [*LINK.findall(text), *PICTURE.findall(text)]

    assert [target for target in targets if not leads(page, target)] == []


def leads(page: Path, target: str) -> bool:
    """Return whether *target* is a file of ours, and has the heading that it names."""
    name, _, anchor = target.partition("#")
    path = (page.parent / name).resolve() if name else page
    if not path.exists() or ROOT not in (path, *path.parents):
        return False
    return not anchor or anchor in anchors(path)


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the page's anchors, as the forge and the site make them of headings."""
    return frozenset(map(slug, HEADING.findall(FENCED.sub("", page.read_text("utf-8")))))


def slug(heading: str) -> str:
    """Return the anchor of a heading: lower case, without marks, words joined by a hyphen."""
    return re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())
