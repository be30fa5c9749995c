"""What a support agent does with a ticket: find the project, read why, clear it, delete it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from diag.browser._browser import PATIENCE, Visit
from diag.browser._site import REFERENCE, Site

expect.set_options(timeout=PATIENCE)
ANSWER = "sampleproject cannot be deleted yet: revoke 3 pending invitations."


@pytest.fixture(params=["visitor", "without_script"])
def agent(request: pytest.FixtureRequest) -> Visit:
    """The agent, with and without JavaScript."""
    found: Visit = request.getfixturevalue(request.param)
    return found


def search(agent: Visit, text: str) -> None:
    """Type *text* into the box that is on every page, and press Enter."""
    agent.page.get_by_role("searchbox").fill(text)
    agent.page.get_by_role("searchbox").press("Enter")


def first_line(agent: Visit) -> str:
    """Return what stands first below the heading."""
    return agent.page.locator("main .verdict").first.inner_text().splitlines()[0]


def expect_for_everybody(agent: Visit) -> None:
    """Fail where the page that is open has something against WCAG 2.2 AA, or scrolls sideways."""
    if agent.script:
        assert agent.wrong() == []


def test_the_first_line_is_the_answer_and_the_text_for_the_ticket_has_it(agent: Visit) -> None:
    agent.goes("/diag/")
    search(agent, "SampleProject")

    assert first_line(agent) == ANSWER
    link = agent.page.get_by_role("link", name="Go there revoke 3 pending invitations")
    expect(link).to_have_attribute("href", "/projects/sampleproject/manage#invitations")
    expect(agent.page.locator("#ticket-text")).to_have_value(re.compile(re.escape(ANSWER)))


def test_a_misspelt_name_leads_to_the_right_one(agent: Visit) -> None:
    agent.goes("/diag/")
    search(agent, "sampelproject")
    agent.page.get_by_role("link", name="sampleproject").click()

    assert first_line(agent) == ANSWER


def test_a_reference_number_leads_to_the_project(agent: Visit) -> None:
    agent.goes("/diag/")
    search(agent, REFERENCE)
    agent.page.locator("main").get_by_role("link").first.click()

    assert first_line(agent) == ANSWER


def test_the_button_copies_the_text_in_the_language_of_the_ticket(visitor: Visit) -> None:
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.goes("/diag/projects/sampleproject")
    visitor.page.locator("#ticket-help").get_by_role("link", name="中文").click()
    visitor.page.get_by_role("button", name="Copy as text").click()

    expect(visitor.page.get_by_role("status")).to_have_text("Copied.")
    copied = visitor.page.evaluate("() => navigator.clipboard.readText()")
    assert "撤销 3 个待接受的邀请" in copied
    assert first_line(visitor) == ANSWER


def test_the_way_from_the_list_to_a_deleted_project(agent: Visit, request: pytest.FixtureRequest) -> None:
    """Filter, open, clear one relation, then delete: each tried first, and confirmed by the project's name."""
    page, turn = agent.page, request.node.callspec.indices["agent"]  # each deletes another one
    agent.goes("/diag/blocked")
    page.get_by_label("Blocked by").select_option("role_invitations.project_id")
    page.get_by_role("button", name="Show").click()
    page.locator("tbody tr", has_text="revoke 4 pending invitations").nth(turn).get_by_role("link").click()
    name = page.locator("h1").inner_text()

    agent.context.clear_cookies()  # as one who comes back the next day
    page.get_by_role("button", name="Try only this: revoke 4 pending invitations").click()
    assert page.locator("h1").inner_text() == "Nothing was changed"
    expect_for_everybody(agent)
    page.get_by_role("link", name="Back", exact=True).click()
    page.get_by_role("button", name="Try only this: revoke 4 pending invitations").click()
    assert page.locator("h1").inner_text() == f"This would be cleared: {name}"
    expect_for_everybody(agent)
    page.get_by_label("To confirm, type its name").fill("another")
    page.get_by_role("button", name="Clear it for good").click()
    assert page.locator("h1").inner_text() == f"The name is not right: nothing was done: {name}"
    expect_for_everybody(agent)
    page.get_by_label("To confirm, type its name").fill(name)
    page.get_by_role("button", name="Clear it for good").click()
    assert page.locator("h1").inner_text() == f"Cleared: {name}"

    page.get_by_role("link", name=f"Back to {name}").click()
    assert first_line(agent) == f"{name} can be deleted."
    page.get_by_role("button", name="Try the safe delete").click()
    page.get_by_label("To confirm, type its name").fill(name)
    page.get_by_role("button", name="Delete it for good").click()
    assert page.locator("h1").inner_text() == f"Deleted: {name}"
    expect_for_everybody(agent)

    search(agent, name)
    assert page.locator("h1").inner_text() == f"Nothing found for {name}"
    agent.complaints.clear()  # the answer to a wrong name is an error, which the console tells


def test_while_the_database_is_down_the_page_says_so(agent: Visit, site: Site) -> None:
    with site.outage():
        agent.goes("/diag/projects/sampleproject")

        assert first_line(agent).startswith("The database is down (cannot_open_database).")
        expect(agent.page.get_by_role("status")).to_contain_text("The database is down (default).")
    agent.goes("/diag/projects/sampleproject")

    assert first_line(agent) == ANSWER


def test_the_keyboard_reaches_all_and_shows_where_it_is(visitor: Visit) -> None:
    """The first Tab offers to skip what is on every page; each one shows its place, up to the button that copies."""
    page, seen = visitor.page, list[str]()
    visitor.goes("/diag/projects/sampleproject")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "main"

    while "Copy as text" not in seen and len(seen) < 60:
        page.keyboard.press("Tab")
        words, outline = page.evaluate(
            "() => { const it = document.activeElement; return [it.innerText.trim(), getComputedStyle(it).outlineStyle]; }"
        )
        assert outline != "none", words
        seen.append(words)

    assert {"Try the safe delete", "Copy as text"} <= set(seen)
    assert any(words.startswith("Details") for words in seen)
