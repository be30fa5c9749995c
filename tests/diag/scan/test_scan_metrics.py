"""The metrics of scans: from the store, so that each replica shows the same."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import Engine, text

from diag._shop import Shop
from diag.scan.conftest import MakeShop, diagnostics
from flask_diag.scanning import _metrics
from flask_diag.store import StoreUnavailable

pytestmark = pytest.mark.only("sqlite")


def blocked(shop: Shop, rule: str) -> float | None:
    return shop.registry.get_sample_value("diag_blocked_projects", {"rule": rule})


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each scrape asks the store."""
    monkeypatch.setattr(_metrics, "EVERY", 0.0)


def test_before_the_first_scan_nothing_is_claimed(stored: Shop) -> None:
    assert blocked(stored, "invoices.project_id") is None
    assert stored.registry.get_sample_value("diag_scan_last_success_timestamp_seconds") == 0


def test_each_replica_shows_what_one_has_scanned(make_stored: MakeShop) -> None:
    scanning, other = make_stored(), make_stored()

    scanning.run("scan")

    store = diagnostics(scanning).store
    assert store is not None
    summary = store.scans.latest("Project", "orm")
    assert summary is not None
    for shop in (scanning, other):
        assert blocked(shop, "role_invitations.project_id") == 1
        read = shop.registry.get_sample_value
        assert read("diag_scan_last_success_timestamp_seconds") == summary.finished.timestamp()
        assert read("diag_scan_duration_seconds") == summary.seconds


def test_a_rule_that_blocks_nothing_any_more_is_0(always: None, stored: Shop, filled: Engine) -> None:
    stored.run("scan")
    assert blocked(stored, "invoices.project_id") == 1
    with filled.begin() as connection:
        connection.execute(text("DELETE FROM invoices"))

    stored.run("scan")

    assert blocked(stored, "invoices.project_id") == 0


def test_only_the_way_in_which_the_application_deletes_is_shown(always: None, stored: Shop) -> None:
    stored.run("scan", "--how", "sql")

    assert blocked(stored, "invoices.project_id") is None


def test_a_failed_or_partial_scan_is_not_shown(always: None, stored: Shop) -> None:
    stored.run("scan", "--shard", "1/2")
    stored.run("scan", "--after", "1")

    assert stored.registry.get_sample_value("diag_scan_last_success_timestamp_seconds") == 0


def test_two_applications_of_one_registry_are_added_up(make_stored: MakeShop) -> None:
    """And one application that was made twice counts once."""
    first, twin = make_stored(), None
    first.run("scan")
    state = diagnostics(first)
    assert state.metrics is not None
    twin = diagnostics(make_stored())
    _metrics.watch_scans(twin, state.metrics)

    assert blocked(first, "invoices.project_id") == 1


def test_a_store_that_is_down_leaves_the_last_figures(
    always: None, stored: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored.run("scan")
    assert blocked(stored, "invoices.project_id") == 1
    store = diagnostics(stored).store
    assert store is not None

    def down(*_: Any) -> None:
        raise StoreUnavailable("The store does not answer.")

    monkeypatch.setattr(type(store.scans), "latest", down)

    assert blocked(stored, "invoices.project_id") == 1


def test_a_store_that_hangs_does_not_hold_a_scrape(
    always: None, stored: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One question at a time is asked, and the scrape goes on without it."""
    over, asked = threading.Event(), []

    def hang(*_: Any) -> None:
        asked.append(1)
        over.wait(20)

    store = diagnostics(stored).store
    assert store is not None
    monkeypatch.setattr(_metrics, "WAIT", 0.01)
    monkeypatch.setattr(type(store.scans), "latest", hang)

    for _ in range(3):
        assert stored.client.get("/metrics").status_code == 200

    over.set()
    assert asked == [1]
