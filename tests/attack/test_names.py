"""Whatever a name holds, every place shows it as a name: it closes no tag, ends no line, forges no answer."""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest
from werkzeug.test import TestResponse

from attack._index import Index, fill, make_index
from attack._names import ENGLISH, STORED
from flask_diag._trail import Entry

if TYPE_CHECKING:
    from conftest import Database

pytestmark = pytest.mark.only("sqlite", "postgresql")
HIDDEN = frozenset("\x1b\x07\u202e\u2066\u2028")  # what changes how the rest of a page or a terminal reads
STEPS = frozenset((".", ".."))  # these have no link into the application: it would lead to another page of it
StartSentry = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def index(database: Database) -> Index:
    """The index with a package of every name."""
    engine = database.engine()
    fill(engine, [ENGLISH, *STORED.values()])
    return make_index(engine, DIAG_SEARCH_LIMIT=None, DIAG_CHECK_TIMEOUT=20.0)


class _Outline(HTMLParser):
    """The tags of a page with their attributes' names, and what links lead to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.targets: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        if tag != "bdi":  # around what is not ASCII
            self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.targets += [value or "" for name, value in attrs if name in {"href", "src", "action"}]


def page_of(index: Index, name: str) -> TestResponse:
    """Return the page of a package."""
    return index.client.get(f"/diag/packages/{quote(name, safe='')}")


def one_line(text: str) -> bool:
    """Tell whether *text* can forge nothing for who reads it in a terminal or a log."""
    return text.isprintable()


def test_a_page_has_the_tags_of_any_other_page(index: Index) -> None:
    usual = _Outline(page_of(index, ENGLISH).text)

    for what, name in STORED.items():
        page = page_of(index, name)
        outline = _Outline(page.text)
        assert page.status_code == 200, what
        if name not in STEPS:
            assert outline.tags == usual.tags, what
        assert set(outline.tags) <= set(usual.tags), what
        assert all(urlsplit(target).scheme in {"", "https", "data"} for target in outline.targets), what
        assert {urlsplit(target).netloc for target in outline.targets} <= {"", "index.example"}, what
        assert {"Set-Cookie", "Location"}.isdisjoint(page.headers.keys()), what
        assert "60481729" not in page.text, what
        assert HIDDEN.isdisjoint(page.text), what


def test_the_api_answers_with_the_very_name(index: Index) -> None:
    for what, name in STORED.items():
        asked = index.client.get(f"/diag/api/v1/packages/{quote(name, safe='')}")
        found = index.client.get("/diag/api/v1/packages", query_string={"q": name.strip()})
        assert (asked.status_code, found.status_code) == (200, 200), (what, asked.text)
        assert (asked.get_json()["key"], asked.get_json()["outcome"]) == (name, "blocked"), what
        assert name in {one["key"] for one in found.get_json()["items"]}, what
        assert asked.content_type == "application/json", what


def test_a_search_by_a_wildcard_finds_only_what_has_it(index: Index) -> None:
    found = index.client.get("/diag/api/v1/packages", query_string={"q": "%"}).get_json()["items"]

    assert {one["key"] for one in found} == {name for name in STORED.values() if name.startswith("%")}


def test_what_was_typed_leads_to_our_pages_and_nowhere_else(index: Index) -> None:
    """Also not to another page of the host: a browser takes .. and // for what they are in addresses."""
    for what, name in STORED.items():
        answer = index.client.get("/diag/find", query_string={"q": name})
        where = urlsplit(answer.headers.get("Location", "/diag/packages/x"))
        assert (where.scheme, where.netloc) == ("", ""), what
        assert where.path.startswith("/diag/packages/"), (what, where)
        assert {".", ".."}.isdisjoint(where.path.split("/")), what
        page = index.client.get("/diag/find", query_string={"q": name}, follow_redirects=True)
        assert page.status_code in {200, 404}, what


def test_an_answer_to_a_refused_deletion_shows_it_as_text(index: Index) -> None:
    usual = None
    for what, name in {"": ENGLISH, **STORED}.items():
        answer = index.client.post("/delete", data={"name": name}, headers={"Accept": "text/html"})
        outline = _Outline(answer.text)
        usual = usual or outline
        known = [tag for tag in outline.tags if tag in usual.tags]
        assert (answer.status_code, known) == (409, outline.tags), what
        assert name in STEPS or outline.tags == usual.tags, what
        plain = index.client.post("/delete", data={"name": name}).get_json()
        assert plain["key"] == name, what
        link = None if name in STEPS else f"https://index.example/manage/{quote(name, safe='')}"
        assert plain["blockers"][0].get("link") == link, what


def test_logs_metrics_trail_and_tags_hold_one_line_each(
    index: Index, caplog: pytest.LogCaptureFixture, start_sentry: StartSentry
) -> None:
    events = start_sentry()
    kept: list[Entry] = []
    index.app.extensions["diag"].trail.append(kept.append)
    index.client.post("/delete", data={"name": ENGLISH})
    index.client.post("/told", json={"name": ENGLISH})
    series = len(index.scrape.splitlines())

    with caplog.at_level(logging.INFO):
        for name in STORED.values():
            index.client.get(
                f"/diag/api/v1/packages/{quote(name, safe='')}",
                headers={"X-User": name[:20].split("\n")[0].strip("\r")},
            )
            index.client.post("/delete", data={"name": name})
            index.client.post("/told", json={"name": name})

    ours = [record.getMessage() for record in caplog.records if record.name.startswith("flask_diag")]
    assert len(ours) >= 2 * len(STORED)
    assert [text for text in ours if not one_line(text)] == []
    assert len(index.scrape.splitlines()) == series
    assert [name for name in STORED.values() if len(name) > 4 and name in index.scrape] == []
    tags = [value for event in events for value in (event.get("tags") or {}).values()]
    assert tags
    assert [tag for tag in tags if not one_line(tag) or not 1 <= len(tag) <= 200] == []
    assert len(kept) == len(STORED)


def test_the_command_line_shows_it_as_one_word_of_a_line(index: Index) -> None:
    lines = len(index.run("check", "--", ENGLISH).output.splitlines())

    for what, name in STORED.items():
        for command in (
            ["check", "--", name],
            ["check", "--", f"{name}?"],
            ["delete", "--", name],
            ["classify", "--", name],
        ):
            ended = index.run(*command)
            assert ended.exit_code in {0, 1, 2, 3}, (what, command, ended.output)
            assert [one for one in ended.output.splitlines() if not one_line(one)] == [], (what, command)
        assert len(index.run("check", "--", name).output.splitlines()) == lines, what
        assert json.loads(index.run("check", "--json", "--", name).output)["key"] == name, what
    assert [one for one in index.run("scan").output.splitlines() if not one_line(one)] == []
    assert len(json.loads(index.run("scan", "--format", "json").output)["verdicts"]) == 1 + len(STORED)


def test_no_spreadsheet_takes_a_name_for_a_formula(index: Index) -> None:
    rows = list(csv.DictReader(io.StringIO(index.run("scan", "--format", "csv").output)))

    assert len(rows) == 1 + len(STORED)
    assert [
        cell for row in rows for cell in row.values() if cell[:1] in {*"=+-@\t\r"} and not cell.isdigit()
    ] == []


def test_the_store_and_its_readers_hold_it_as_text(database: Database, tmp_path: Path) -> None:
    engine = database.engine()
    fill(engine, [ENGLISH, *STORED.values()])
    url = (
        database.url.render_as_string(hide_password=False)
        if database.server
        else f"sqlite:///{tmp_path / 'store.sqlite'}"
    )
    index = make_index(engine, DIAG_SEARCH_LIMIT=None, DIAG_STORE_URL=url, DIAG_STORE_DRAIN=0)
    store = index.app.extensions["diag"].store
    store.upgrade()

    for name in STORED.values():
        index.client.post("/told", json={"name": name})

    assert store.flush()
    kept = index.client.get("/diag/api/v1/incidents", query_string={"limit": 200}).get_json()["items"]
    assert len({one["subject_key"] for one in kept}) == len(STORED)
    assert [one for one in kept if not one_line(one["subject_key"])] == []
    output = index.run("incidents").output
    assert [line for line in output.splitlines() if not one_line(line)] == []
    assert len(output.splitlines()) == len(kept)
    store.close()


@pytest.mark.parametrize(
    "name", ["\ud800", "a\udcff\0b", "\0", "x" * 1_000_000, 10**400, [1, [2]], {"a": "b"}, None, True, 1e308]
)
@pytest.mark.only("sqlite", "postgresql")
def test_what_no_database_takes_for_a_name_breaks_no_page_and_loses_no_incident(
    database: Database, tmp_path: Path, start_sentry: StartSentry, name: Any
) -> None:
    """JSON may hold any of these; the application hands it on, and its error is counted, kept and shown."""
    engine = database.engine()
    fill(engine, [ENGLISH])
    url = (
        database.url.render_as_string(hide_password=False)
        if database.server
        else f"sqlite:///{tmp_path / 'store.sqlite'}"
    )
    index = make_index(engine, DIAG_STORE_URL=url, DIAG_STORE_DRAIN=0)
    store, events = index.app.extensions["diag"].store, start_sentry()
    store.upgrade()

    answer = index.client.post("/told", json={"name": name})

    assert (answer.status_code, len(index.met)) == (500, 1)
    assert store.flush()
    assert len(store.incidents().items) == 1
    for path in ("/diag/", "/diag/api/v1/overview", "/diag/api/v1/incidents"):
        page = index.client.get(path)
        assert (page.status_code, len(page.data) < 60_000) == (200, True), path
    assert index.run("incidents").exit_code == 0
    assert len(events) == 1
    store.close()


@pytest.mark.only("sqlite")
@pytest.mark.parametrize("letter", ["x", "<", "\u202e", "é", "%"])
def test_a_name_of_a_megabyte_makes_no_answer_of_megabytes(database: Database, letter: str) -> None:
    engine = database.engine()
    fill(engine, [ENGLISH, *(f"{number}{letter * 1_000_000}" for number in range(3))])
    index = make_index(engine, DIAG_SEARCH_LIMIT=None, DIAG_CHECK_TIMEOUT=20.0)

    answers = [
        index.client.get(path)
        for path in (
            "/diag/api/v1/packages",
            "/diag/api/v1/packages?q=1",
            "/diag/packages/nobody",
            f"/diag/packages/{quote(letter) * 1000}",
        )
    ]

    assert [one.status_code for one in answers] == [200, 200, 404, 404]
    assert [len(one.data) for one in answers if len(one.data) > 40_000] == []
