"""What the owner of a project meets who deletes it: an answer that says what to do; and in an outage, a number that support finds."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from diag.browser._browser import PATIENCE, Visit
from diag.browser._site import Site
from diag.browser._walks import answered, headings, press

expect.set_options(timeout=PATIENCE)


@pytest.fixture(params=["visitor", "without_script"])
def owner(request: pytest.FixtureRequest) -> Visit:
    """The owner, with and without JavaScript."""
    found: Visit = request.getfixturevalue(request.param)
    return found


def delete(owner: Visit, name: str) -> int:
    """Ask for the deletion on the project's own page, confirm it, and return the answer's status."""
    owner.page.get_by_role("link", name=f"Delete {name}…").click()
    headings(owner, f"Delete {name}?")
    return press(owner.page, f"Delete {name}").status


def test_what_an_owner_reads_leads_to_the_deletion(
    owner: Visit, site: Site, request: pytest.FixtureRequest
) -> None:
    """Found, refused with 409 and what to do, done there, and then deleted: no outage is spoken of."""
    page, turn = owner.page, request.node.callspec.indices["owner"]  # each deletes another one
    name, count = site.invited_only()[turn]
    owner.goes("/projects")
    page.get_by_role("searchbox", name="Name").fill(name)
    page.get_by_role("searchbox", name="Name").press("Enter")
    page.get_by_role("link", name=name, exact=True).click()
    headings(owner, name)
    page.get_by_role("link", name=f"Manage {name}").click()
    headings(owner, f"Manage {name}")

    assert delete(owner, name) == 409
    headings(owner, "Project cannot be deleted yet")
    assert "This is not an outage" in page.locator("main").inner_text()
    step = page.locator("main li", has_text=f"revoke {count} pending invitations")
    expect(step).to_have_count(1)
    step.get_by_role("link").click()

    assert page.url.endswith("#invitations")
    revoke = page.get_by_role("button", name="Revoke the invitation of")
    for left in reversed(range(count)):
        with page.expect_navigation():
            revoke.first.click()
        expect(revoke).to_have_count(left)
    headings(owner, f"Manage {name}")
    assert delete(owner, name) == 200
    expect(page.get_by_role("status")).to_have_text(f"{name} is deleted.")
    headings(owner, "Projects")
    if owner.script:
        answered(owner, 409)


def test_in_an_outage_the_owner_gets_a_number_that_support_finds(owner: Visit, site: Site) -> None:
    page = owner.page
    with site.outage():
        owner.goes("/projects/sampleproject/manage")
        headings(owner, "The service is temporarily unavailable")
        number = page.locator(".reference code").inner_text()
        assert "Nothing is wrong with your request" in page.locator("main").inner_text()
        assert site.store.flush(10)

        found_by_support(owner, number, "Nobody can be searched for now")
    assert site.store.flush(10)
    found_by_support(owner, number, f"Nothing found for {number}")
    page.locator("main").get_by_role("link", name="Project sampleproject").click()

    assert "There was an outage (" in page.locator("main .verdict").first.inner_text()
    if owner.script:
        answered(owner, 503)


def found_by_support(agent: Visit, number: str, heading: str) -> None:
    """Type the number that the owner has told into the box that is on every page."""
    agent.goes("/diag/")
    agent.page.get_by_role("searchbox").fill(number)
    agent.page.get_by_role("searchbox").press("Enter")
    headings(agent, heading)
    expect(agent.page.locator("main li", has_text="cannot_open_database")).to_have_count(1)
