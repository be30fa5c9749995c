"""No personal data: the fields that are kept, each by name, and what is not in them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select

from diag._shop import fill, make_shop
from diag.store._incidents import counted, met
from flask_diag.store import Store, StoreSchemaError
from flask_diag.store._database import Database as StoreDatabase
from flask_diag.store._tables import BUCKET, VERSION_TABLE, incident, metadata

if TYPE_CHECKING:
    from conftest import Database

MakeStore = Callable[..., Store]
KEPT = {
    "diag_incident": "bucket digest app bind subject subject_key category kind code broke endpoint deletion_of total "
    "first_seen last_seen request_id sentry_event_id",
    "diag_outage": "id app bind writer started last_seen ended kinds total",
    "diag_writer": "id app started seen ended batch written dropped lost",
    "diag_lease": "name holder until",
    "diag_scan": "id app subject how state owner shards parts started finished subjects blocked uncertain rows_kept",
    "diag_scan_shard": "scan shard attempt finished subjects blocked uncertain",
    "diag_scan_relation": "scan rule shard subjects row_count oldest",
    "diag_scan_blocked": "scan sort attempt shard subject_key outcome row_count blockers",
    "diag_scan_blocked_rule": "scan rule sort attempt shard row_count",
}
SECRETS = ("geheim@example.org", "4111111111111111", "hunter2", "Ada Lovelace", "203.0.113.7")


def test_what_is_kept_is_this_and_nothing_else() -> None:
    """A field that joins them has to be thought about here: may it hold what a person typed?"""
    found = {table.name: [column.name for column in table.columns] for table in metadata.sorted_tables}
    assert found == {name: columns.split() for name, columns in KEPT.items()}


def test_every_field_says_what_it_is_for() -> None:
    bare = [str(column) for table in metadata.sorted_tables for column in table.columns if not column.doc]
    assert bare == []


@pytest.mark.only("sqlite", "postgresql", "mariadb")
def test_a_secret_that_was_planted_is_in_no_field(database: Database) -> None:
    """Parameters, messages, headers, addresses, query strings and the connection's password stay out."""
    engine = database.engine()
    fill(engine)
    shop = make_shop(
        engine,
        config={"DIAG_STORE_URL": database.url.render_as_string(hide_password=False), "DIAG_STORE_DRAIN": 0},
    )
    store: Store = shop.app.extensions["diag"].store
    store.upgrade()
    email, card, password, person, address = SECRETS
    statements = (
        f"INSERT INTO projects (id, name) VALUES (1, '{email}')",
        f"SELECT '{card}' FROM nowhere",
        f"SELEC '{password}'",
        f"INSERT INTO projects (id, name, stars) VALUES (9, '{person}', -1)",
    )

    for statement in statements:
        shop.client.post(
            f"/run?email={email}",
            data={"sql": statement, "password": password},
            headers={
                "User-Agent": person,
                "Cookie": f"session={password}",
                "Authorization": f"Bearer {card}",
            },
            environ_base={"REMOTE_ADDR": address},
        )

    assert store.flush()
    assert counted(store) >= len(statements)
    written = _everything(store)
    assert [secret for secret in SECRETS if secret in written] == []
    store.close()


def _everything(store: Store) -> str:
    with store.database.read() as connection:
        return "\n".join(
            repr(row) for table in metadata.sorted_tables for row in connection.execute(select(table))
        )


@pytest.mark.only("sqlite", "postgresql", "postgresql15", "mariadb")
def test_the_migrations_make_what_the_code_expects(store: Store) -> None:
    """No table, column or index is in one and not in the other."""

    def ours(_object: object, name: str | None, kind: str, *_: object) -> bool:
        return kind != "table" or name in metadata.tables

    with store.database.read() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": ours, "compare_type": False})
        assert compare_metadata(context, metadata) == []


@pytest.mark.only("sqlite", "postgresql", "mariadb")
def test_a_schema_is_upgraded_once_however_often_it_is_asked_for(store: Store) -> None:
    store.intake(met())
    store.flush()

    store.upgrade()

    assert counted(store) == 1
    assert store.status().schema == "current"


@pytest.mark.only("sqlite", "postgresql", "mariadb")
def test_tables_of_ours_without_a_version_are_not_touched(store: Store) -> None:
    """They may be of anybody; the message says what to do."""
    with store.database.write() as connection:
        connection.exec_driver_sql(f"DELETE FROM {VERSION_TABLE}")
    store.close()

    with pytest.raises(StoreSchemaError, match="give another DIAG_STORE_URL"):
        store.upgrade()


@pytest.mark.only("sqlite")
def test_a_file_of_somebody_else_is_not_written_by_itself(database: Database) -> None:
    """A SQLite file gets our tables by itself only where it is empty: an address that was mistyped harms nothing."""
    engine = database.engine()
    fill(engine)
    found = StoreDatabase(database.url)

    with pytest.raises(StoreSchemaError, match="not the store's"), found.write():
        pass
    found.upgrade()
    with found.write():
        pass


@pytest.mark.only("sqlite", "postgresql", "mariadb")
def test_what_is_too_old_goes(make_store: MakeStore) -> None:
    """Incidents, outages, processes and scans; what is young stays."""
    store = make_store(days=10)
    for days in (100, 50, 0):
        store.intake(met(at=after_now(-days), subject="Project", subject_key=str(days)))
    store.flush()

    gone = store.prune()

    assert gone == 2
    assert [one.subject_key for one in store.incidents().items] == ["0"]


@pytest.mark.only("sqlite", "postgresql", "mariadb")
def test_what_is_too_much_goes_the_oldest_first_in_small_steps(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No step locks more rows than it has to, and none of the young ones goes."""
    monkeypatch.setattr("flask_diag.store._prune.STEP", 7)
    store = make_store(rows=30)
    for number in range(100):
        store.intake(met(at=after_now(0, -number * BUCKET), subject_key=str(number), subject="Project"))
    store.flush()

    assert store.prune() == 70
    kept = store.incidents(limit=100).items
    assert sorted(int(one.subject_key or "") for one in kept) == list(range(30))


@pytest.mark.only("sqlite", "postgresql")
def test_only_one_process_prunes_at_a_time(make_store: MakeStore) -> None:
    store = make_store(days=10)
    store.intake(met(at=after_now(-100)))
    store.flush()
    with store.database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO diag_lease (name, holder, until) VALUES ('prune', 'another', 9000000000000000)"
        )

    assert store.prune() == 0
    with store.database.read() as connection:
        assert len(connection.execute(select(incident.c.bucket)).all()) == 1


def after_now(days: float, seconds: float = 0) -> datetime:
    """Return a moment by its distance from now."""
    return datetime.now(UTC) + timedelta(days=days, seconds=seconds)
