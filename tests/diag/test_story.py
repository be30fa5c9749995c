"""The whole story over HTTP: the bug of 2025, seen, explained and solved; then a real outage, told apart from it."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sentry_sdk
from flask import Flask
from prometheus_client import CollectorRegistry
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport
from sqlalchemy import func, select
from werkzeug.serving import WSGIRequestHandler, make_server

from conftest import Database as Chosen
from flask_diag.demo import create_app
from flask_diag.demo._database import Database, fill, open_database
from flask_diag.demo.models import Base, Project

SAMPLE = "/projects/sampleproject"
JSON = {"Accept": "application/json"}
PAGE = {"Accept": "text/html"}
PAGES = ("/", "/projects", SAMPLE, f"{SAMPLE}/manage", f"{SAMPLE}/delete")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class Client:
    """A program that asks over a socket, a connection for each request."""

    port: int

    def __call__(self, method: str, path: str, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read().decode())
        finally:
            connection.close()

    def counted(self) -> dict[str, float]:
        """Database errors counted so far, by category."""
        counts: dict[str, float] = {}
        scraped = self("GET", "/metrics").text
        for category, value in re.findall(
            r'^diag_db_errors_total\{category="(\w+)".*\} (\S+)$', scraped, re.MULTILINE
        ):
            counts[category] = counts.get(category, 0) + float(value)
        return counts


class Silent(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@contextmanager
def serving(app: Flask) -> Iterator[Client]:
    """Serve *app* on a real socket."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Silent)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Client(server.port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Kept(Transport):
    """Sentry's transport that sends nothing and keeps what it was given."""

    def __init__(self) -> None:
        super().__init__({"dsn": "https://public@sentry.invalid/1"})
        self.items: list[tuple[str | None, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.items += [(item.type, item.payload.json) for item in envelope.items]

    @property
    def events(self) -> list[Any]:
        return [payload for sort, payload in self.items if sort == "event"]

    @property
    def requests(self) -> list[Any]:
        """The finished requests, with the tags that were on their scope."""
        return [payload for sort, payload in self.items if sort == "transaction"]


@pytest.fixture
def sentry() -> Iterator[Kept]:
    """Sentry as an application has it, without the network."""
    transport = Kept()
    sentry_sdk.init(dsn="https://public@sentry.invalid/1", transport=transport, traces_sample_rate=1.0)
    yield transport
    sentry_sdk.get_client().close(timeout=0)
    sentry_sdk.get_global_scope().set_client(None)


@pytest.fixture(scope="module")
def indexes() -> Iterator[Callable[[str], Database]]:
    """The demo's own databases, each opened once, outside of pytest's folder.

    Each run of pytest closes that folder to the account that the server runs as under root.
    """
    with (
        TemporaryDirectory(prefix="flask-diag-demo-", ignore_cleanup_errors=True) as folder,
        ExitStack() as opened,
    ):

        @cache
        def index(name: str) -> Database:
            found = open_database(name, Path(folder))
            opened.callback(found.engine.dispose)
            return found

        yield index


@pytest.fixture
def index(database: Chosen, indexes: Callable[[str], Database]) -> Iterator[Database]:
    """The demo's own database of that sort, with the demo's data: its switch stops the server for real."""
    found = indexes(database.name)
    fill(found.engine)
    yield found
    found.bring_back()


def rows(index: Database) -> dict[str, int]:
    """How many rows each table holds."""
    with index.engine.connect() as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


@pytest.mark.only("sqlite", "postgresql")
def test_the_bug_of_2025_is_seen_explained_and_solved(index: Database, sentry: Kept) -> None:
    full = rows(index)

    # off: the world before
    with serving(create_app(diag=False, database=index)) as client:
        answer = client("DELETE", SAMPLE)
        assert answer.status == 503
        assert "down for maintenance or is having an outage" in answer.text
    sentry.items.clear()

    with serving(
        create_app(diag=True, clean_up=False, database=index, registry=CollectorRegistry())
    ) as client:
        # on: a business rule, with what to do
        counted = client.counted()
        answer = client("DELETE", SAMPLE)
        assert_refused(answer)
        assert client.counted() == {**counted, "business_rule": counted["business_rule"] + 1}
        assert sentry.events == []
        tags = next(each["tags"] for each in sentry.requests if each["request"]["method"] == "DELETE")
        assert (tags["db.category"], tags["db.kind"]) == ("business_rule", "not_null_violation")
        assert rows(index) == full

        # revoked: it goes, with all that is its own
        for invitation in client("GET", SAMPLE, **JSON).json()["invitations"]:
            assert client("POST", invitation["revoke"]).status == 204
        assert client("DELETE", SAMPLE).status == 204
        left = rows(index)
        assert (left["projects"], left["role_invitations"]) == (
            full["projects"] - 1,
            full["role_invitations"] - 3,
        )
        assert left["releases"] < full["releases"]
        assert left["users"] == full["users"]
        assert client("GET", SAMPLE).status == 404

        # an outage: a real one
        neighbour = next(iter(client("GET", "/projects", **JSON).json()["projects"]))
        counted = client.counted()
        assert client("POST", "/demo/outage").json() == {"database": "away"}
        answer = client("GET", "/projects/Top_Secret")
        assert (answer.status, answer.json()["category"]) == (503, "outage")
        assert int(answer.headers["Retry-After"]) > 0
        assert client.counted() == {**counted, "outage": counted["outage"] + 1}
        assert_told_once(sentry)
        for path in (*PAGES, f"/projects/{neighbour}"):
            assert client("GET", path, **PAGE).status == 503, path
        for path in ("/diag/", f"/diag/projects/{neighbour}", "/metrics"):
            assert client("GET", path, **PAGE).status == 200, path
        assert "diag_outage_active 1.0" in client("GET", "/metrics").text
        grouped = [event["fingerprint"] for event in sentry.events]
        assert (
            len(grouped) == len({tuple(each) for each in grouped}) <= 2
        )  # the cut connection; then, those refused

        # back: without a restart
        counted = client.counted()
        assert client("POST", "/demo/outage").json() == {"database": "there"}
        assert client("GET", f"/projects/{neighbour}").status == 200
        assert "diag_outage_active 0.0" in client("GET", "/metrics").text
        assert client.counted() == counted
        assert rows(index) == left


def assert_refused(answer: Answer) -> None:
    """The answer is a problem (RFC 9457) that says what to do, and nothing of the database's insides."""
    assert answer.status == 409
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["category"] == "business_rule"
    assert problem["hints"] == ["revoke 3 pending invitations"]
    [blocker] = problem["blockers"]
    assert (blocker["count"], blocker["hint"]) == (3, "revoke 3 pending invitations")
    assert blocker["link"].endswith(f"{SAMPLE}/manage#invitations")
    assert "UPDATE" not in answer.text
    assert "project_id" not in answer.text


def assert_told_once(sentry: Kept) -> None:
    """One event of the outage, with tags and fingerprint and without the value that the request looked for."""
    [event] = sentry.events
    assert event["tags"]["db.category"] == "outage"
    assert event["fingerprint"][:2] == ["db", "outage"]
    assert "top-secret" not in json.dumps(event)


@pytest.mark.only("sqlite", "postgresql")
def test_a_person_sees_the_same_and_finds_the_way_out_by_links(index: Database) -> None:
    with serving(create_app(diag=True, clean_up=False, database=index)) as client:
        page = client("POST", f"{SAMPLE}/delete", **PAGE)

        assert page.status == 409
        assert page.headers["Content-Type"].startswith("text/html")
        assert "evoke 3 pending invitations" in page.text
        assert f'href="{SAMPLE}/manage#invitations"' in page.text
        assert 'id="invitations"' in client("GET", f"{SAMPLE}/manage", **PAGE).text


@pytest.mark.only("sqlite", "postgresql")
def test_the_safe_delete_removes_invitations_and_says_so(index: Database) -> None:
    full = rows(index)
    with serving(create_app(diag=True, clean_up=False, database=index)) as client:
        answer = client("DELETE", f"{SAMPLE}?clean_up=1")

        assert answer.status == 200
        assert answer.json()["removed"] == [
            {"table": "role_invitations", "count": 3, "what": "3 invitations"}
        ]
        assert {"table": "projects", "count": 1, "what": "1 project"} in answer.json()["with_it"]
        assert client("GET", SAMPLE).status == 404
    assert rows(index)["role_invitations"] == full["role_invitations"] - 3


@pytest.mark.only("sqlite", "postgresql")
def test_a_person_has_the_invitations_removed_by_a_box_on_the_form(index: Database) -> None:
    client = create_app(diag=True, clean_up=False, database=index).test_client()
    box = re.search('name="(clean_up)" value="(1)"', client.get(f"{SAMPLE}/delete", headers=PAGE).text)
    assert box

    page = client.post(f"{SAMPLE}/delete", data={box[1]: box[2]}, headers=PAGE, follow_redirects=True)

    assert "sampleproject is deleted; removed first: 3 invitations." in page.text


@pytest.mark.only("sqlite", "postgresql")
def test_the_safe_delete_stops_where_a_person_must_decide(index: Database) -> None:
    """Reports about releases are not closed by themselves, and the invitations of the same project stay too."""
    name = reported_and_invited(index)
    full = rows(index)
    with serving(create_app(diag=True, clean_up=True, database=index)) as client:
        answer = client("DELETE", f"/projects/{name}")

        assert answer.status == 409
        assert any(
            re.fullmatch(r"close \d reports? about its releases", hint) for hint in answer.json()["hints"]
        )
    assert rows(index) == full


def reported_and_invited(index: Database) -> str:
    """The name of a project with pending invitations and with reports about its releases."""
    tables = Base.metadata.tables
    invited = select(tables["role_invitations"].c.project_id)
    releases = select(tables["release_observations"].c.related_id)
    reported = select(tables["releases"].c.project_id).where(tables["releases"].c.id.in_(releases))
    with index.engine.connect() as connection:
        return connection.scalars(
            select(Project.normalized_name)
            .where(Project.id.in_(invited), Project.id.in_(reported))
            .order_by(Project.normalized_name)
        ).first() or pytest.fail("the seed has no such project")
