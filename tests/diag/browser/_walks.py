"""What every walk through the site does: look at each page that it comes to, and know the browser's word for an error page."""

from __future__ import annotations

import re

from playwright.sync_api import Page, Response

from diag.browser._browser import Visit

_STATUS = re.compile(r"error: Failed to load resource: the server responded with a status of (\d+) ")


def headings(visitor: Visit, expected: str) -> None:
    """Fail where the page that is open is another, or has anything against WCAG 2.2 AA, or scrolls sideways."""
    assert visitor.page.locator("h1").inner_text() == expected
    if visitor.script:
        assert visitor.wrong() == []


def answered(visitor: Visit, *statuses: int) -> None:
    """Take these answers, which the walk provoked, out of what the browser complains of; fail where there were others."""
    found = [_STATUS.match(one) for one in visitor.complaints]

    assert [int(one[1]) if one else visitor.complaints for one in found] == list(statuses)
    visitor.complaints.clear()


def press(page: Page, name: str) -> Response:
    """Press a button that sends a form, and return what the page answers that it leads to."""
    with page.expect_navigation() as led:
        page.get_by_role("button", name=name, exact=True).first.click()
    answer = led.value
    assert answer is not None
    return answer
