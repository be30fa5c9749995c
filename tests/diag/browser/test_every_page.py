"""Every page, light and dark, narrow and wide: nothing that WCAG 2.2 AA forbids, nothing from elsewhere."""

from __future__ import annotations

import pytest

from diag.browser._browser import Visit
from diag.browser._pages import PAGES, WHILE_DOWN
from diag.browser._site import Site

NOT_FOUND = "error: Failed to load resource: the server responded with a status of 404 (NOT FOUND)"


def looked_at(visitor: Visit, path: str) -> list[str]:
    """Return all that is wrong with the page at *path*."""
    visitor.goes(path)
    wrong = visitor.wrong()
    visitor.complaints[:] = [one for one in visitor.complaints if one != NOT_FOUND]
    return wrong


def content(visitor: Visit) -> tuple[str, int]:
    """Return the heading of the page that is open, and how many pieces of text are below it."""
    pieces = visitor.page.locator("main :is(h2, li, p, tr)")
    return visitor.page.inner_text("main h1"), pieces.count()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_for_everybody(visitor: Visit, without_script: Visit, name: str) -> None:
    wrong = looked_at(visitor, PAGES[name])
    without_script.goes(PAGES[name])

    assert wrong == []
    assert content(without_script) == content(visitor)


@pytest.mark.parametrize("name", WHILE_DOWN)
def test_so_it_is_while_the_database_is_down(visitor: Visit, site: Site, name: str) -> None:
    with site.outage():
        assert looked_at(visitor, PAGES[name]) == []
