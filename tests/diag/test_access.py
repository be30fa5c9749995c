"""Who may enter: every route times every kind of visitor."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Response, abort, redirect
from sqlalchemy import Engine
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from diag._shop import Project, Shop, make_shop
from flask_diag import Diagnostics
from flask_diag._access import limit_searches
from flask_diag._csrf import FIELD, csrf_token
from flask_diag._state import state
from flask_diag._tokens import PERMISSIONS, Token, bearer, new_token, tokens_of
from flask_diag._trail import Entry

pytestmark = pytest.mark.only("sqlite")
ISSUED = {permission: new_token(f"t-{permission}", [permission]) for permission in PERMISSIONS}
SECRETS = {permission: secret for permission, (secret, _) in ISSUED.items()}
STORED = [token.stored for _, token in ISSUED.values()]
OPEN = {"diag_health.livez", "diag_health.readyz"}  # orchestrators have no tokens; what they tell is one word
LOGIN = Response("log in", 302, {"Location": "/login"})


def routes(shop: Shop) -> list[tuple[Rule, str]]:
    """Return each rule of ours with an address that it has."""
    ours = [
        rule
        for rule in shop.app.url_map.iter_rules()
        if rule.endpoint.startswith(("flask_diag", "diag_")) and rule.endpoint not in OPEN
    ]
    values = {"text": "sampleproject", "filename": "diag.css", "rest": "nothing/here"}
    adapter = shop.app.url_map.bind("localhost")
    return [
        (rule, adapter.build(rule.endpoint, {name: values.get(name, "x") for name in rule.arguments}))
        for rule in ours
    ]


def permission_of(rule: Rule, method: str) -> str:
    """Return what a route asks for."""
    if rule.endpoint == "diag_metrics":
        return "metrics"
    only_reads = rule.endpoint.startswith("diag_api.")
    return "read" if only_reads or method in {"GET", "HEAD", "OPTIONS"} else "act"


def asked(shop: Shop, token: str | None = None) -> list[tuple[Rule, str, TestResponse]]:
    """Ask every route, with each method that it has."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return [
        (rule, method, shop.client.open(path, method=method, headers=headers, buffered=True))
        for rule, path in routes(shop)
        for method in sorted(rule.methods or ())
    ]


def is_static(rule: Rule) -> bool:
    """Tell whether it is a style sheet, which tells nobody anything."""
    return bool(rule.endpoint == "flask_diag.static")


def raises(_: str) -> bool:
    """Break, as a lock may."""
    raise KeyError("no such user")


@pytest.mark.parametrize("token", [None, "wrong", pytest.param(SECRETS["read"], id="right")])
def test_where_nothing_was_opened_there_is_nothing_for_anybody(filled: Engine, token: str | None) -> None:
    shop = make_shop(filled, authorize=None)

    assert {answer.status_code for _, _, answer in asked(shop, token)} == {404}


@pytest.mark.parametrize("shown", [None, "wrong", "", *SECRETS])
@pytest.mark.parametrize("way", ["argument", "setting", "one text"])
def test_a_token_opens_what_it_says_and_nothing_else(filled: Engine, shown: str | None, way: str) -> None:
    config: dict[str, dict[str, Any]] = {
        "argument": {},
        "setting": {"DIAG_TOKENS": STORED},
        "one text": {"DIAG_TOKENS": " ".join(STORED)},
    }
    shop = make_shop(filled, authorize=None, config=config[way], tokens=STORED if way == "argument" else ())
    secret = SECRETS.get(shown or "", shown)

    for rule, method, answer in asked(shop, secret):
        where = (rule.rule, method, shown)
        if is_static(rule):
            assert answer.status_code == 200, where
            continue
        assert answer.headers["Cache-Control"] == "no-store", where
        if shown not in SECRETS:
            assert answer.status_code == 401, where
            assert answer.headers["WWW-Authenticate"] == "Bearer realm=diagnostics", where
        elif permission_of(rule, method) == shown:
            assert answer.status_code not in {401, 403}, where
        else:
            assert answer.status_code == 403, where


@pytest.mark.parametrize(
    ("authorize", "status"),
    [
        (lambda _: False, 403),
        (lambda _: None, 403),
        (lambda _: "yes", 403),
        (lambda _: LOGIN, 302),
        (lambda _: redirect("/login"), 302),
        (lambda _: abort(401), 401),
        (raises, 403),
    ],
)
@pytest.mark.parametrize("tokens", [(), STORED])
def test_whom_the_application_does_not_let_in_stays_out(
    filled: Engine, authorize: Callable[[str], Any], status: int, tokens: Any
) -> None:
    shop = make_shop(filled, authorize=authorize, tokens=tokens)

    for shown in (None, "wrong"):
        for rule, method, answer in asked(shop, shown):
            if not is_static(rule):
                assert (answer.status_code, answer.headers["Cache-Control"]) == (status, "no-store"), (
                    rule,
                    method,
                )


def test_whom_the_application_lets_in_may_read(shop: Shop) -> None:
    for rule, method, answer in asked(shop):
        if method in {"GET", "HEAD", "OPTIONS"}:
            assert answer.status_code not in {401, 403}, rule


@pytest.mark.parametrize("wanted", PERMISSIONS)
def test_the_application_is_asked_for_the_permission_that_a_route_needs(filled: Engine, wanted: str) -> None:
    shop = make_shop(filled, authorize=lambda permission: permission == wanted)

    for rule, method, answer in asked(shop):
        if not is_static(rule) and permission_of(rule, method) != wanted:
            assert answer.status_code == 403, (rule.rule, method)
        elif method in {"GET", "HEAD"}:
            assert answer.status_code != 403, (rule.rule, method)


def test_a_right_token_needs_no_word_of_the_application(filled: Engine) -> None:
    shop = make_shop(filled, authorize=lambda _: False, tokens=STORED)

    assert (
        shop.client.get("/diag/", headers={"Authorization": f"Bearer {SECRETS['read']}"}).status_code == 200
    )


@pytest.mark.parametrize("path", ["/diag/projects/{}", "/diag/find?q={}"])
@pytest.mark.parametrize("options", [{"authorize": None}, {"authorize": lambda _: False}, {"tokens": STORED}])
def test_a_stranger_cannot_tell_a_project_that_exists_from_one_that_does_not(
    filled: Engine, options: dict[str, Any], path: str
) -> None:
    shop = make_shop(filled, **{"authorize": None, **options})

    there, not_there = (shop.client.get(path.format(name)) for name in ("sampleproject", "nobody-has-this"))

    assert there.status_code in {401, 403, 404}
    assert (there.status_code, there.data) == (not_there.status_code, not_there.data)
    assert dict(there.headers) == dict(not_there.headers)


# the host's login decorator


def login_required(view: Callable[[], Any]) -> Callable[[], Any]:
    """Let in whoever has a cookie, as Flask-Login's decorator would."""
    from functools import wraps

    from flask import request

    @wraps(view)
    def decorated() -> Any:
        return view() if request.cookies.get("user") else ("Please log in", 401)

    return decorated


def test_the_hosts_login_opens_reading_and_no_more(filled: Engine) -> None:
    shop = make_shop(filled, authorize=None, login=login_required)
    person = shop.client
    person.set_cookie("user", "anna")

    stranger = shop.client.get("/diag/")

    assert (stranger.status_code, stranger.text) == (401, "Please log in")
    assert person.get("/diag/").status_code == 200
    assert person.get("/metrics").status_code == 403


def test_behind_the_login_the_application_says_what_each_may(filled: Engine) -> None:
    shop = make_shop(filled, login=login_required, authorize=lambda permission: permission == "metrics")
    person = shop.client
    person.set_cookie("user", "anna")

    assert shop.client.get("/diag/").status_code == 401
    assert person.get("/diag/").status_code == 403
    assert shop.client.get("/metrics").status_code == 200  # a scraper does not log in


@pytest.mark.parametrize("answer", ["words", "", 0, None])
def test_a_login_that_answers_anything_itself_lets_nobody_in(filled: Engine, answer: Any) -> None:
    shop = make_shop(filled, authorize=None, login=lambda view: lambda: answer)

    assert "The database answers" not in shop.client.get("/diag/").text


# tokens


def test_only_the_hash_of_a_token_is_stored() -> None:
    secret, token = new_token("ci", ["metrics", "read"])

    assert re.fullmatch(r"diag_[\w-]{43}", secret)
    assert re.fullmatch(r"ci:read\+metrics:[0-9a-f]{64}", token.stored)
    assert Token.parse(token.stored) == token
    assert token.digest not in repr(token)
    assert secret not in token.stored


def test_two_tokens_of_one_name_hold_while_they_are_rotated() -> None:
    (old, one), (new, other) = (new_token("ci", ["read"]) for _ in range(2))

    assert [bearer((one, other), secret) for secret in (old, new)] == [one, other]
    assert bearer((other,), old) is None


def test_a_token_opens_nothing_after_its_last_day(filled: Engine) -> None:
    today = datetime.now(UTC).date()
    for days, status in ((0, 200), (-1, 401)):
        secret, token = new_token("ci", ["read"], today + timedelta(days=days))
        shop = make_shop(filled, authorize=None, tokens=[token.stored])

        assert shop.client.get("/diag/", headers={"Authorization": f"Bearer {secret}"}).status_code == status


@pytest.mark.parametrize(
    "wrong",
    [
        "diag_secret",
        "a:read",
        "a:read:secret",
        "a b:read:" + "0" * 64,
        "a:read:" + "0" * 64 + ":2027-01-01:x",
        ":::",
    ],
)
def test_a_token_that_was_stored_as_it_is_is_refused_and_never_repeated(wrong: str) -> None:
    with pytest.raises(ValueError, match="make one with `flask diag token NAME`") as refused:
        tokens_of([wrong])

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ("a:admin:" + "0" * 64, r"may \['admin'\]: give one or more of read, act, metrics"),
        ("a::" + "0" * 64, "give one or more"),
        ("a:read:" + "0" * 64 + ":soon", "expires on 'soon': give a day"),
    ],
)
def test_a_token_that_can_not_be_says_why(stored: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tokens_of(stored)


def test_a_setting_of_tokens_that_is_wrong_is_not_shown(filled: Engine) -> None:
    with pytest.raises(ValueError, match="DIAG_TOKENS is wrong: give a list") as refused:
        make_shop(filled, config={"DIAG_TOKENS": {"my": "hunter2"}})

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("args", [(), ("--may", "metrics", "--may", "read", "--days", "30")])
def test_the_command_makes_a_token_that_opens(filled: Engine, args: tuple[str, ...]) -> None:
    made = json.loads(make_shop(filled).run("token", "ci", *args, "--json").output)
    shop = make_shop(filled, authorize=None, tokens=[made["store"]])

    assert shop.client.get("/diag/", headers={"Authorization": f"Bearer {made['token']}"}).status_code == 200


def test_the_command_tells_people_what_to_do_with_it(shop: Shop) -> None:
    output = shop.run("token", "ci").output

    assert re.search(
        r"The token, shown this once: diag_[\w-]{43}\nAdd to DIAG_TOKENS: +ci:read:[0-9a-f]{64}\n", output
    )


@pytest.mark.parametrize("args", [["bad name"], ["x", "--may", "everything"], ["x", "--days", "0"]])
def test_the_command_refuses_what_no_token_can_be(shop: Shop, args: list[str]) -> None:
    assert shop.run("token", *args).exit_code == 2


# forms


@pytest.fixture
def acting(filled: Engine) -> Shop:
    """The shop with an action of the test's own among the pages."""
    return with_action(filled)


def added(blueprint: Any) -> Any:
    """Add a form, and what it does."""
    blueprint.add_url_rule("/form", "form", lambda: f"{csrf_token()} {csrf_token()}")
    blueprint.add_url_rule("/act", "act", lambda: "done", methods=["POST"])
    return blueprint


def with_action(engine: Engine, **options: Any) -> Shop:
    """Return the shop with a page that has a form, and what the form does."""
    from flask_diag import _pages

    build = _pages.pages
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flask_diag._pages.pages", lambda found: added(build(found)))
        return make_shop(engine, config={"SECRET_KEY": "s", **options.pop("config", {})}, **options)


def test_an_action_needs_the_form_of_our_own_page(acting: Shop) -> None:
    person = acting.client
    token, again = person.get("/diag/form").text.split()

    assert person.post("/diag/act").status_code == 403
    assert person.post("/diag/act", data={FIELD: token}).text == "done"
    assert person.post("/diag/act", data={FIELD: again}).text == "done"
    assert person.post("/diag/act", headers={"X-CSRF-Token": token}).text == "done"
    # the last letter holds fewer bits than a letter can: others there may spell the same signature
    forged = f"{token[:-2]}{'A' if token[-2] != 'A' else 'B'}{token[-1]}"
    assert person.post("/diag/act", data={FIELD: forged}).status_code == 403


def test_the_form_of_another_browser_is_refused(acting: Shop) -> None:
    theirs = acting.client.get("/diag/form").text.split()[0]
    mine = acting.client
    mine.get("/diag/form")

    assert mine.post("/diag/act", data={FIELD: theirs}).status_code == 403
    assert acting.client.post("/diag/act", data={FIELD: theirs}).status_code == 403


def test_the_form_of_another_visitor_is_refused_even_with_their_cookie(filled: Engine) -> None:
    from flask import request

    shop = with_action(filled, actor=lambda: request.headers.get("X-User"))
    browser = shop.client
    theirs = browser.get("/diag/form", headers={"X-User": "mallory"}).text.split()[0]

    assert browser.post("/diag/act", data={FIELD: theirs}, headers={"X-User": "anna"}).status_code == 403
    assert browser.post("/diag/act", data={FIELD: theirs}, headers={"X-User": "mallory"}).text == "done"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_browser_that_says_the_form_is_from_elsewhere_is_believed(acting: Shop, site: str) -> None:
    person = acting.client
    token = person.get("/diag/form").text.split()[0]

    assert person.post("/diag/act", data={FIELD: token}, headers={"Sec-Fetch-Site": site}).status_code == 403


def test_a_program_with_a_token_needs_no_form(filled: Engine) -> None:
    shop = with_action(filled, authorize=None, tokens=STORED)

    acts = shop.client.post("/diag/act", headers={"Authorization": f"Bearer {SECRETS['act']}"})
    reads = shop.client.post("/diag/act", headers={"Authorization": f"Bearer {SECRETS['read']}"})

    assert (acts.text, reads.status_code) == ("done", 403)


def test_the_cookie_of_a_form_is_for_our_pages_only(acting: Shop) -> None:
    cookie = acting.client.get("/diag/form", base_url="https://localhost").headers["Set-Cookie"]

    assert all(part in cookie for part in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/diag"))


def test_without_a_secret_key_no_form_is_made_and_nothing_acts(filled: Engine) -> None:
    shop = with_action(filled, config={"SECRET_KEY": None})

    page = shop.client.get("/diag/form")

    assert (page.status_code, "set SECRET_KEY" in page.text) == (403, True)
    assert shop.client.post("/diag/act", data={FIELD: "x"}).status_code == 403


def test_a_secret_key_may_be_rotated_under_an_open_form(filled: Engine) -> None:
    old = with_action(filled, config={"SECRET_KEY": "old"})
    page = old.client.get("/diag/form")
    cookie = page.headers["Set-Cookie"].split(";")[0].split("=", 1)[1]
    new = with_action(filled, config={"SECRET_KEY": "new", "SECRET_KEY_FALLBACKS": ["old"]}).client
    new.set_cookie("diag_csrf", cookie, path="/diag")

    assert new.post("/diag/act", data={FIELD: page.text.split()[0]}).text == "done"


def test_the_forms_of_our_pages_pass_the_hosts_own_protection(filled: Engine) -> None:
    """Flask-WTF guards every form of the application; ours have a token of ours."""
    from flask import Flask
    from flask_wtf.csrf import CSRFProtect  # type: ignore[import-untyped]

    from flask_diag import _pages

    app = Flask("shop")
    app.config["SECRET_KEY"] = "s"
    CSRFProtect(app)
    build = _pages.pages
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flask_diag._pages.pages", lambda found: added(build(found)))
        Diagnostics(app, filled, subject=Project, exporters=[], authorize=lambda _: True)
    app.add_url_rule("/own", "own", lambda: "own", methods=["POST"])
    person = app.test_client()
    token = person.get("/diag/form").text.split()[0]

    assert person.post("/diag/act", data={FIELD: token}).text == "done"
    assert person.post("/diag/act").status_code == 403
    assert person.post("/own").status_code == 400


# searches


def test_who_searches_too_often_waits(filled: Engine) -> None:
    shop = make_shop(filled, config={"DIAG_SEARCH_LIMIT": 3})

    answers = [shop.client.get("/diag/projects/empty") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["Retry-After"] == "20"
    assert shop.client.get("/diag/").status_code == 200


def test_one_who_searches_too_often_stops_nobody_else(filled: Engine) -> None:
    from flask import request

    shop = make_shop(filled, config={"DIAG_SEARCH_LIMIT": 1}, actor=lambda: request.headers["X-User"])

    statuses = [
        shop.client.get("/diag/projects/empty", headers={"X-User": user}).status_code
        for user in ("anna", "anna", "ben")
    ]

    assert statuses == [200, 429, 200]


def test_a_crowd_of_visitors_takes_bounded_memory(filled: Engine) -> None:
    shop = make_shop(filled, config={"DIAG_SEARCH_LIMIT": 1})

    for number in range(1500):
        with shop.app.test_request_context(
            "/", environ_base={"REMOTE_ADDR": f"10.0.{number // 250}.{number % 250}"}
        ):
            limit_searches(state())

    searches = shop.app.extensions["diag"].searches
    assert len(searches._levels) == 1000


def test_the_limit_may_be_switched_off(filled: Engine) -> None:
    shop = make_shop(filled, config={"DIAG_SEARCH_LIMIT": None})

    assert shop.app.extensions["diag"].searches is None
    assert shop.client.get("/diag/projects/empty").status_code == 200


# the trail


def test_a_look_up_is_in_the_trail_with_who_and_whom(filled: Engine) -> None:
    shop = make_shop(filled, actor=lambda: 7)
    kept: list[Entry] = []
    shop.app.extensions["diag"].trail.append(kept.append)

    shop.client.get("/diag/projects/sampleproject", headers={"X-Request-ID": "req-42"})
    shop.client.get("/diag/projects/anna@example.org")

    found, missed = kept
    assert (found.action, found.outcome, found.who, found.by) == ("look-up", "done", "7", "authorize")
    assert (found.subject, found.key, found.reference) == ("Project", "1", "req-42")
    assert (missed.outcome, missed.key) == ("not-found", None)  # what was typed may be anything


def test_a_token_is_in_the_trail_by_its_name(filled: Engine) -> None:
    shop = make_shop(filled, tokens=STORED)
    kept: list[Entry] = []
    shop.app.extensions["diag"].trail.append(kept.append)

    shop.client.get("/diag/projects/1", headers={"Authorization": f"Bearer {SECRETS['read']}"})

    assert [(entry.who, entry.by) for entry in kept] == [("token:t-read", "token")]


def test_the_trail_is_a_line_of_the_log(filled: Engine, caplog: pytest.LogCaptureFixture) -> None:
    shop = make_shop(filled, actor=lambda: "anna\nfaked line")

    with caplog.at_level(logging.INFO, "flask_diag.trail"):
        shop.client.get("/diag/projects/empty", headers={"X-Request-ID": "req-42"})

    assert caplog.messages == [
        'look-up app=shop outcome=done who="anna?faked line" by=authorize subject=Project key=2 reference=req-42'
    ]
    assert caplog.records[0].__dict__["diag_event"] == "trail"


def test_a_refused_action_is_in_the_trail_as_a_warning(
    acting: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    acting.client.post("/diag/act")

    (record,) = [one for one in caplog.records if one.name == "flask_diag.trail"]
    assert (record.levelname, record.__dict__["diag_outcome"]) == ("WARNING", "refused")


def test_a_trail_that_breaks_breaks_no_page(shop: Shop) -> None:
    def breaks(_: Entry) -> None:
        raise OSError("disk full")

    shop.app.extensions["diag"].trail.insert(0, breaks)

    assert shop.client.get("/diag/projects/empty").status_code == 200
