"""Addresses below ours that nothing answers, and methods that they don't take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, abort, redirect

from diag._shop import Project, body, make_shop
from flask_diag import Diagnostics
from flask_diag._tokens import new_token

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from werkzeug.test import TestResponse

pytestmark = pytest.mark.only("sqlite")
SECRET, TOKEN = new_token("ci", ["read"])
NOWHERE = (
    ("GET", "/diag/nothing"),
    ("POST", "/diag/incidents"),
    ("DELETE", "/diag/projects/empty"),
    ("GET", "/diag/api/v2/projects"),
)


def told(answer: TestResponse) -> tuple[int, str, dict[str, str]]:
    """Return all that a visitor sees of an answer."""
    return answer.status_code, answer.text, dict(answer.headers)


def test_whoever_may_read_is_told_that_there_is_no_such_page_and_where_the_pages_are(filled: Engine) -> None:
    answer = make_shop(filled).client.get("/diag/nothing%20here?lang=en")

    assert answer.status_code == 404
    assert "There is no page at /diag/nothing here." in answer.text
    assert 'href="/diag/"' in answer.text
    assert 'action="/diag/find"' in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_the_page_speaks_the_visitors_language_and_leads_to_itself_in_others(filled: Engine) -> None:
    answer = make_shop(filled).client.get("/diag/%E4%B8%AD?x=%22&lang=zh")

    assert "/diag/中 处没有页面。" in answer.text.replace("<bdi>", "").replace("</bdi>", "")
    assert 'href="/diag/%E4%B8%AD?x=%22&amp;lang=en"' in answer.text


def test_a_method_that_a_page_does_not_take_is_named_with_the_way_to_the_page(filled: Engine) -> None:
    answer = make_shop(filled).client.post("/diag/incidents")

    assert answer.status_code == 405
    assert "/diag/incidents does not take POST. Nothing was changed." in answer.text
    assert '<a href="/diag/incidents">Open the page</a>' in answer.text
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_below_the_api_it_is_a_problem_that_names_the_api(filled: Engine) -> None:
    shop = make_shop(filled)

    answer = shop.client.get("/diag/api/v2/projects")
    odd = shop.client.open("/diag/api/v1/", method="PROPFIND")

    assert answer.content_type == "application/problem+json"
    assert (answer.status_code, body(answer)["type"]) == (404, "urn:flask-diag:problem:not-found")
    assert "/diag/api/v1/: its openapi.json" in body(answer)["detail"]
    assert (odd.status_code, odd.headers["Allow"]) == (405, "GET, HEAD")
    assert odd.content_type == "application/problem+json"


@pytest.mark.parametrize(("method", "path"), NOWHERE)
@pytest.mark.parametrize(
    "options",
    [
        {"authorize": None},
        {"authorize": lambda _: False},
        {"authorize": lambda asked: asked == "metrics"},
        {"authorize": lambda _: redirect("/login")},
        {"authorize": lambda _: abort(401)},
        {"authorize": lambda _: 1 / 0},
        {"authorize": None, "tokens": [TOKEN.stored]},
        {"authorize": None, "login": lambda _view: lambda: ("Please log in", 401)},
    ],
)
def test_a_stranger_sees_what_the_application_alone_would_say(
    filled: Engine, options: dict[str, Any], method: str, path: str
) -> None:
    """To the letter, headers included: nothing tells that anything was asked."""
    shop = make_shop(filled, **options)
    alone = make_shop(filled, **options)
    alone.app.after_request_funcs[None].clear()

    assert told(shop.client.open(path, method=method)) == told(alone.client.open(path, method=method))


def test_a_token_that_may_read_is_told_too(filled: Engine) -> None:
    shop = make_shop(filled, authorize=None, tokens=[TOKEN.stored])

    answer = shop.client.get("/diag/nothing", headers={"Authorization": f"Bearer {SECRET}"})

    assert "There is no page at" in answer.text


def test_addresses_that_are_not_ours_stay_the_applications(filled: Engine) -> None:
    shop = make_shop(filled)

    for path in ("/nothing", "/diagnosis", "/diag.html"):
        assert "diag.css" not in shop.client.get(path).text


def test_the_applications_routes_below_our_prefix_go_first(filled: Engine) -> None:
    app = Flask("host")
    app.add_url_rule("/<path:page>", "cms", lambda page: f"the page {page}")
    app.add_url_rule("/diag/own", "own", lambda: abort(404))
    Diagnostics(app, filled, subject=Project, authorize=lambda _: True, exporters=[])
    client = app.test_client()

    assert client.get("/diag/notes").text == "the page diag/notes"
    assert "diag.css" not in client.get("/diag/own").text


def test_what_the_application_answers_otherwise_stays(filled: Engine) -> None:
    """Its handler makes a page of its own of it, or a hook answers before."""
    shop = make_shop(filled)
    shop.app.register_error_handler(404, lambda _: "the application's own start page")

    answer = shop.client.get("/diag/nothing")

    assert (answer.status_code, answer.text) == (200, "the application's own start page")


def test_a_page_that_cannot_be_drawn_leaves_the_applications_answer(
    filled: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_diag._astray.no_page", lambda _: 1 / 0)

    answer = make_shop(filled).client.get("/diag/nothing")

    assert answer.status_code == 404
    assert "diag.css" not in answer.text
