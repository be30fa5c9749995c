"""``make reference``: write the printed pages."""

from __future__ import annotations

from pathlib import Path

from . import PAGES

FOLDER = Path(__file__).parents[2] / "docs" / "reference"

FOLDER.mkdir(exist_ok=True)
for name, page in PAGES.items():
    (FOLDER / f"{name}.md").write_text(page(), encoding="utf-8")
