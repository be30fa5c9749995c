"""The page of one subject: the answer, odd names, what it met, and what may be done from there."""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import request
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

from diag._shop import Invitation, Project, Shop, make_shop
from diag._stored import store_of
from diag_exporters import Incident, Recovery
from diag_exporters._sent import note_event_id
from diag_rules.deletion import DeletionRules, LockDenied, Verdict
from diag_rules.errors import Category, Classification, Kind
from flask_diag._subject import MAX_LISTED
from flask_diag.store import StoreUnavailable

pytestmark = pytest.mark.only("sqlite")
POLICY = """
[subject]
name = { en = { one = "project", other = "projects" }, zh = "项目" }
delete = true

[[relation]]
of = "Project.invitations"
name = "invitation"
remedy = "delete"
automatic = true
"""
PAGE = "/diag/projects/sampleproject"
FORWARDED = {"For": "203.0.113.7", "Proto": "https", "Host": "shop.example", "Prefix": "/index"}
OUT = Classification(category=Category.OUTAGE, kind=Kind.ADMIN_SHUTDOWN)
RULE = Classification(category=Category.BUSINESS_RULE, kind=Kind.NOT_NULL_VIOLATION)


def first_line(text: str) -> str:
    """Return the answer of a page."""
    found = re.search(r'<p class="answer"><strong>(.*?)</strong>', text)
    assert found is not None, text
    return html.unescape(found[1])


def ticket(text: str) -> list[str]:
    """Return the lines of the text for a ticket."""
    found = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", text, re.DOTALL)
    assert found is not None
    return html.unescape(found[1]).splitlines()


# names


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<b>bold</b>", "&lt;b&gt;bold&lt;/b&gt;"),
        ("evil\u202egpj.exe", r"evil\u202egpj.exe"),
        ("مشروع", "<bdi>مشروع</bdi>"),
        ("two\nlines", r"two\u000alines"),
        ("x" * 5000, "x" * MAX_LISTED),
        ("a/b?c#d%20", "a/b?c#d%20"),
    ],
)
def test_an_odd_name_is_shown_as_it_is_and_turns_nothing_around(
    filled: Engine, name: str, shown: str
) -> None:
    with Session(filled) as session:
        session.add(Project(id=9, name=name))
        session.commit()
    shop = make_shop(filled)

    text = shop.client.get("/diag/projects/9").text

    assert f"<h1>{shown}" in text or f"<h1>{html.escape(name)}" in text
    assert "\u202e" not in text.replace(html.escape(f'value="{name}"'), "").split("<main")[1]


def test_a_name_that_looks_like_a_key_keeps_nobody_from_the_subject_with_that_key(filled: Engine) -> None:
    with Session(filled) as session:
        session.add(Project(id=9, name="2"))
        session.commit()
    shop = make_shop(filled)

    assert "<h1>2</h1>" in shop.client.get("/diag/projects/2").text
    assert "<h1>empty</h1>" in shop.client.get("/diag/projects/2?by=key").text


def test_ten_thousand_blockers_are_capped(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    check = DeletionRules.check

    def checked(*given: Any, **named: Any) -> Verdict:
        verdict = check(*given, **named)
        return replace(verdict, blockers=verdict.blockers * 10_000)

    monkeypatch.setattr(DeletionRules, "check", checked)

    text = shop.client.get("/diag/projects/billed").text

    assert len(text) < 150_000
    assert "9950 more are not shown" in text
    assert "... and 9950 more." in ticket(text)


# what it met


@pytest.fixture
def kept(filled: Engine, tmp_path: Path) -> Iterator[Shop]:
    """The shop with a store."""
    shop = make_shop(
        filled,
        config={
            "DIAG_STORE_URL": f"sqlite:///{tmp_path / 'store.sqlite'}",
            "DIAG_SENTRY_URL": "https://sentry.example/issues/?query={event_id}",
        },
    )
    store_of(shop).upgrade()
    yield shop
    store_of(shop).close()


def meets(shop: Shop, what: Classification, hours: float, key: str = "1", **more: Any) -> None:
    """Have the store keep an incident of some hours ago."""
    at = datetime.now(UTC) - timedelta(hours=hours)
    store_of(shop).intake(
        Incident(classification=what, at=at, app="shop", subject="Project", subject_key=key, **more)
    )
    assert store_of(shop).flush(10)


def sentence(shop: Shop) -> str:
    """Return what the page says about outages."""
    return html.unescape(shop.client.get(PAGE).text)


def test_without_an_error_it_says_so(kept: Shop) -> None:
    assert "No database error was met for it in the last 30 days." in sentence(kept)


def test_errors_apart_from_any_outage(kept: Shop) -> None:
    error = RuntimeError()
    note_event_id(error, "abc123def456")
    meets(kept, RULE, 2, request_id="ref-1", error=error)
    meets(kept, RULE, 1, key="sampleproject")

    text = sentence(kept)

    assert (
        "There was no outage when it met its 2 errors in the last 30 days: the database was serving." in text
    )
    assert "ref-1" in text
    assert 'href="https://sentry.example/issues/?query=abc123def456"' in text


def test_errors_within_an_outage(kept: Shop) -> None:
    meets(kept, RULE, 30)
    meets(kept, OUT, 3)
    now = datetime.now(UTC)
    store_of(kept).intake.recovered(
        Recovery(at=now - timedelta(hours=2), app="shop", bind="default", since=now - timedelta(hours=3))
    )
    assert store_of(kept).flush(10)

    assert re.search(
        r"There was an outage \(.* to .* UTC\): 1 of its 2 errors fell into it, the rest did not\.",
        sentence(kept),
    )


def test_a_store_that_does_not_answer_is_no_reason_to_say_nothing(
    kept: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise StoreUnavailable("The store can't be asked: outage, connection_failure.")

    monkeypatch.setattr(type(store_of(kept)), "history", fails)

    text = sentence(kept)

    assert "sampleproject cannot be deleted yet" in text
    assert "The store can't be asked: outage, connection_failure." in text
    assert "Whether there was an outage is not known" in text


def test_a_subject_that_is_gone_still_has_its_errors(kept: Shop) -> None:
    meets(kept, RULE, 2, key="goner", request_id="ref-of-goner")

    page = kept.client.get("/diag/projects/goner")

    assert page.status_code == 404
    assert "It may have been deleted" in page.text
    assert "ref-of-goner" in page.text


# the text for a ticket


def test_the_ticket_says_all_of_it(filled: Engine) -> None:
    lines = ticket(make_shop(filled, policy=POLICY).client.get(PAGE).text)

    assert lines[0] == "Project sampleproject (key 1)"
    assert lines[1] == "sampleproject cannot be deleted yet: delete 3 invitation."
    assert lines[3] == "1. delete 3 invitation"
    assert lines[-1].endswith(": http://localhost/diag/projects/1?by=key")


def test_the_ticket_is_in_the_language_of_the_ticket(filled: Engine) -> None:
    text = make_shop(filled, policy=POLICY).client.get(f"{PAGE}?ticket=zh").text

    assert first_line(text) == "sampleproject cannot be deleted yet: delete 3 invitation."
    assert re.fullmatch("sampleproject 暂时无法删除.请先删除 3 个invitation。", ticket(text)[1])


def test_behind_a_proxy_the_ticket_has_the_address_that_people_use(filled: Engine) -> None:
    from werkzeug.middleware.proxy_fix import ProxyFix

    shop = make_shop(filled, policy=POLICY, config={"SECRET_KEY": "s"})
    shop.app.wsgi_app = ProxyFix(shop.app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_prefix=1)  # type: ignore[method-assign]
    headers = {f"X-Forwarded-{name}": value for name, value in FORWARDED.items()}

    answer = shop.client.get(f"{PAGE}?lang=zh", headers=headers)

    assert ticket(answer.text)[-1].endswith("https://shop.example/index/diag/projects/1?by=key")
    cookies = answer.headers.getlist("Set-Cookie")
    assert {one.partition("=")[0] for one in cookies} == {"diag_csrf", "diag_language"}
    assert [one for one in cookies if "Path=/index/diag" not in one or "Secure" not in one] == []


# what may be done


class Desk:
    """Someone at support, whose forms are those of the page."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.client = shop, shop.client
        self.client.get(PAGE)

    def fields(self, text: str, button: str) -> dict[str, str]:
        """Return the hidden fields of the form with *button*."""
        form = next(one for one in re.findall(r"<form.*?</form>", text, re.DOTALL) if button in one)
        return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))

    def presses(self, text: str, button: str, **typed: str) -> Any:
        """Send the form with *button*."""
        return self.client.post("/diag/act/1", data={**self.fields(text, button), **typed})


@pytest.fixture
def desk(filled: Engine) -> Desk:
    """Support, where the policy lets people delete."""
    return Desk(make_shop(filled, policy=POLICY, config={"SECRET_KEY": "s"}))


def left(shop: Shop) -> tuple[int, int]:
    """Return how many invitations there are, and whether the project is there."""
    with Session(shop.engine) as session:
        count = session.scalar(select(func.count()).select_from(Invitation)) or 0
        return count, int(session.get(Project, 1) is not None)


@pytest.mark.only("sqlite", "postgresql", "mariadb")
def test_the_safe_delete_is_tried_then_confirmed_then_done(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "flask_diag.trail")

    tried = desk.presses(desk.client.get(PAGE).text, "Try the safe delete")
    untouched = left(desk.shop)
    wrong = desk.presses(tried.text, "Delete it for good", name="another")
    done = desk.presses(wrong.text, "Delete it for good", name="sampleproject")

    assert [one.status_code for one in (tried, wrong, done)] == [200, 422, 200]
    assert untouched == (3, 1)
    assert left(desk.shop) == (0, 0)
    assert "is deleted." in done.text
    told = [(r.diag_action, r.diag_outcome, r.diag_key) for r in caplog.records if r.diag_action == "delete"]  # type: ignore[attr-defined] # of the trail
    assert told == [("delete", "tried", "1"), ("delete", "wrong-name", "1"), ("delete", "done", "1")]


@pytest.mark.only("postgresql", "mariadb")
def test_who_waits_for_a_lock_waits_for_seconds_and_changes_nothing(desk: Desk) -> None:
    """Somebody changes the project just then: the visitor is told, and the host's connection is as it was."""
    text = desk.client.get(PAGE).text
    with desk.shop.engine.connect() as other:
        other.execute(select(Project.id).where(Project.id == 1).with_for_update())

        answer = desk.presses(text, "Try the safe delete")

    assert answer.status_code == 503
    assert "Somebody else is changing the same rows" in answer.text
    assert left(desk.shop) == (3, 1)
    assert desk.presses(text, "Try the safe delete").status_code == 200
    if desk.shop.engine.dialect.name == "mysql":
        with desk.shop.engine.connect() as connection:
            waits = connection.exec_driver_sql("SELECT @@SESSION.innodb_lock_wait_timeout").scalar_one()
        assert waits > 10


@pytest.mark.only("sqlite", "postgresql", "mariadb")
def test_one_remedy_leaves_the_project(desk: Desk) -> None:
    tried = desk.presses(desk.client.get(PAGE).text, "Try only this")
    desk.presses(tried.text, "Clear it for good", name="sampleproject")

    assert left(desk.shop) == (0, 1)
    assert first_line(desk.client.get(PAGE).text) == "sampleproject can be deleted."


def test_what_has_changed_since_is_shown_again_and_not_done(desk: Desk) -> None:
    tried = desk.presses(desk.client.get(PAGE).text, "Try the safe delete")
    with Session(desk.shop.engine) as session:
        session.add(Invitation(project_id=1))
        session.commit()

    again = desk.presses(tried.text, "Delete it for good", name="sampleproject")

    assert again.status_code == 409
    assert "Other rows would go" in again.text
    assert left(desk.shop) == (4, 1)
    desk.presses(again.text, "Delete it for good", name="sampleproject")
    assert left(desk.shop) == (0, 0)


def test_a_form_that_skips_the_trial_does_nothing(desk: Desk) -> None:
    fields = desk.fields(desk.client.get(PAGE).text, "Try the safe delete")

    answer = desk.client.post("/diag/act/1", data={**fields, "step": "do", "name": "sampleproject"})

    assert answer.status_code == 409
    assert left(desk.shop) == (3, 1)


def test_a_forged_form_does_nothing(desk: Desk) -> None:
    fields = desk.fields(desk.client.get(PAGE).text, "Try the safe delete")

    answers = [
        desk.client.post("/diag/act/1", data={**fields, "csrf_token": "x"}),
        desk.client.post("/diag/act/1", data=fields, headers={"Sec-Fetch-Site": "cross-site"}),
    ]

    assert [one.status_code for one in answers] == [403, 403]
    assert left(desk.shop) == (3, 1)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("Nothing was changed", "The form was too old", "Open the page again", "Back")),
        ("zh", ("没有做任何更改", "表单已过期", "请重新打开页面", "返回")),
    ],
)
def test_who_sends_an_old_form_reads_that_nothing_was_changed_and_what_to_do(
    desk: Desk, language: str, words: tuple[str, ...]
) -> None:
    answer = desk.client.post("/diag/act/1", headers={"Accept-Language": language})

    assert (answer.status_code, answer.content_language.as_set()) == (403, {language})
    assert answer.headers["Cache-Control"] == "no-store"
    assert [one for one in words if one not in answer.text] == []
    assert 'href="/diag/projects/1?by=key"' in answer.text


def test_the_applications_own_error_pages_are_for_strangers_and_for_its_own_paths(filled: Engine) -> None:
    shop = make_shop(
        filled,
        policy=POLICY,
        config={"SECRET_KEY": "s", "MAX_CONTENT_LENGTH": 1_000},
        authorize=lambda _: request.headers.get("X-User") == "anna",
    )
    shop.app.register_error_handler(HTTPException, lambda error: (f"the shop's {error.code}", error.code))
    shop.app.add_url_rule("/own", "own", lambda: str(len(request.form)), methods=["POST"])

    def sent(path: str, user: str, body: str = "x=1") -> tuple[int, str]:
        headers = {"X-User": user, "Content-Type": "application/x-www-form-urlencoded"}
        answer = shop.client.post(path, data=body, headers=headers)
        title = re.search("<h1>(.*?)</h1>", answer.text)
        return answer.status_code, title[1] if title else answer.text

    assert sent("/diag/act/1", "anna") == (403, "Nothing was changed")
    assert sent("/diag/act/1", "anna", "x" * 2_000) == (413, "Nothing was changed")
    assert sent("/diag/act/1", "mallory") == (403, "the shop's 403")
    assert sent("/diag/act/1", "mallory", "x" * 2_000) == (403, "the shop's 403")
    assert sent("/own", "anna", "x" * 2_000) == (413, "the shop's 413")


def test_a_form_that_says_nothing_or_too_much_is_answered_by_a_page(desk: Desk) -> None:
    fields = desk.fields(desk.client.get(PAGE).text, "Try the safe delete")
    desk.shop.app.config["MAX_CONTENT_LENGTH"] = 10_000

    nothing = desk.client.post("/diag/act/1", data={**fields, "how": "by magic"})
    much = desk.client.post("/diag/act/1", data={**fields, "more": "x" * 20_000})

    assert (nothing.status_code, "does not say what to do" in nothing.text) == (400, True)
    assert (much.status_code, "more than a form of this page holds" in much.text) == (413, True)
    assert left(desk.shop) == (3, 1)


def test_without_a_secret_key_the_page_says_who_has_to_set_it(filled: Engine) -> None:
    shop = make_shop(filled, policy=POLICY)

    answer = shop.client.post("/diag/act/1", data={"how": "orm"})

    assert (answer.status_code, "has to set SECRET_KEY" in answer.text) == (403, True)


def test_a_role_that_may_not_lock_is_told_to_whoever_runs_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL asks for UPDATE to lock a row; the safe delete says so, and the page repeats it."""

    def denied(*_: Any, **__: Any) -> Verdict:
        raise LockDenied("Project", "projects")

    fields = desk.fields(desk.client.get(PAGE).text, "Try the safe delete")
    monkeypatch.setattr(DeletionRules, "delete", denied)

    answer = desk.client.post("/diag/act/1", data=fields)

    assert answer.status_code == 409
    assert "GRANT UPDATE ON projects" in answer.text


def test_who_may_only_read_is_offered_nothing(filled: Engine) -> None:
    shop = make_shop(
        filled, policy=POLICY, config={"SECRET_KEY": "s"}, authorize=lambda permission: permission == "read"
    )

    assert "<form method" not in shop.client.get(PAGE).text
    assert shop.client.post("/diag/act/1", data={"how": "orm"}).status_code == 403


@pytest.mark.parametrize("policy", [None, POLICY.replace("delete = true", "delete = false")])
def test_a_deletion_that_no_policy_allows_is_neither_offered_nor_done(
    filled: Engine, policy: str | None
) -> None:
    shop = make_shop(filled, policy=policy, config={"SECRET_KEY": "s"})
    shop.app.add_url_rule("/token", "token", _token)
    client = shop.client

    page, token = client.get(PAGE).text, _token_of(client)
    answer = client.post("/diag/act/1", data={"csrf_token": token, "how": "orm"})

    assert "Try the safe delete" not in page
    assert (answer.status_code, left(shop)) == (409, (3, 1))
    assert "policy does not allow it" in html.unescape(answer.text)


def _token() -> str:
    from flask_diag._csrf import csrf_token

    return csrf_token()


def _token_of(client: FlaskClient) -> str:
    """Return a token, with its half in a cookie: the cookie is for the pages, wherever it was given."""
    return client.get("/token").text


def test_who_only_opens_the_address_of_an_action_sees_the_project(desk: Desk) -> None:
    assert desk.client.get("/diag/act/1").location == "/diag/projects/1?by=key"


def test_an_action_on_nobody_is_not_found(desk: Desk) -> None:
    fields = desk.fields(desk.client.get(PAGE).text, "Try the safe delete")

    assert desk.client.post("/diag/act/99", data=fields).status_code == 404
