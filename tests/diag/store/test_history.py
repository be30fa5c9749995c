"""What was met: folded, by subject, by filter, as totals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from diag.store._incidents import EVER, NOON, OUT, after, back, met
from diag_rules.errors import Category, Classification, Kind
from flask_diag.store import IncidentFilter, Store, StoredIncident
from flask_diag.store import _incidents as reading

MakeStore = Callable[..., Store]


pytestmark = pytest.mark.only("sqlite", "postgresql", "mariadb")


def test_incidents_that_differ_in_nothing_but_time_are_one_row(store: Store) -> None:
    """The row counts them, and names the first, the last, and the last one's request."""
    for second in (5, 1, 9):
        store.intake(
            met(at=after(second), subject="Project", subject_key="7", request_id=f"request-{second}")
        )

    assert store.flush()
    (found,) = store.incidents().items
    assert (found.count, found.first_seen, found.last_seen) == (3, after(1), after(9))
    assert (found.request_id, found.broke, found.code) == ("request-9", "fk_invoices", "23503")


def test_two_processes_fold_into_the_same_row(make_store: MakeStore) -> None:
    """Replicas count together, and the later of two samples stays, whoever writes last."""
    first, second = make_store(), make_store()

    second.intake(met(at=after(20), request_id="late"))
    second.flush()
    first.intake(met(at=after(10), request_id="early"))
    first.flush()

    (found,) = first.incidents().items
    assert (found.count, found.first_seen, found.last_seen) == (2, after(10), after(20))
    assert found.request_id == "late"


def test_another_time_bucket_is_another_row(store: Store) -> None:
    """Five minutes are one row, so that history shows when."""
    for minutes in (0, 4, 5, 11):
        store.intake(met(at=NOON + timedelta(minutes=minutes)))

    store.flush()
    assert [found.count for found in store.incidents().items] == [1, 1, 2]


def test_the_history_of_a_subject_is_its_own(store: Store, make_store: MakeStore) -> None:
    """Neither another subject's, nor that of a key in another case, nor another application's."""
    other = make_store("warehouse")
    for key in ("7", "8", "Ab", "ab"):
        store.intake(met(subject="Project", subject_key=key))
    store.intake(met(subject="User", subject_key="7"))
    other.intake(met(subject="Project", subject_key="7"))
    store.flush()
    other.flush()

    found = store.history("Project", "7").incidents
    assert [(one.subject, one.subject_key, one.app) for one in found] == [("Project", "7", "shop")]
    assert [one.subject_key for one in store.history("Project", "ab").incidents] == ["ab"]


def test_a_history_may_be_asked_for_by_key_and_by_name(store: Store) -> None:
    """A route names a subject by its name where a deletion has its key."""
    store.intake(met(subject="Project", subject_key="7"))
    store.intake(met(at=after(1), subject="Project", subject_key="sampleproject"))

    store.flush()
    found = store.history("Project", ["7", "sampleproject"])
    assert [one.subject_key for one in found.incidents] == ["sampleproject", "7"]
    assert found.key == "7"


def test_a_history_says_whether_there_was_an_outage_then(store: Store) -> None:
    """Support tells a customer from the world by it."""
    store.intake(met(at=after(-3600), subject="Project", subject_key="7"))
    store.intake(met(OUT))
    store.intake(met(OUT, at=after(60), subject="Project", subject_key="7"))
    store.intake.recovered(back(after(90)))

    store.flush()
    history = store.history("Project", "7")
    assert [one.outage is not None for one in history.incidents] == [True, False]
    assert [(one.started, one.ended) for one in history.outages] == [(NOON, after(90))]


def test_a_subject_that_met_nothing_has_an_empty_history(store: Store) -> None:
    assert store.history("Project", "7").incidents == ()


def test_pages_follow_one_another_without_gap_or_repetition(store: Store) -> None:
    """Each row comes once, the latest bucket first."""
    for number in range(25):
        store.intake(met(at=NOON - timedelta(minutes=number), subject="Project", subject_key=str(number)))
    store.flush()

    seen: list[StoredIncident] = []
    after_ = None
    while True:
        page = store.incidents(after=after_, limit=4)
        seen += page.items
        after_ = page.next
        if after_ is None:
            break

    assert len({one.id for one in seen}) == len(seen) == 25
    assert [one.bucket for one in seen] == sorted((one.bucket for one in seen), reverse=True)


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        (IncidentFilter(category="outage"), {"admin_shutdown"}),
        (IncidentFilter(kind="foreign_key_violation"), {"foreign_key_violation"}),
        (IncidentFilter(broke="fk_invoices"), {"foreign_key_violation"}),
        (IncidentFilter(broke="users.email,name"), {"unique_violation"}),
        (IncidentFilter(endpoint="login"), {"unique_violation"}),
        (IncidentFilter(bind="archive"), {"admin_shutdown"}),
        (IncidentFilter(request_id="abcd"), {"unique_violation"}),
        (IncidentFilter(since=NOON + timedelta(hours=1)), set()),
        (IncidentFilter(until=NOON), set()),
        (
            IncidentFilter(since=after(10), until=after(11)),
            {"admin_shutdown", "foreign_key_violation", "unique_violation"},
        ),
    ],
)
def test_a_filter_lets_only_its_own_through(store: Store, wanted: IncidentFilter, kinds: set[str]) -> None:
    unique = Classification(
        category=Category.BUSINESS_RULE, kind=Kind.UNIQUE_VIOLATION, table="users", columns=("email", "name")
    )
    store.intake(met(OUT, at=after(10), bind="archive"))
    store.intake(met(at=after(10)))
    store.intake(met(unique, at=after(10), endpoint="login", request_id="abcd"))

    store.flush()
    assert {one.kind for one in store.incidents(wanted).items} == kinds


@pytest.mark.only("sqlite")
@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (IncidentFilter(request_id="abcd"), "ix_diag_incident_request"),
        (IncidentFilter(subject="Project", subject_key="1"), "ix_diag_incident_subject"),
        (IncidentFilter(subject="Project", subject_key=("1", "numpy")), "ix_diag_incident_subject"),
        (IncidentFilter(subject="Project", subject_key=("1",), since=NOON), "ix_diag_incident_subject"),
        (IncidentFilter(since=NOON), "ix_diag_incident_time"),
    ],
)
def test_the_few_rows_of_a_request_or_a_subject_are_found_by_their_index(
    store: Store, wanted: IncidentFilter, index: str
) -> None:
    """Without statistics SQLite would rather walk all incidents in the order that is asked for."""
    asked = reading._statement(reading._shape(wanted)).params(reading._values("shop", wanted, 50))
    with store.database.read() as connection:
        sql = asked.compile(connection, compile_kwargs={"literal_binds": True})
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").all()

    assert index in str(plan)


def test_totals_add_up_by_time_and_kind(store: Store) -> None:
    """What a chart shows is what was met."""
    for minutes, count in ((0, 3), (30, 2), (60, 1)):
        for _ in range(count):
            store.intake(met(at=NOON + timedelta(minutes=minutes)))
    store.intake(met(OUT))

    store.flush()
    found = store.totals(*EVER, seconds=3600)
    assert [(one.start, one.category, one.count) for one in found] == [
        (NOON, "business_rule", 5),
        (NOON, "outage", 1),
        (NOON + timedelta(hours=1), "business_rule", 1),
    ]


def test_totals_may_be_asked_for_by_what_was_broken(store: Store) -> None:
    for _ in range(2):
        store.intake(met())
    store.intake(met(OUT))

    store.flush()
    found = store.totals(*EVER, seconds=3600, by_broke=True)
    assert [(one.category, one.broke, one.count) for one in found] == [
        ("business_rule", "fk_invoices", 2),
        ("outage", None, 1),
    ]


def test_totals_by_less_than_a_bucket_are_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="give a multiple of 300"):
        store.totals(*EVER, seconds=60)


def test_the_top_of_a_field_is_the_most_frequent(store: Store) -> None:
    for name, count in (("ck_price", 2), ("fk_invoices", 5)):
        for number in range(count):
            found = Classification(
                category=Category.BUSINESS_RULE, kind=Kind.CHECK_VIOLATION, constraint=name
            )
            store.intake(met(found, at=after(number)))

    store.flush()
    assert [(one.value, one.count, one.last_seen) for one in store.top("broke", *EVER)] == [
        ("fk_invoices", 5, after(4)),
        ("ck_price", 2, after(1)),
    ]
    with pytest.raises(ValueError, match="give one of broke"):
        store.top("app", *EVER)


@pytest.mark.parametrize(
    "key",
    [
        "naïve ✓ 中文",
        "a\0b",
        "line\nbreak",
        "\ud800",
        "\u202egnp.exe",
        "x" * 10_000,
        "'; DROP TABLE diag_incident; --",
    ],
)
def test_any_text_becomes_a_row(store: Store, key: str) -> None:
    """What a database refuses, or what would forge a line, is replaced; what is too long is cut."""
    store.intake(met(subject="Project", subject_key=key, endpoint=key, request_id=key))

    assert store.flush()
    (found,) = store.incidents().items
    assert found.subject_key is not None
    assert len(found.subject_key) <= 200
    assert found.subject_key.isprintable()


def test_a_wrong_place_in_the_pages_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match=r"give Page\.next"):
        store.incidents(after="somewhere")
