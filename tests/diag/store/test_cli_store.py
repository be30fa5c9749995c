"""``flask diag store``, ``incidents`` and ``outages``."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine

from diag._shop import Shop, fill, make_shop
from diag.store._incidents import OUT, back, met
from flask_diag.store import Store
from flask_diag.store._tables import VERSION_TABLE

if TYPE_CHECKING:
    from conftest import Database

pytestmark = pytest.mark.only("sqlite")


@pytest.fixture
def kept(database: Database, tmp_path: Path) -> Shop:
    """The shop with a store in a file."""
    engine = database.engine()
    fill(engine)
    return make_shop(
        engine, config={"DIAG_STORE_URL": f"sqlite:///{tmp_path / 'store.sqlite'}", "DIAG_STORE_DRAIN": 0}
    )


def store_of(shop: Shop) -> Store:
    """Return the shop's store."""
    found: Store = shop.app.extensions["diag"].store
    return found


def test_what_a_request_met_is_listed_for_its_subject(kept: Shop) -> None:
    """Support types a name, and sees the request's number."""
    answer = kept.client.delete("/projects/sampleproject", headers={"X-Request-ID": "request-1"})

    store_of(kept).flush()
    listed = kept.run("incidents", "sampleproject")
    assert answer.status_code == 409
    assert listed.exit_code == 0
    assert "not_null_violation" in listed.output
    assert "request request-1" in listed.output
    assert "Project 1" in listed.output


def test_incidents_are_json_for_programs(kept: Shop) -> None:
    kept.client.delete("/projects/sampleproject")

    store_of(kept).flush()
    found = json.loads(kept.run("incidents", "--json", "--category", "business_rule").output)
    assert [one["kind"] for one in found["items"]] == ["not_null_violation"]
    assert datetime.fromisoformat(found["items"][0]["last_seen"]).tzinfo is not None


def test_an_outage_that_lasts_is_said_and_is_the_exit_code(kept: Shop) -> None:
    """A script can wait for the end of an outage."""
    now = datetime.now(UTC)
    store = store_of(kept)
    store.intake(met(OUT, at=now - timedelta(seconds=60)))
    store.flush()
    lasts = kept.run("outages")
    store.intake.recovered(back(now, since=now - timedelta(seconds=60)))
    store.flush()
    over = kept.run("outages")

    assert (lasts.exit_code, "it lasts" in lasts.output) == (1, True)
    assert (over.exit_code, "60.0 s" in over.output) == (0, True)


def test_the_status_counts_what_is_kept(kept: Shop) -> None:
    kept.client.delete("/projects/sampleproject")

    store_of(kept).flush()
    found = json.loads(kept.run("store", "status", "--json").output)
    assert (found["schema"], found["version"], found["incidents"], found["written"]) == (
        "current",
        "0001",
        1,
        1,
    )


def test_a_store_of_another_version_says_what_to_do(kept: Shop) -> None:
    """The message names both versions; the command that would help is tried, and refuses what is newer."""
    store = store_of(kept)
    store.upgrade()
    with store.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '0999'")
    store.database.close()

    status, upgraded = kept.run("store", "status"), kept.run("store", "upgrade")
    assert status.exit_code == 1
    assert "schema 0999" in status.output
    assert "update flask-diag here" in status.output
    assert (upgraded.exit_code, "update flask-diag here" in upgraded.output) == (4, True)


def test_a_store_that_is_gone_is_no_traceback(kept: Shop) -> None:
    """Every command says so, with the exit code for it."""
    path = store_of(kept).database.path
    assert path is not None
    path.write_bytes(b"this is no database" * 100)

    for words in (["incidents"], ["outages"], ["store", "status"], ["store", "prune"]):
        ended = kept.run(*words)
        assert ended.exit_code == 4, words
        assert "Traceback" not in ended.output


def test_an_application_without_store_says_so(database: Database) -> None:
    shop = make_shop(create_engine("sqlite://"), config={"DIAG_STORE_URL": None})

    ended = shop.run("outages")
    assert (ended.exit_code, "DIAG_STORE_URL is None" in ended.output) == (2, True)


@pytest.mark.parametrize(
    "words", [["incidents", "--since", "soon"], ["incidents", "--after", "x"], ["incidents", "--limit", "0"]]
)
def test_wrong_usage_is_exit_code_2(kept: Shop, words: list[str]) -> None:
    assert kept.run(*words).exit_code == 2


def test_retention_can_be_run_by_hand(kept: Shop) -> None:
    kept.client.delete("/projects/sampleproject")
    store_of(kept).intake(met(at=datetime.now(UTC) - timedelta(days=3)))
    store_of(kept).flush()

    ended = kept.run("store", "prune", "--days", "2")
    assert "1 rows deleted" in ended.output
    assert store_of(kept).status().incidents == 1


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("oracle://host/x", "kept in SQLite, PostgreSQL or MariaDB"),
        ("postgresql+asyncpg://host/x", "synchronous"),
        ("sqlite:///:memory:", "give a file"),
        ("sqlite:///file:x?mode=ro&uri=true", "give the path itself"),
        ("no address", "address of a database"),
        ("postgresql+psycopg://u:geheim@host:port/x", "no address"),
        ("postgresql+nothing://u:geheim@host/x", "does not know"),
    ],
)
def test_a_store_that_cannot_be_is_an_error_of_start_up(url: str, told: str) -> None:
    """It is said at once, without the address: that may hold a password."""
    with pytest.raises(ValueError, match=told) as refused:
        make_shop(create_engine("sqlite://"), config={"DIAG_STORE_URL": url})
    assert "geheim" not in str(refused.value)
