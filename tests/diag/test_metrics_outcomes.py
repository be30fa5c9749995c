"""diag_requests_total: what became of each request, so that a broken business rule never burns the error budget."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from flask import Flask, Response, abort
from prometheus_client import CollectorRegistry
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from diag._shop import Project, Shop, make_shop, view
from diag_exporters._catalogue import BAD_OUTCOMES, OUTCOMES
from diag_exporters.prometheus import prometheus
from flask_diag import Diagnostics

if TYPE_CHECKING:
    from sqlalchemy import Engine


def outcomes(shop: Shop) -> dict[str, float]:
    """Return the outcomes that were counted."""
    values = {
        outcome: shop.registry.get_sample_value("diag_requests_total", {"outcome": outcome}) or 0
        for outcome in OUTCOMES
    }
    return {outcome: value for outcome, value in values.items() if value}


def retries(shop: Shop, outcome: str) -> float | None:
    return shop.registry.get_sample_value("diag_contention_retries_total", {"outcome": outcome})


def break_a_rule(shop: Shop) -> None:
    """Insert a name that is taken."""
    with Session(shop.engine) as session:
        session.execute(insert(Project).values(name="sampleproject"))


@pytest.mark.only("sqlite")
def test_an_answer_without_any_error_is_ok(shop: Shop) -> None:
    view(shop)(lambda: "fine")

    shop.client.get("/view")
    shop.client.get("/nowhere")

    assert outcomes(shop) == {"ok": 2}


@pytest.mark.only("sqlite")
def test_a_broken_rule_is_no_failure_of_the_service(shop: Shop) -> None:
    answer = shop.client.delete("/projects/sampleproject")

    assert answer.status_code == 409
    assert outcomes(shop) == {"business_rule": 1}


@pytest.mark.only("sqlite")
def test_a_broken_rule_that_the_application_calls_an_outage_burns_no_budget(filled: Engine) -> None:
    """PyPI in 2025."""
    shop = make_shop(filled)

    @shop.app.errorhandler(SQLAlchemyError)
    def down(_error: SQLAlchemyError) -> tuple[str, int]:
        return "down for maintenance", 503

    assert shop.client.delete("/projects/sampleproject").status_code == 503
    assert outcomes(shop) == {"business_rule": 1}


@pytest.mark.only("sqlite")
def test_a_broken_rule_that_nobody_handles_burns_no_budget(filled: Engine) -> None:
    shop = make_shop(filled, config={"DIAG_ANSWERS": False})

    assert shop.client.delete("/projects/sampleproject").status_code == 500
    assert outcomes(shop) == {"business_rule": 1}


@pytest.mark.only("sqlite")
def test_a_bug_after_a_broken_rule_that_was_handled_is_a_bug(shop: Shop) -> None:
    @view(shop)
    def get_or_create() -> str:
        with suppress(IntegrityError):
            break_a_rule(shop)
        raise KeyError("the bug")

    assert shop.client.get("/view").status_code == 500
    assert outcomes(shop) == {"server_error": 1}


@pytest.mark.only("sqlite")
def test_a_rule_met_on_the_way_to_success_is_ok(shop: Shop) -> None:
    @view(shop)
    def get_or_create() -> str:
        try:
            break_a_rule(shop)
        except IntegrityError:
            return "it was there"
        return "made"

    shop.client.get("/view")

    assert outcomes(shop) == {"ok": 1}


@pytest.mark.only("sqlite")
def test_a_defect_burns_the_budget(shop: Shop) -> None:
    assert shop.client.post("/run", data={"sql": "SELECT * FROM nowhere"}).status_code == 500
    assert outcomes(shop) == {"defect": 1}
    assert "defect" in BAD_OUTCOMES


@pytest.mark.only("sqlite")
def test_a_failure_that_no_database_has_to_do_with_is_the_servers(shop: Shop) -> None:
    view(shop)(lambda: abort(502))

    shop.client.get("/view")

    assert outcomes(shop) == {"server_error": 1}


@pytest.mark.only("sqlite")
def test_a_request_whose_exception_goes_on_to_the_server_is_counted(filled: Engine) -> None:
    """With PROPAGATE_EXCEPTIONS there is no response to count."""
    shop = make_shop(filled, config={"PROPAGATE_EXCEPTIONS": True, "DIAG_ANSWERS": False})
    view(shop, "/bug")(lambda: str(1 / 0))

    with pytest.raises(ZeroDivisionError):
        shop.client.get("/bug")
    with pytest.raises(IntegrityError):
        shop.client.delete("/projects/sampleproject")

    assert outcomes(shop) == {"server_error": 1, "business_rule": 1}


@pytest.mark.only("sqlite")
def test_our_own_pages_and_scrapes_are_no_requests_of_users(shop: Shop) -> None:
    for path in ("/metrics", "/diag/", "/diag/static/diag.css", "/diag/api/v1/openapi.json", "/diag/livez"):
        shop.client.get(path).close()

    assert outcomes(shop) == {}


@pytest.mark.only("sqlite")
def test_an_after_request_of_the_application_is_seen(shop: Shop) -> None:
    """Flask runs the last one registered first, so what it made of the answer is what the user saw."""

    @shop.app.after_request
    def spoil(response: Response) -> Response:
        response.status_code = 500
        return response

    view(shop)(lambda: "fine")
    shop.client.get("/view")

    assert outcomes(shop) == {"server_error": 1}


@pytest.mark.only("sqlite")
def test_two_applications_on_one_registry_count_together(filled: Engine) -> None:
    registry = CollectorRegistry()
    for name in ("one", "two"):
        app = Flask(name)
        Diagnostics(app, filled, exporters=[prometheus(registry)])
        app.test_client().get("/")

    assert registry.get_sample_value("diag_requests_total", {"outcome": "ok"}) == 2


@pytest.mark.only("postgresql")
def test_retries_after_contention_are_counted_by_how_they_ended(shop: Shop) -> None:
    def lose(times: int, then: int) -> tuple[str, int]:
        with shop.engine.connect() as holder:
            holder.execute(select(Project).where(Project.id == 1).with_for_update())
            for _ in range(times):
                try:
                    with shop.engine.begin() as connection:
                        connection.execute(
                            select(Project).where(Project.id == 1).with_for_update(nowait=True)
                        )
                except OperationalError:
                    continue
        return "", then

    @view(shop, "/through")
    def through() -> tuple[str, int]:
        return lose(2, 200)

    @view(shop, "/gave-up")
    def gave_up() -> tuple[str, int]:
        return lose(3, 503)

    shop.client.get("/through")
    shop.client.get("/gave-up")

    assert (retries(shop, "recovered"), retries(shop, "failed")) == (2, 2)
    assert outcomes(shop) == {"ok": 1, "contention": 1}
