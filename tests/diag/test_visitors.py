"""Every route times every kind of visitor: who gets in, and what the others are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from flask import abort, redirect, request
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from diag._routes import READING, VALUES, need
from diag._shop import Shop, make_shop
from flask_diag._tokens import PERMISSIONS, new_token

pytestmark = pytest.mark.only("sqlite")
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
ISSUED = {name: new_token(f"t-{name}", [name]) for name in PERMISSIONS}
ISSUED["all"] = new_token("t-all", PERMISSIONS)
ISSUED["expired"] = new_token("t-expired", PERMISSIONS, YESTERDAY)
TOKENS = {"authorize": None, "tokens": [token.stored for _, token in ISSUED.values()]}
EVERYTHING = frozenset(PERMISSIONS)
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "DELETE")


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """A kind of visitor.

    Attributes:
        options: what the application said of who may enter.
        headers: what the visitor shows.
        may: which permissions they have.
        told: the status that answers everything else, by permission where it differs; "" is for the rest.
        by_token: no form is asked of them.
    """

    options: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    may: frozenset[str] = frozenset()
    told: Mapping[str, int] = field(default_factory=lambda: {"": 403})
    by_token: bool = False


def bearer(name: str) -> dict[str, str]:
    """Return the header that shows a token."""
    return {"Authorization": f"Bearer {ISSUED[name][0] if name in ISSUED else name}"}


def login_required(view: Callable[[], Any]) -> Callable[[], Any]:
    """Let in whoever has a cookie, as Flask-Login's decorator would."""

    @wraps(view)
    def decorated() -> Any:
        return view() if request.cookies.get("user") else ("Please log in", 401)

    return decorated


def breaks(_: str) -> bool:
    """Fail, as a lock may."""
    raise KeyError("no such user")


LOGIN = {"authorize": None, "login": login_required}
ANNA = {"Cookie": "user=anna"}
LOGGED_OUT = {"": 401, "metrics": 403}  # a scraper does not log in
VISITORS = {
    "where nothing was opened": Visitor(options={"authorize": None}, told={"": 404}),
    "with a token, where nothing was opened": Visitor(
        options={"authorize": None}, headers=bearer("all"), told={"": 404}
    ),
    "without a token": Visitor(options=TOKENS, told={"": 401}),
    "with a wrong token": Visitor(options=TOKENS, headers=bearer("diag_wrong"), told={"": 401}),
    "with an empty token": Visitor(options=TOKENS, headers=bearer(""), told={"": 401}),
    "with an expired token": Visitor(options=TOKENS, headers=bearer("expired"), told={"": 401}),
    **{
        f"with a token to {name}": Visitor(
            options=TOKENS, headers=bearer(name), may=frozenset((name,)), by_token=True
        )
        for name in PERMISSIONS
    },
    "with a token to all": Visitor(options=TOKENS, headers=bearer("all"), may=EVERYTHING, by_token=True),
    "whom nothing but the token lets in": Visitor(
        options={**TOKENS, "authorize": lambda _: False}, headers=bearer("all"), may=EVERYTHING, by_token=True
    ),
    "with a wrong token, whom the application lets in": Visitor(
        options={**TOKENS, "authorize": lambda _: True}, headers=bearer("diag_wrong"), may=EVERYTHING
    ),
    "whom the application lets in": Visitor(options={"authorize": lambda _: True}, may=EVERYTHING),
    **{
        f"whom the application lets {name}": Visitor(
            options={"authorize": lambda asked, name=name: asked == name}, may=frozenset((name,))
        )
        for name in PERMISSIONS
    },
    "whom the application refuses": Visitor(options={"authorize": lambda _: False}),
    "of whom the application says nothing": Visitor(options={"authorize": lambda _: None}),
    "of whom it says anything but True": Visitor(options={"authorize": lambda _: "yes"}),
    "at whom the application breaks": Visitor(options={"authorize": breaks}),
    "whom the application sends to log in": Visitor(
        options={"authorize": lambda _: redirect("/login")}, told={"": 302}
    ),
    "whom the application stops": Visitor(options={"authorize": lambda _: abort(401)}, told={"": 401}),
    "who is not logged in": Visitor(options=LOGIN, told=LOGGED_OUT),
    "who is logged in": Visitor(options=LOGIN, headers=ANNA, may=frozenset(("read",))),
    "who is logged in, and whom the application lets act": Visitor(
        options={**LOGIN, "authorize": lambda asked: asked == "act"}, headers=ANNA, may=frozenset(("act",))
    ),
}


def asked(shop: Shop, visitor: Visitor) -> list[tuple[str, str, TestResponse]]:
    """Ask every route of ours, with those methods that it has."""
    adapter = shop.app.url_map.bind("localhost")
    ours = [one for one in shop.app.url_map.iter_rules() if one.endpoint.startswith(("flask_diag", "diag_"))]
    paths = [
        (one, adapter.build(one.endpoint, {name: VALUES[name] for name in one.arguments})) for one in ours
    ]
    return [
        (rule.endpoint, method, _open(shop, path, method, visitor))
        for rule, path in paths
        for method in METHODS
        if method in (rule.methods or ())
    ]


def _open(shop: Shop, path: str, method: str, visitor: Visitor) -> TestResponse:
    client = shop.app.test_client(use_cookies=False)
    return client.open(path, method=method, headers=dict(visitor.headers), buffered=True)


@pytest.mark.parametrize("kind", VISITORS)
def test_every_route_lets_in_whom_it_may_and_tells_the_others_nothing(
    filled: Engine, tmp_path: Path, kind: str
) -> None:
    """A route without its line in `_routes.NEEDS` fails here for want of it."""
    visitor = VISITORS[kind]
    store = {"DIAG_STORE_URL": f"sqlite:///{tmp_path / 'store.sqlite'}", "DIAG_STORE_DRAIN": 0}
    shop = make_shop(filled, config={**store, "SECRET_KEY": "s"}, **visitor.options)

    answers = asked(shop, visitor)

    wrong = {
        f"{method} {endpoint}": answer.status_code
        for endpoint, method, answer in answers
        if not _right(visitor, endpoint, method, answer)
    }
    assert wrong == {}
    assert {need(endpoint, method) for endpoint, method, _ in answers} == {"nothing", "open", *PERMISSIONS}


def _right(visitor: Visitor, endpoint: str, method: str, answer: TestResponse) -> bool:
    """Tell whether that is the answer that this visitor is to have."""
    wanted, status = need(endpoint, method), answer.status_code
    if wanted == "nothing":
        return status == 200
    if wanted == "open":
        return status == visitor.told[""] == 404 if visitor.options == {"authorize": None} else status == 200
    ours = "Nothing was changed" in answer.text  # a page, as for all who may be here
    if wanted not in visitor.may:
        told = visitor.told.get(wanted, visitor.told[""])
        told_nothing = not ours and "role_inv" not in answer.text
        return status == told and told_nothing and answer.headers["Cache-Control"] == "no-store"
    if wanted == "act" and not visitor.by_token:
        return status == 403 and ours
    if endpoint.startswith("diag_api.") and method not in READING - {"OPTIONS"}:
        return status == 405
    return status < 500 and status not in {401, 403}
