"""Outages over several replicas: one answer, whoever saw what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from diag.store._incidents import EVER, NOON, OUT, after, back, met
from diag_rules.errors import Category, Classification, Kind
from flask_diag.store import Outage, Store
from flask_diag.store._tables import writer

pytestmark = pytest.mark.only("sqlite", "postgresql", "mariadb")
MakeStore = Callable[..., Store]
REFUSED = Classification(category=Category.OUTAGE, kind=Kind.CONNECTION_REFUSED)


def spans(store: Store) -> list[tuple[datetime, datetime | None]]:
    """Return when each outage started and ended, the latest first."""
    return [(one.started, one.ended) for one in store.outages(*EVER)]


def saw(store: Store, *seconds: float, back_at: float | None = None, bind: str = "default") -> None:
    """Let a replica meet an outage, and perhaps its end."""
    for second in seconds:
        store.intake(met(OUT, at=after(second), bind=bind))
    if back_at is not None:
        store.intake.recovered(back(after(back_at), since=after(seconds[0]), bind=bind))
    assert store.flush()


def test_an_outage_lasts_from_its_first_incident_to_the_first_contact(store: Store) -> None:
    store.intake(met(OUT))
    store.intake(met(REFUSED, at=after(30)))
    store.intake.recovered(back(after(45)))

    store.flush()
    assert store.outages(*EVER) == (
        Outage(
            bind="default",
            started=NOON,
            ended=after(45),
            kinds=("admin_shutdown", "connection_refused"),
            count=2,
            replicas=1,
        ),
    )


def test_what_several_replicas_saw_at_once_is_one_outage(make_store: MakeStore) -> None:
    """It begins with the first incident of any and counts those of all."""
    first, second, third = make_store(), make_store(), make_store()

    saw(first, 0, 20, back_at=40)
    saw(second, 5, 30, back_at=41)
    saw(third, 300, back_at=310)

    assert spans(first) == [(after(300), after(310)), (NOON, after(40))]
    assert [(one.count, one.replicas) for one in first.outages(*EVER)] == [(1, 1), (4, 2)]


def test_two_databases_have_outages_of_their_own(store: Store) -> None:
    saw(store, 0, back_at=10)
    saw(store, 5, back_at=20, bind="archive")

    assert spans(store) == [(after(5), after(20)), (NOON, after(10))]
    assert [one.bind for one in store.outages(*EVER, bind="archive")] == ["archive"]


def test_the_contact_of_any_replica_ends_the_outage_of_a_silent_one(make_store: MakeStore) -> None:
    """A replica without traffic has no contact for hours, and the database was back all the same."""
    busy, silent = make_store(), make_store()

    saw(silent, 1, back_at=10_000)
    saw(busy, 0, 30, back_at=60)

    assert spans(busy) == [(NOON, after(60))]


def test_an_outage_lasts_while_a_replica_lives_that_had_no_contact(store: Store) -> None:
    """The end is open, and what the page shows is that it lasts."""
    saw(store, 0, 30)

    assert spans(store) == [(NOON, None)]


@pytest.mark.parametrize("how", ["goodbye", "silence"])
def test_an_outage_of_a_replica_that_is_gone_ends_with_its_last_incident(
    make_store: MakeStore, how: str
) -> None:
    """Nothing is known past it; the answer says that nobody saw the end."""
    store, gone = make_store(), make_store()
    saw(gone, 0, 30)

    if how == "goodbye":
        gone.close(10)
    else:
        with store.database.write() as connection:
            connection.execute(update(writer).values(seen=datetime.now(UTC) - timedelta(seconds=121)))

    assert spans(store) == [(NOON, after(30))]
    assert [one.assumed for one in store.outages(*EVER)] == [True]


def test_a_replica_that_is_killed_does_not_cut_the_outage_of_the_others(make_store: MakeStore) -> None:
    """Who replaces it goes on seeing the outage, which stays one."""
    killed, heir = make_store(), make_store()
    saw(killed, 0, 30)
    killed.close(10)

    saw(heir, 35, 60, back_at=90)

    assert spans(heir) == [(NOON, after(90))]


def test_what_breaks_again_shortly_after_is_the_same_outage(store: Store) -> None:
    """Pooled connections that broke in the outage are met for a while after it."""
    saw(store, 0, back_at=30)
    saw(store, 35, back_at=36)
    saw(store, 60, back_at=61)

    assert spans(store) == [(after(60), after(61)), (NOON, after(36))]


def test_the_end_of_an_outage_whose_incidents_were_dropped_is_kept(store: Store) -> None:
    """A queue that was full does not hide that there was an outage."""
    store.intake.recovered(back(after(45), since=NOON))

    store.flush()
    assert spans(store) == [(NOON, after(45))]


def test_only_the_outages_of_the_time_asked_for_are_told(store: Store) -> None:
    saw(store, 0, back_at=30)
    saw(store, 1000, back_at=1030)

    assert [one.started for one in store.outages(after(10), after(20))] == [NOON]
    assert store.outages(after(100), after(900)) == ()
    assert [one.started for one in store.outages(after(1029), after(9000))] == [after(1000)]
