"""The pages and the metrics: closed by default, useful when open, up while the database is down."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from flask import Response
from sqlalchemy import Engine

from diag._shop import Shop, make_shop

if TYPE_CHECKING:
    from conftest import Database

pytestmark = pytest.mark.only(
    "sqlite"
)  # but where it is said below: what differs by database is tested under the pages
PAGES = ("/diag/", "/diag/audit", "/diag/find?q=x", "/diag/projects/sampleproject", "/diag/projects/none")


@pytest.mark.parametrize("path", [*PAGES, "/metrics"])
def test_everything_is_closed_until_the_application_opens_it(filled: Engine, path: str) -> None:
    assert make_shop(filled, authorize=None).client.get(path).status_code == 404


@pytest.mark.parametrize("answer", [False, None, 1, "yes"])
def test_only_true_lets_in(filled: Engine, answer: Any) -> None:
    shop = make_shop(filled, authorize=lambda _: answer)

    assert {shop.client.get(path).status_code for path in (*PAGES, "/metrics")} == {403}


def test_a_lock_that_breaks_stays_shut(filled: Engine) -> None:
    shop = make_shop(filled, authorize=lambda _: 1 / 0)

    assert shop.client.get("/diag/").status_code == 403


def test_each_permission_opens_its_own(filled: Engine) -> None:
    shop = make_shop(filled, authorize=lambda permission: permission == "metrics")

    assert shop.client.get("/metrics").status_code == 200
    assert {shop.client.get(path).status_code for path in PAGES} == {403}


def test_the_application_may_send_visitors_to_its_login(filled: Engine) -> None:
    shop = make_shop(filled, authorize=lambda _: Response("log in", 302, {"Location": "/login"}))

    assert shop.client.get("/diag/").location == "/login"
    assert shop.client.get("/metrics").location == "/login"


@pytest.mark.parametrize("path", PAGES)
def test_no_page_asks_another_host_or_runs_a_foreign_script_or_is_kept(shop: Shop, path: str) -> None:
    page = shop.client.get(path)

    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script>|<style|style=|https?://(?!localhost)|<[^>]* on[a-z]+=", page.text)


@pytest.mark.only("sqlite", "postgresql")
def test_the_page_of_a_blocked_project(shop: Shop) -> None:
    text = shop.client.get("/diag/projects/sampleproject").text

    assert "sampleproject cannot be deleted yet: delete 3 rows of role_invitations first." in text
    assert "By plain SQL it could be deleted." in text
    assert "role_invitations (project_id)" in text
    assert "Project.invitations" in text
    assert "delete 3 rows of role_invitations first<" in text
    assert "<strong>For developers:</strong> set passive_deletes=True on Project.invitations" in text


def test_a_key_without_action_is_no_fault_of_the_models(shop: Shop) -> None:
    text = shop.client.get("/diag/projects/billed").text

    assert "delete or reassign 2 rows of invoices" in text
    assert "For developers" not in text


def test_the_page_of_a_project_that_nothing_blocks(shop: Shop) -> None:
    text = shop.client.get("/diag/projects/empty").text

    assert "<strong>empty can be deleted.</strong>" in text
    assert "By plain SQL it is the same." in text


@pytest.mark.parametrize("spelled", ["1", "sampleproject", "SampleProject", " sampleproject "])
@pytest.mark.only("sqlite", "postgresql")
def test_a_project_is_found_by_name_and_key(shop: Shop, spelled: str) -> None:
    page = shop.client.get("/diag/find", query_string={"q": spelled}, follow_redirects=True)

    assert page.status_code == 200
    assert "<h1>sampleproject" in page.text


@pytest.mark.only("sqlite", "postgresql")
def test_an_unknown_project_is_404_with_the_nearest(shop: Shop) -> None:
    page = shop.client.get("/diag/projects/sampelproject")

    assert page.status_code == 404
    assert 'href="/diag/projects/sampleproject"' in page.text


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "a/b", "é%00x", "x" * 3000, "99999999999999999999", "%25", "_", "'; --"],
)
@pytest.mark.only("sqlite", "postgresql")
def test_an_odd_name_is_only_unknown(shop: Shop, name: str) -> None:
    page = shop.client.get(f"/diag/projects/{name}")

    assert page.status_code == 404
    assert "<script>" not in page.text


@pytest.mark.only("sqlite", "postgresql")
def test_the_overview_shows_what_was_met_and_never_a_value(shop: Shop) -> None:
    shop.client.post("/run", data={"sql": "INSERT INTO invoices (id, project_id) VALUES (9, 424242)"})
    shop.client.delete("/projects/sampleproject", headers={"X-Request-ID": "ref-for-support"})

    text = shop.client.get("/diag/").text

    assert "The database answers" in text
    assert "ref-for-support" in text
    assert "while deleting a Project" in text
    assert "424242" not in text


def test_the_audit_page_names_the_mapping_and_the_fix(shop: Shop) -> None:
    text = shop.client.get("/diag/audit").text

    assert "Project.invitations" in text
    assert "passive_deletes=True" in text
    assert re.search(r"_shop\.py:\d+", text)


def test_without_a_subject_the_overview_is_there(filled: Engine) -> None:
    shop = make_shop(filled, subject=None)

    assert shop.client.get("/diag/").status_code == 200
    assert shop.client.get("/diag/audit").status_code == 404


@pytest.mark.only("sqlite")
def test_the_pages_are_up_while_the_database_is_away(shop: Shop, database: Database) -> None:
    from pathlib import Path

    file = Path(str(database.url.database))
    shop.engine.dispose()
    file.rename(file.with_suffix(".away"))
    file.mkdir()
    try:
        answers = {
            path: shop.client.get(path) for path in ("/diag/", "/diag/audit", "/diag/projects/x", "/metrics")
        }
        refused = shop.client.delete("/projects/sampleproject")
    finally:
        file.rmdir()
        file.with_suffix(".away").rename(file)

    assert {answer.status_code for answer in answers.values()} == {200}
    assert "The database is down" in answers["/diag/"].text
    assert "The database is down" in answers["/diag/projects/x"].text
    assert refused.status_code == 503
    assert len(shop.met) == 1  # the pages' own questions are not the application's errors
    assert shop.client.delete("/projects/empty").status_code == 204


def test_metrics_speak_both_formats(shop: Shop) -> None:
    plain = shop.client.get("/metrics")
    modern = shop.client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert 'diag_db_errors_total{category="outage",kind="disk_full"} 0.0' in plain.text
    assert modern.content_type.startswith("application/openmetrics-text")
    assert modern.text.endswith("# EOF\n")


def test_paths_can_be_moved_and_removed(filled: Engine) -> None:
    moved = make_shop(
        filled, config={"DIAG_URL_PREFIX": "/ops/db", "DIAG_METRICS_PATH": "/ops/metrics"}
    ).client
    gone = make_shop(filled, config={"DIAG_URL_PREFIX": None, "DIAG_METRICS_PATH": None}).client

    assert [moved.get(path).status_code for path in ("/ops/db/", "/ops/metrics", "/metrics")] == [
        200,
        200,
        404,
    ]
    assert [gone.get(path).status_code for path in ("/diag/", "/metrics")] == [404, 404]


def test_many_visitors_at_once_see_no_outage(shop: Shop) -> None:
    """Only so many questions are asked at a time; the rest wait for their turn, not for nothing."""
    with ThreadPoolExecutor(12) as crowd:
        texts = list(crowd.map(lambda _: shop.client.get("/diag/").text, range(24)))

    assert all("The database answers" in text for text in texts)


def test_a_failure_of_our_own_is_not_blamed_on_the_database(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise KeyError

    monkeypatch.setattr("diag_rules.deletion.DeletionRules.check", breaks)

    page = shop.client.get("/diag/projects/sampleproject")
    answer = shop.client.delete("/projects/sampleproject")

    assert (page.status_code, "The diagnostics failed" in page.text) == (200, True)
    assert (answer.status_code, answer.get_json()["category"]) == (409, "business_rule")
