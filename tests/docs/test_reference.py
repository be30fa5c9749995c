"""The printed pages say what the code says."""

from __future__ import annotations

import pytest

from docs._blocks import ROOT
from tools.reference import PAGES


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_printed_page_is_fresh(name: str) -> None:
    written = (ROOT / "docs" / "reference" / f"{name}.md").read_text("utf-8")

    assert written == PAGES[name](), f"docs/reference/{name}.md is stale: run `make reference`."
