"""Sentry's own Flask and SQLAlchemy integrations beside ours: one event, no tags left, nothing private."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sentry_sdk
from flask import Flask
from prometheus_client import CollectorRegistry
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport
from sqlalchemy import text

from diag._shop import Project, add_routes, fill
from diag_exporters import Exporter
from diag_exporters.log import log
from diag_exporters.prometheus import prometheus
from diag_exporters.sentry import sentry
from exporters._samples import outage
from flask_diag import Diagnostics

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from conftest import Database

pytestmark = pytest.mark.only("sqlite", "postgresql")


class Kept(Transport):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__({"dsn": "https://key@sentry.invalid/1"})
        self.events: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        """Keep the events of *envelope*."""
        self.events += [item.payload.json for item in envelope.items if item.type == "event"]  # type: ignore[misc] # an event's payload is JSON


@pytest.fixture
def events() -> Iterator[list[dict[str, Any]]]:
    """What the SDK, with all its integrations on, would send."""
    known, kept = sentry_sdk.get_global_scope().client, Kept()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        sentry_sdk.init(dsn="https://key@sentry.invalid/1", transport=kept, send_default_pii=True)
    yield kept.events
    sentry_sdk.get_global_scope().set_client(known)


def make_app(engine: Engine) -> Flask:
    """Return an application with every exporter, made after the SDK was initialised."""
    app = Flask("shop")
    add_routes(app, engine)
    exporters: list[Exporter] = [prometheus(CollectorRegistry()), sentry(), log()]
    Diagnostics(app, engine, subject=Project, exporters=exporters, authorize=lambda _: True)

    @app.get("/hello")
    def hello() -> str:
        sentry_sdk.capture_message("hello")
        return ""

    @app.get("/after/<name>")
    def after(name: str) -> str:
        """Break a rule, handle it, and go on."""
        try:
            with engine.begin() as connection:
                connection.execute(
                    text("INSERT INTO invoices (id, project_id) VALUES (9, :secret)"), {"secret": 424242}
                )
        except Exception:  # noqa: BLE001 as applications do
            sentry_sdk.capture_message("rolled back")
        return name

    return app


def tags(event: dict[str, Any]) -> dict[str, str]:
    """Return our tags of *event*."""
    return {key: value for key, value in event.get("tags", {}).items() if key.startswith(("db.", "diag."))}


def test_a_broken_rule_makes_no_event_but_tags_its_request(
    filled: Engine, events: list[dict[str, Any]]
) -> None:
    client = make_app(filled).test_client()

    assert client.delete("/projects/sampleproject").status_code == 409
    assert events == []
    client.get("/after/x")
    client.get("/hello")

    assert [event["message"] for event in events] == ["rolled back", "hello"]
    assert tags(events[0])["db.kind"] == "foreign_key_violation"
    assert tags(events[1]) == {}
    assert "424242" not in json.dumps(events)


@pytest.mark.only("sqlite")
def test_an_outage_is_one_event_though_it_was_answered(
    database: Database, events: list[dict[str, Any]]
) -> None:
    engine = database.engine()
    fill(engine)
    client = make_app(engine).test_client()
    engine.dispose()
    file = Path(str(database.url.database))
    file.rename(file.with_suffix(".away"))
    file.mkdir()

    answers = [client.delete("/projects/sampleproject").status_code for _ in range(3)]

    assert answers == [503, 503, 503]
    (event,) = events
    assert event["fingerprint"] == ["db", "outage", "cannot_open_database"]
    assert tags(event)["db.category"] == "outage"
    assert event["transaction"] == "delete_project"
    assert event["exception"]["values"][-1]["stacktrace"]["frames"][-1]["module"].startswith("sqlalchemy")


def test_a_defect_is_one_event_though_flask_signals_it_too(
    filled: Engine, events: list[dict[str, Any]]
) -> None:
    """Ours comes first; the SDK's own of the same error, and the one of Flask's log line, are dropped."""
    client = make_app(filled).test_client()

    answer = client.post("/run", data={"sql": "SELECT hunter2planted FROM nowhere"})

    assert answer.status_code == 500
    (event,) = events
    assert tags(event)["db.kind"] == "undefined_table"
    assert event["fingerprint"] == ["db", "defect", "undefined_table", "run"]


def test_a_sampled_refusal_says_what_blocks_and_the_bucket_is_counted(
    events: list[dict[str, Any]], database: Database
) -> None:
    engine, registry, app = database.engine(), CollectorRegistry(), Flask("shop")
    fill(engine)
    add_routes(app, engine)
    exporters: list[Exporter] = [prometheus(registry), sentry(business_sample_rate=1.0)]
    Diagnostics(app, engine, subject=Project, exporters=exporters)
    client = app.test_client()

    client.delete("/projects/sampleproject")
    for _ in range(3):
        exporters[1](outage())

    refused = events[0]["contexts"]["deletion"]
    assert [(one["rule"], one["count"]) for one in refused["blockers"]] == [
        ("role_invitations.project_id", 3)
    ]
    assert len(events) == 2
    assert registry.get_sample_value("diag_sentry_held_back_total", {"category": "outage"}) == 2
