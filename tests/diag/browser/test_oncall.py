"""What an SRE sees: the database goes away and comes back, and the pages say so, since when, and whom it hit."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from diag.browser._browser import PATIENCE, Visit
from diag.browser._site import Site
from diag.browser._walks import answered, headings, press

expect.set_options(timeout=PATIENCE)


@pytest.fixture(params=["visitor", "without_script"])
def oncall(request: pytest.FixtureRequest) -> Visit:
    """Who is on call, with and without JavaScript."""
    found: Visit = request.getfixturevalue(request.param)
    return found


def verdict(oncall: Visit) -> str:
    """Return what stands first below the heading."""
    return oncall.page.locator("main .verdict").first.inner_text()


def opens(oncall: Visit, name: str) -> None:
    """Follow a link of the bar that is on every page."""
    oncall.page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()


def switches(oncall: Visit, button: str, then: str) -> None:
    """Press the demo's switch."""
    oncall.goes("/demo/outage")
    press(oncall.page, button)
    headings(oncall, then)


def test_a_database_goes_away_and_comes_back(oncall: Visit, site: Site) -> None:
    """It is up; it is down since then, with a runbook; whom it hit; it is back; it is up again, and the outage is over."""
    page = oncall.page
    oncall.goes("/diag/")
    headings(oncall, "The database answers")
    assert verdict(oncall).startswith("No outage.")

    switches(oncall, "Take it away", "SQLite is away")
    oncall.goes("/projects/sampleproject")
    reference = page.locator(".reference code").inner_text()
    assert site.store.flush(10)
    oncall.goes("/diag/")
    headings(oncall, "The database is down")
    assert verdict(oncall).startswith("Outage since 20")
    assert "This is not one customer" in verdict(oncall)
    page.locator("main .verdict").get_by_role("link", name="What to do").click()
    expect(page.locator("h1")).to_have_text("DiagDatabaseOutage")

    opens(oncall, "Incidents")
    expect(page.get_by_role("status")).to_contain_text("The database is down (default).")
    row = page.locator("tbody tr", has_text=reference)
    expect(row).to_contain_text("cannot_open_database")
    expect(row.get_by_role("link", name="sampleproject")).to_be_visible()
    headings(oncall, "Incidents")
    opens(oncall, "Outages")
    headings(oncall, "Outages")
    assert verdict(oncall).startswith("An outage lasts: default, since 20")

    switches(oncall, "Bring it back", "SQLite is there")
    oncall.goes("/diag/")
    headings(oncall, "The database answers")
    assert verdict(oncall).startswith("No outage.")
    assert site.store.flush(10)
    opens(oncall, "Outages")
    assert verdict(oncall).startswith("No outage lasts. The last one ended 20")
    if oncall.script:
        answered(oncall, 503)
