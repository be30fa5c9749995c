"""A real server of Sentry's protocol: what arrives, how it groups, and that nothing private is anywhere in it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import sentry_sdk
from flask import Flask
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, create_engine, text

from _bugsink import bugsink
from _servers import NotFound, free_port
from diag._shop import Project, add_routes, fill
from diag_exporters import Exporter
from diag_exporters.prometheus import prometheus
from diag_exporters.sentry import sentry
from flask_diag import Diagnostics

pytestmark = pytest.mark.slow
EMAIL, CARD, PASSWORD = "planted@example.org", "4111-1111-1111-1111", "hunter2-planted"


@dataclass(frozen=True, slots=True)
class Received:
    """What the server holds after the story.

    Attributes:
        issues: the events of each issue, by the fingerprint that they share.
        kept: every byte that it has written.
    """

    issues: dict[tuple[str, ...], list[Any]]
    kept: bytes


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Received | NotFound:
    """Tell the story once, through the SDK as an application has it, with all that it may collect."""
    home, known = tmp_path_factory.mktemp("bugsink"), sentry_sdk.get_global_scope().client
    shop = create_engine(f"sqlite:///{tmp_path_factory.mktemp('shop')}/shop.sqlite")
    away = create_engine(f"postgresql+psycopg://app:{PASSWORD}@127.0.0.1:{free_port()}/shop")
    try:
        with bugsink(home) as server:
            _init(server.dsn)
            _tell(shop, away)
            sentry_sdk.get_client().close(timeout=60)  # sends what waits
            return Received(dict(map(_grouped, server.issues())), server.bytes())
    except NotFound as missing:
        return missing
    finally:
        sentry_sdk.get_global_scope().set_client(known)
        shop.dispose()
        away.dispose()


@pytest.fixture
def received(story: Received | NotFound, absent: Callable[[str], None]) -> Received:
    """The same for a test, which says what is missing."""
    if isinstance(story, NotFound):
        absent(str(story))
        raise story
    return story


def _init(dsn: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # SDK 2.75 has another word for send_default_pii
        sentry_sdk.init(dsn=dsn, send_default_pii=True, traces_sample_rate=1.0)


def _grouped(issue: Any) -> tuple[tuple[str, ...], list[Any]]:
    events = [event["data"] for event in issue["events"]]
    (fingerprint,) = {tuple(event["fingerprint"]) for event in events}
    return fingerprint, events


def _tell(shop: Engine, away: Engine) -> None:
    """Three outages in three places, four broken rules of three constraints, and a defect that nobody handles."""
    app = _application(shop, away)
    client = app.test_client()
    asked = [client.get(f"/away/{place}") for place in ("catalog", "orders", "billing")]
    asked += [client.delete("/projects/sampleproject"), client.post("/users"), client.post("/users")]
    asked += [client.post("/cards"), client.get("/defect")]
    assert [answer.status_code for answer in asked] == [503, 503, 503, 409, 409, 409, 422, 500]


def _application(shop: Engine, away: Engine) -> Flask:
    app = Flask("shop")
    app.config["DIAG_STORE_URL"] = None
    with shop.begin() as connection:
        connection.execute(text("CREATE TABLE users (email TEXT CONSTRAINT uq_users_email UNIQUE)"))
        connection.execute(
            text("CREATE TABLE cards (number TEXT CONSTRAINT ck_cards_number CHECK (number = ''))")
        )
        connection.execute(text("INSERT INTO users VALUES (:email)"), {"email": EMAIL})
    fill(shop)
    exporters: list[Exporter] = [prometheus(CollectorRegistry()), sentry(burst=5, business_sample_rate=1.0)]
    Diagnostics(app, {"default": shop, "away": away}, subject=Project, exporters=exporters)
    add_routes(app, shop)
    _add_failing_routes(app, shop, away)
    return app


def _add_failing_routes(app: Flask, shop: Engine, away: Engine) -> None:
    def run(engine: Engine, statement: str, **values: str) -> str:
        with engine.begin() as connection:
            connection.execute(text(statement), values)
        return "done"

    for place in ("catalog", "orders", "billing"):
        app.add_url_rule(f"/away/{place}", place, lambda: run(away, "SELECT 1"))
    app.add_url_rule(
        "/users", "users", lambda: run(shop, "INSERT INTO users VALUES (:e)", e=EMAIL), methods=["POST"]
    )
    app.add_url_rule(
        "/cards", "cards", lambda: run(shop, "INSERT INTO cards VALUES (:c)", c=CARD), methods=["POST"]
    )
    app.add_url_rule(
        "/defect", "defect", lambda: run(shop, "SELECT nothing FROM users WHERE email = :e", e=EMAIL)
    )


def test_outages_of_one_kind_are_one_issue_and_each_rule_is_its_own(received: Received) -> None:
    """The defect that nobody handled is one event, though the SDK and we both saw it."""
    counts = {fingerprint: len(events) for fingerprint, events in received.issues.items()}

    assert counts == {
        ("db", "outage", "connection_refused"): 3,
        ("db", "business_rule", "not_null_violation", "role_invitations.project_id"): 1,
        ("db", "business_rule", "unique_violation", "users.email"): 2,
        ("db", "business_rule", "check_violation", "ck_cards_number"): 1,
        ("db", "defect", "syntax_error", "defect"): 1,
    }


def test_tags_and_levels_arrive_as_said(received: Received) -> None:
    outage = received.issues["db", "outage", "connection_refused"][0]
    (refused,) = received.issues["db", "business_rule", "not_null_violation", "role_invitations.project_id"]

    assert (outage["level"], refused["level"]) == ("error", "info")
    assert len(outage["tags"].pop("diag.request_id")) == 16
    assert outage["tags"].pop("diag.outage").startswith("away-")
    assert outage["tags"] == {
        "db.category": "outage",
        "db.kind": "connection_refused",
        "db.system": "postgresql",
        "diag.bind": "away",
    }
    assert refused["tags"].items() >= {"diag.deletion_of": "Project", "diag.subject_key": "1"}.items()
    (blocker,) = refused["contexts"]["deletion"]["blockers"]
    assert (blocker["rule"], blocker["count"]) == ("role_invitations.project_id", 3)


def test_the_server_keeps_none_of_the_planted_secrets(received: Received) -> None:
    assert b"ck_cards_number" in received.kept, "what it keeps can't be read like this"
    assert not [secret for secret in (EMAIL, CARD, PASSWORD) if secret.encode() in received.kept]
