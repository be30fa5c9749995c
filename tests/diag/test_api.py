"""The JSON API: the answers of the pages, for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, insert

from diag._shop import Project, Shop, body, make_shop
from flask_diag._api._schema import Schemas

if TYPE_CHECKING:
    from conftest import Database

pytestmark = pytest.mark.only("sqlite")
API = "/diag/api/v1"


@pytest.fixture
def asked(shop: Shop) -> Any:
    """Ask the API."""
    return lambda path, **query: shop.client.get(API + path, query_string=query)


@pytest.mark.only("sqlite", "postgresql")
def test_verdicts_are_those_of_the_command_line(shop: Shop, asked: Any) -> None:
    told = json.loads(shop.run("check", "sampleproject", "--json").output)

    assert body(asked("/projects/sampleproject")) == told
    assert body(asked("/projects/1"))["label"] == "sampleproject"


@pytest.mark.parametrize("how", ["orm", "sql"])
def test_one_way_of_deleting_may_be_asked_for(asked: Any, how: str) -> None:
    assert [one["how"] for one in body(asked("/projects/1", how=how))["verdicts"]] == [how]


def test_a_plain_table_has_one_way(filled: Engine) -> None:
    client = make_shop(filled, subject=Project.__table__).client

    assert [one["how"] for one in body(client.get(f"{API}/projects/1"))["verdicts"]] == ["sql"]
    assert client.get(f"{API}/projects/1?how=orm").status_code == 404


def test_hints_speak_chinese(asked: Any) -> None:
    blocked = body(asked("/projects/sampleproject", lang="zh"))["verdicts"][0]

    assert "请" in blocked["blockers"][0]["hint"]


def test_an_unknown_project_is_a_problem_with_the_nearest(asked: Any) -> None:
    answer = asked("/projects/sampelproject")

    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
    assert body(answer)["near"] == ["sampleproject"]
    assert body(answer)["type"] == "urn:flask-diag:problem:unknown-subject"
    assert answer.headers["X-Request-ID"] == body(answer)["reference"]


@pytest.mark.only("sqlite", "postgresql", "mariadb")
def test_a_search_is_forgiving_and_suggests(asked: Any) -> None:
    assert body(asked("/projects", q="SAMPLE"))["items"] == [{"key": "1", "label": "sampleproject"}]
    assert body(asked("/projects", q="3"))["items"] == [{"key": "3", "label": "billed"}]
    assert body(asked("/projects", q="empyt")) == {"items": [], "suggestions": ["empty"], "next": None}
    assert body(asked("/projects", q="%"))["items"] == []


def test_a_key_comes_before_the_names_that_start_with_it(filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(insert(Project), [{"id": 50 + n, "name": f"3d-{n}"} for n in range(4)])
    client = make_shop(filled).client

    found = body(client.get(f"{API}/projects?q=3&limit=2"))

    assert [one["label"] for one in found["items"]] == ["billed", "3d-0", "3d-1"]
    assert [one["label"] for one in follow(client, f"{API}/projects?q=3&limit=2")] == [
        "billed", *(f"3d-{n}" for n in range(4))
    ]  # fmt: skip


def follow(client: Any, path: str) -> Iterator[Any]:
    """Yield the items of every page."""
    after = None
    while True:
        answer = client.get(path, query_string=None) if after is None else client.get(f"{path}&after={after}")
        yield from body(answer)["items"]
        after = body(answer)["next"]
        if after is None:
            return


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 200])
@pytest.mark.only("sqlite", "postgresql", "mariadb")
def test_pages_hold_every_project_once_in_order(filled: Engine, limit: int) -> None:
    with filled.begin() as connection:
        connection.execute(insert(Project), [{"id": 50 + n, "name": f"p{n:02d}"} for n in range(12)])

    found = [one["label"] for one in follow(make_shop(filled).client, f"{API}/projects?limit={limit}")]

    assert found == ["badged", "billed", "empty", *(f"p{n:02d}" for n in range(12)), "sampleproject"]


@pytest.mark.parametrize("after", ["", "x", "W10", "WzEsMl0", "WyJhIiwieCJd", "é", "-1", "99999", "1" * 300])
@pytest.mark.parametrize("path", ["/projects", "/findings"])
def test_a_page_that_is_none_is_a_problem(asked: Any, path: str, after: str) -> None:
    assert asked(path, after=after).status_code == 404


def test_findings_are_those_of_the_audit_page_by_page(shop: Shop) -> None:
    told = json.loads(shop.run("audit", "--format", "json").output)
    rows = told["findings"] if isinstance(told, dict) else told

    found = list(follow(shop.client, f"{API}/findings?limit=2"))

    assert [one["where"] for one in found] == [one["where"] for one in rows]
    assert {one["severity"] for one in follow(shop.client, f"{API}/findings?severity=error")} == {"error"}


def test_a_code_or_a_line_is_classified(asked: Any) -> None:
    line = "ERROR: deadlock detected (SQLSTATE 40P01)"

    assert body(asked("/classification", text=line, dialect="postgresql"))["kind"] == "deadlock_detected"
    assert body(asked("/classification", text="23503"))["category"] == "business_rule"
    assert asked("/classification", text="it does not work").status_code == 404


def test_the_overview_says_what_was_met_and_never_a_value(shop: Shop, asked: Any) -> None:
    shop.client.post("/run", data={"sql": "INSERT INTO invoices (id, project_id) VALUES (9, 424242)"})
    shop.client.delete("/projects/sampleproject", headers={"X-Request-ID": "ref-for-support"})

    answer = asked("/overview")

    told = body(answer)
    assert (told["down"], told["outage"], told["errors"]["business_rule"]) == (False, False, 2)
    assert (told["recent"][0]["reference"], told["recent"][0]["deletion_of"]) == (
        "ref-for-support",
        "Project",
    )
    assert "424242" not in answer.text


@pytest.mark.parametrize(
    ("path", "query", "words"),
    [
        ("/projects", {"limit": "0"}, "limit is '0': give a whole number from 1 to 200"),
        ("/projects", {"limit": "²"}, "limit is '²'"),
        ("/projects", {"limit": "9" * 5000}, "limit is '999"),
        ("/projects", {"q": "x" * 201}, "give 1 to 200 characters"),
        ("/projects", {"nmae": "x"}, "no parameter 'nmae': there are q, limit, after"),
        ("/projects", {"q": ["a", "b"]}, "given 2 times"),
        ("/projects/1", {"how": "magic"}, "how is 'magic': give one of orm, sql, both"),
        ("/classification", {}, "text is missing"),
        ("/classification", {"text": "x", "dialect": "dbase"}, "give one of postgresql"),
        ("/overview", {"x": "1"}, "there are none"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_would_be_right(
    asked: Any, path: str, query: dict[str, Any], words: str
) -> None:
    answer = asked(path, **query)

    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
    assert words in body(answer)["detail"]


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/projects/", "/projects//x", "/projects/a%0Ab", "/projects/a/b"]
)
def test_whatever_the_path_the_answer_is_json(asked: Any, path: str) -> None:
    answer = asked(path)

    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_it_only_reads(shop: Shop, method: str) -> None:
    answer = shop.client.open(f"{API}/overview", method=method)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_what_has_not_changed_is_not_sent_again(asked: Any, shop: Shop) -> None:
    first = asked("/projects/sampleproject")
    again = shop.client.get(f"{API}/projects/sampleproject", headers={"If-None-Match": first.headers["ETag"]})
    other = shop.client.get(f"{API}/projects/empty", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.data, other.status_code) == (304, b"", 200)
    assert first.headers["Cache-Control"] == "no-store"


@pytest.mark.only("sqlite")
def test_it_is_up_while_the_database_is_away(shop: Shop, database: Database, asked: Any) -> None:
    from pathlib import Path

    file = Path(str(database.url.database))
    shop.engine.dispose()
    file.rename(file.with_suffix(".away"))
    file.mkdir()
    try:
        overview, verdicts, search = asked("/overview"), asked("/projects/1"), asked("/projects")
    finally:
        file.rmdir()
        file.with_suffix(".away").rename(file)

    assert (body(overview)["down"], body(overview)["databases"][0]["answers"]) == (True, False)
    for answer in (verdicts, search):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
        assert "outage, cannot_open_database" in body(answer)["detail"]


def test_without_a_subject_there_is_what_needs_none(filled: Engine) -> None:
    client = make_shop(filled, subject=None).client

    assert set(body(client.get(f"{API}/openapi.json"))["paths"]) == {
        "/overview",
        "/classification",
        "/settings",
    }
    assert client.get(f"{API}/projects").status_code == 404


def test_the_document_names_where_it_is_and_how_to_enter(filled: Engine) -> None:
    shop = make_shop(filled, config={"DIAG_URL_PREFIX": "/ops"}, authorize=lambda _: True)

    told = body(shop.client.get("/ops/api/v1/openapi.json", environ_overrides={"SCRIPT_NAME": "/shop"}))

    assert told["openapi"] == "3.1.0"
    assert told["servers"] == [{"url": "/shop/ops/api/v1"}]
    assert told["security"] == [{}]
    assert told["components"]["schemas"]["Blocker"]["properties"]["count"]["description"].startswith(
        "rows that block"
    )


def test_a_type_without_a_schema_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"complex.*has no JSON Schema"):
        Schemas().of(complex)


def test_each_look_up_is_in_the_trail(shop: Shop, asked: Any) -> None:
    kept: list[Any] = []
    shop.app.extensions["diag"].trail.append(kept.append)

    asked("/projects/sampleproject")
    asked("/projects", q="sample")

    assert [(entry.action, entry.key) for entry in kept] == [("look-up", "1"), ("search", None)]


def test_a_failure_of_our_own_is_a_problem_too_and_tells_no_secret(
    filled: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise KeyError("hunter2")

    monkeypatch.setattr("flask_diag._api._operations.findings", breaks)
    shop = make_shop(filled)
    shop.app.register_error_handler(500, lambda _: ("the application's own page", 500))

    answer = shop.client.get(f"{API}/findings")

    assert (answer.status_code, answer.content_type) == (500, "application/problem+json")
    assert body(answer)["reference"]
    assert "hunter2" not in answer.text
