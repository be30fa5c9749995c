"""Every route is closed to a stranger, and each was thought about: a new one fails here until it has its line.

test_visitors asks each route with every kind of visitor; here stands which routes there are, and what no header may do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from diag._routes import NEEDS, VALUES, endpoints
from diag._shop import Shop, fill, make_shop
from flask_diag._csrf import FIELD
from flask_diag._tokens import new_token

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Database

pytestmark = pytest.mark.only("sqlite")
OPEN = endpoints("nothing", "open")
HOSTS = (
    "evil.example",
    "evil.example:80@localhost",
    "localhost\r\nX: y",
    "[::1]",
    "a" * 300,
    "",
    "evil.example/..",
)
FORGED = {
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Prefix": "//evil.example",
    "X-Original-URL": "/diag/livez",
    "X-Rewrite-URL": "/diag/livez",
    "X-HTTP-Method-Override": "GET",
    "Forwarded": "host=evil.example;for=127.0.0.1",
    "Referer": "https://evil.example/",
    "Origin": "https://evil.example",
}


@pytest.fixture
def filled(database: Database) -> Engine:
    """An engine with the shop's tables and rows."""
    engine = database.engine()
    fill(engine)
    return engine


def shop_of(engine: Engine, tmp_path: Path, **options: object) -> Shop:
    """Return a shop with all that adds routes."""
    return make_shop(
        engine,
        config={
            "DIAG_STORE_URL": f"sqlite:///{tmp_path / 'store.sqlite'}",
            "SECRET_KEY": "s",
            "DIAG_STORE_DRAIN": 0,
        },
        **options,
    )


def ours(app: Flask) -> dict[str, set[str]]:
    """Return the methods of each of our endpoints: all that plain Flask would not have."""
    known = {rule.endpoint for rule in Flask("bare").url_map.iter_rules()} | {
        "delete_project",
        "delete_by_sql",
        "run",
    }
    found: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in known:
            found.setdefault(rule.endpoint, set()).update(rule.methods or ())
    return found


def asked(shop: Shop, **headers: str) -> list[tuple[str, str, TestResponse]]:
    """Ask every route of ours with every method that there is, known to it or not."""
    adapter, endpoints = shop.app.url_map.bind("localhost"), ours(shop.app)
    return [
        (rule.endpoint, method, shop.client.open(adapter.build(rule.endpoint, {name: VALUES[name] for name in rule.arguments}), method=method, headers=headers, buffered=True))
        for rule in shop.app.url_map.iter_rules()
        if rule.endpoint in endpoints
        for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")
    ]  # fmt: skip


def test_every_route_was_thought_about(filled: Engine, tmp_path: Path) -> None:
    """A route that joins them needs its line in `diag._routes`, and every kind of visitor asks for it in test_visitors."""
    found = ours(shop_of(filled, tmp_path).app)
    writes = {
        name
        for name, methods in found.items()
        if methods - {"GET", "HEAD", "OPTIONS"} and not name.startswith("diag_api.")
    }

    assert set(found) == set(NEEDS)
    assert writes == endpoints("act")


def test_a_stranger_is_told_nothing_by_any_route_and_method(filled: Engine, tmp_path: Path) -> None:
    """Not even which methods there are: 404 while nothing is open, 401 or 403 then, the same for each name."""
    closed = shop_of(filled, tmp_path, authorize=None)
    locked = shop_of(filled, tmp_path, authorize=lambda _: False)
    _, token = new_token("ci", ["read"])
    tokens = shop_of(filled, tmp_path, authorize=None, tokens=[token.stored])

    for shop, statuses in ((closed, {404}), (locked, {403}), (tokens, {401, 403})):
        for endpoint, method, answer in asked(shop, **FORGED):
            known = answer.status_code != 405  # Flask's own answer, where no rule has the method
            if endpoint in OPEN or not known:
                continue
            assert answer.status_code in statuses, (endpoint, method, answer.status_code)
            assert answer.headers["Cache-Control"] == "no-store", (endpoint, method)
            assert "invitations" not in answer.text, (endpoint, method)
            assert "Access-Control-Allow-Origin" not in answer.headers, (endpoint, method)


def test_no_header_opens_anything_or_leads_elsewhere(filled: Engine, tmp_path: Path) -> None:
    shop = shop_of(filled, tmp_path)

    for endpoint, method, answer in asked(shop, **FORGED):
        assert "evil.example" not in f"{answer.headers}{answer.text}", (endpoint, method)
        assert answer.status_code < 500, (endpoint, method)


@pytest.mark.parametrize("host", HOSTS)
def test_no_host_that_a_client_names_is_repeated(filled: Engine, tmp_path: Path, host: str) -> None:
    """A link, a redirect or a document with it would be a cache's to hand to others."""
    shop = shop_of(filled, tmp_path)

    for path in (
        "/diag/",
        "/diag/find?q=x",
        "/diag/projects/sampleproject",
        "/diag/api/v1/openapi.json",
        "/diag/runbooks/",
        "/diag/projects/none",
    ):
        answer = shop.client.get(path, environ_overrides={"HTTP_HOST": host})
        page = re.sub(
            r"<textarea.*?</textarea>", "", answer.text, flags=re.DOTALL
        )  # a ticket has to name the host
        assert "evil.example" not in f"{answer.headers}{page}", path
        assert answer.status_code == 400 or answer.headers["Cache-Control"] == "no-store", (
            path
        )  # Flask's: no host
        assert answer.status_code < 500, path


PATHS = (
    "/diag/{}",
    "/diag/projects/{}",
    "/diag/runbooks/{}",
    "/diag/static/{}",
    "/diag/api/v1/projects/{}",
    "/diag/find?q={}",
)
STEPS = (
    *("../../../../etc/passwd", "..%2f..%2fetc/passwd", "%2e%2e/%2e%2e/", "....//", "\\..\\.."),
    *("%00", "%0d%0aSet-Cookie:%20x=1", "%ff%fe", "%ed%a0%80"),
)


def test_no_path_leads_out_of_our_folders_or_into_a_header(filled: Engine, tmp_path: Path) -> None:
    client = shop_of(filled, tmp_path).client

    for path in (path.format(step) for path in PATHS for step in STEPS):
        answer = client.get(path, buffered=True)
        assert answer.status_code in {200, 303, 308, 400, 404}, path
        assert "root:" not in answer.text, path
        assert "Set-Cookie" not in answer.headers, path


COOKIES = (
    *("diag_csrf=\x00", "diag_csrf=\xff\xfe", f"diag_csrf={'x' * 10_000}"),
    *("diag_csrf==; diag_csrf=b", "diag_language=<x>"),
)
FORMS = ("", ".", "a.b.c", "\x00", "\ud800", "x" * 100_000, "eyJhIjoxfQ.aaaa.bbbb")


def test_no_made_up_form_acts_or_breaks(filled: Engine, tmp_path: Path) -> None:
    client = shop_of(filled, tmp_path).client

    for cookie in COOKIES:
        for form in FORMS:
            for path in ("/diag/", "/diag/projects/sampleproject"):
                answer = client.post(
                    path,
                    data={FIELD: form.encode("utf-8", "surrogatepass")},
                    environ_overrides={"HTTP_COOKIE": cookie},
                )
                assert answer.status_code in {400, 403, 405}, (path, cookie[:30], form[:30])
