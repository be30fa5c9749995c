"""The JSON API on what the incident store keeps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine

from diag._shop import Project, Shop, body, make_shop
from diag._stored import keep_a_scan, store_of
from diag_exporters import Incident, Recovery
from diag_rules.errors import Category, Classification, Kind

if TYPE_CHECKING:
    from conftest import Database

pytestmark = pytest.mark.only("sqlite")
API = "/diag/api/v1"
OUT = Classification(
    category=Category.OUTAGE, kind=Kind.ADMIN_SHUTDOWN, sqlstate="57P01", dialect="postgresql"
)


@pytest.fixture
def kept(filled: Engine, tmp_path: Path) -> Iterator[Shop]:
    """The shop with a store, in which a deletion failed and an outage came and went."""
    shop = make_shop(filled, config={"DIAG_STORE_URL": f"sqlite:///{tmp_path / 'store.sqlite'}"})
    store = store_of(shop)
    store.upgrade()
    shop.client.delete("/projects/sampleproject", headers={"X-Request-ID": "ref-for-support"})
    shop.client.post("/run", data={"sql": "INSERT INTO invoices (id, project_id) VALUES (9, 424242)"})
    now = datetime.now(UTC)
    store.intake(Incident(classification=OUT, at=now - timedelta(hours=2), app="shop", request_id="ref-out"))
    store.intake.recovered(
        Recovery(at=now - timedelta(hours=1), app="shop", bind="default", since=now - timedelta(hours=2))
    )
    assert store.flush(10)
    yield shop
    store.close()


@pytest.fixture
def asked(kept: Shop) -> Any:
    """Ask the API."""
    return lambda path, **query: kept.client.get(API + path, query_string=query)


def test_an_incident_is_found_by_the_reference_that_its_user_read(asked: Any) -> None:
    (found,) = body(asked("/incidents", reference="ref-for-support"))["items"]

    assert (found["subject"], found["kind"], found["deletion_of"]) == (
        "Project",
        "not_null_violation",
        "Project",
    )
    assert found["request_id"] == "ref-for-support"
    assert body(asked("/incidents", reference="ref-of-nobody"))["items"] == []


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 3),
        ({"category": "outage"}, 1),
        ({"category": "business_rule"}, 2),
        ({"kind": "not_null_violation"}, 1),
        ({"endpoint": "run"}, 1),
        ({"bind": "default"}, 3),
        ({"subject": "sampleproject"}, 1),
        ({"subject": "billed"}, 0),
        ({"since": "2999-01-01T00:00:00Z"}, 0),
        ({"until": "2020-01-01T00:00:00+08:00"}, 0),
    ],
)
def test_incidents_are_filtered(asked: Any, filters: dict[str, str], count: int) -> None:
    assert len(body(asked("/incidents", **filters))["items"]) == count


def test_incidents_come_page_by_page(asked: Any) -> None:
    ids, after = [], None
    while True:
        page = body(asked("/incidents", limit=1, **({} if after is None else {"after": after})))
        ids += [one["id"] for one in page["items"]]
        after = page["next"]
        if after is None:
            break

    assert ids == [one["id"] for one in body(asked("/incidents"))["items"]]
    assert len(set(ids)) == 3


def test_an_outage_has_its_beginning_and_its_end(asked: Any) -> None:
    (outage,) = body(asked("/outages"))["items"]

    assert (outage["bind"], outage["kinds"], outage["assumed"]) == ("default", ["admin_shutdown"], False)
    assert outage["started"] < outage["ended"]
    assert body(asked("/outages", until="2020-01-01T00:00:00Z"))["items"] == []


@pytest.mark.parametrize("named", ["sampleproject", "1", "SampleProject"])
def test_a_projects_history_is_found_by_its_name_and_its_key(asked: Any, named: str) -> None:
    told = body(asked(f"/history/{named}"))

    assert [one["request_id"] for one in told["incidents"]] == ["ref-for-support"]
    assert told["outages"] == []


def test_a_project_that_met_nothing_has_an_empty_history(asked: Any) -> None:
    for named in ("empty", "nobody-knows"):
        assert (asked(f"/history/{named}").status_code, body(asked(f"/history/{named}"))["incidents"]) == (
            200,
            [],
        )


def test_a_history_is_there_while_the_database_is_away(kept: Shop, database: Database, asked: Any) -> None:
    file = Path(str(database.url.database))
    kept.engine.dispose()
    file.rename(file.with_suffix(".away"))
    file.mkdir()
    try:
        told = asked("/history/1")
    finally:
        file.rmdir()
        file.with_suffix(".away").rename(file)

    assert (told.status_code, len(body(told)["incidents"])) == (200, 1)


def test_no_scan_is_a_problem_that_says_what_to_do(asked: Any) -> None:
    answer = asked("/blocked")

    assert (answer.status_code, "flask diag scan" in body(answer)["detail"]) == (404, True)


def test_the_blocked_projects_of_the_last_scan(kept: Shop, asked: Any) -> None:
    keep_a_scan(kept)

    told = body(asked("/blocked"))

    assert (told["scan"]["subjects"], told["scan"]["blocked"], told["scan"]["uncertain"]) == (4, 2, 1)
    assert [(one["key"], one["rows"]) for one in told["items"]] == [("1", 3), ("3", 2), ("4", 10)]
    assert told["items"][0]["blockers"] == [{"table": "role_invitations", "count": 3}]
    assert [one["key"] for one in body(asked("/blocked", order="rows"))["items"]] == ["4", "1", "3"]
    assert [one["key"] for one in body(asked("/blocked", rule="invoices", order="rows"))["items"]] == [
        "4",
        "3",
    ]
    assert asked("/blocked", how="sql").status_code == 404


def test_blocked_projects_come_page_by_page(kept: Shop, asked: Any) -> None:
    keep_a_scan(kept)

    first = body(asked("/blocked", limit=2))
    second = body(asked("/blocked", limit=2, after=first["next"]))

    assert [one["key"] for one in (*first["items"], *second["items"])] == ["1", "3", "4"]
    assert second["next"] is None


@pytest.mark.parametrize("after", ["x", "9" * 40 + "-00", "-", "1-zz", "\u0661:x", "9" * 40 + ":1"])
@pytest.mark.parametrize("path", ["/incidents", "/blocked"])
def test_a_page_that_is_none_is_no_failure(kept: Shop, asked: Any, path: str, after: str) -> None:
    keep_a_scan(kept)

    assert asked(path, after=after).status_code in {200, 404}


def test_a_store_that_can_not_be_asked_is_a_problem(filled: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no database")
    client = make_shop(filled, config={"DIAG_STORE_URL": f"sqlite:///{tmp_path / 'file'}"}).client

    for path in ("/incidents", "/outages", "/history/1", "/blocked"):
        answer = client.get(API + path)
        assert (answer.status_code, answer.content_type) == (503, "application/problem+json"), path
        assert answer.headers["Retry-After"] == "30"


def test_without_a_store_there_are_no_such_paths(filled: Engine) -> None:
    client = make_shop(filled, config={"DIAG_STORE_URL": None}).client

    assert client.get(f"{API}/incidents").status_code == 404
    assert "/incidents" not in body(client.get(f"{API}/openapi.json"))["paths"]


def test_a_plain_table_has_one_way_of_being_blocked(filled: Engine, tmp_path: Path) -> None:
    config = {"DIAG_STORE_URL": f"sqlite:///{tmp_path / 'store.sqlite'}"}
    client = make_shop(filled, subject=Project.__table__, config=config).client

    assert client.get(f"{API}/blocked?how=orm").status_code == 400


def test_the_timeline_has_the_errors_and_the_outage(asked: Any) -> None:
    day, week = (body(asked("/timeline", span=span)) for span in ("day", "week"))

    for found in (day, week):
        assert sum(slot["counts"]["outage"] for slot in found["slots"]) == 1
        assert sum(slot["counts"]["business_rule"] for slot in found["slots"]) == 2
        assert [one["kinds"] for one in found["outages"]] == [["admin_shutdown"]]
    assert (len(day["slots"]), len(week["slots"])) == (48, 56)


def test_what_changed_is_told(asked: Any) -> None:
    found = body(asked("/changes"))

    assert {one["category"]: one["count"] for one in found["categories"]}["business_rule"] == 2
    assert all(one["new"] for one in found["kinds"])
    assert found["problem"] is None
