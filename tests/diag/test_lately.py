"""What was met lately: the timeline, what changed, and the tally that both are made from."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from diag_exporters import Incident, Recovery
from diag_rules.errors import Category, Classification, Kind
from flask_diag import _tally
from flask_diag._lately import DAY, Span, changes, timeline
from flask_diag._pages._chart import chart
from flask_diag._tally import SLOT, Sort, Tallied, Tally, start_of
from flask_diag.store import Outage, Store, StoreUnavailable

NOW = datetime(2026, 11, 23, 12, 40, tzinfo=UTC)
OUTAGE = Sort("outage", "admin_shutdown", None)
RULE = Sort("business_rule", "foreign_key_violation", "fk_invoices")
NEW = Sort("business_rule", "unique_violation", "uq_mail")


def ago(**length: float) -> datetime:
    """Return a moment before now."""
    return NOW - timedelta(**length)


def tallied(*met: tuple[datetime, Sort, int], **others: Any) -> Tallied:
    """Return a tally of what was met when, and how often."""
    slots: dict[datetime, Counter[Sort]] = {}
    for at, sort, count in met:
        slots.setdefault(start_of(at, SLOT), Counter())[sort] += count
    return Tallied(at=NOW, slots=slots, **others)


# the timeline


@pytest.mark.parametrize(("span", "slots", "seconds"), [(Span.DAY, 48, 1800), (Span.WEEK, 56, 10_800)])
def test_a_timeline_ends_now_and_misses_no_slot(span: Span, slots: int, seconds: int) -> None:
    found = timeline(tallied(), span, NOW)

    starts = [one.start for one in found.slots]
    assert len(starts) == slots
    assert starts[0] == found.since
    assert {later - earlier for earlier, later in itertools.pairwise(starts)} == {timedelta(seconds=seconds)}
    assert starts[-1] <= NOW < starts[-1] + timedelta(seconds=seconds)
    assert all(one.counts == dict.fromkeys(map(str, Category), 0) for one in found.slots)


def test_each_error_is_in_the_slot_of_its_time_and_old_ones_in_none() -> None:
    met = (
        (ago(minutes=1), RULE, 2),
        (ago(minutes=1), OUTAGE, 3),
        (ago(hours=3), NEW, 5),
        (ago(hours=30), RULE, 7),
    )

    day = timeline(tallied(*met), Span.DAY, NOW)
    week = timeline(tallied(*met), Span.WEEK, NOW)

    assert (day.slots[-1].counts["business_rule"], day.slots[-1].counts["outage"]) == (2, 3)
    assert sum(sum(one.counts.values()) for one in day.slots) == 10
    assert sum(sum(one.counts.values()) for one in week.slots) == 17
    assert next(one for one in day.slots if one.counts["business_rule"] == 5).start == ago(
        hours=3, minutes=10
    )


def test_an_outage_is_in_the_timelines_that_it_reaches_into() -> None:
    old = Outage(bind="default", started=ago(days=2), ended=ago(days=1, hours=20))
    late = Outage(bind="default", started=ago(hours=2), ended=None)
    found = tallied(outages=(late, old))

    assert timeline(found, Span.DAY, NOW).outages == (late,)
    assert timeline(found, Span.WEEK, NOW).outages == (late, old)


# what changed


def test_a_day_is_set_beside_the_day_before() -> None:
    found = changes(
        tallied((ago(hours=2), RULE, 6), (ago(hours=26), RULE, 2), (ago(hours=26), OUTAGE, 9)), NOW
    )

    assert found.since == ago(hours=23, minutes=40)
    assert [(one.category, one.count, one.before) for one in found.categories] == [
        ("outage", 0, 9),
        ("contention", 0, 0),
        ("business_rule", 6, 2),
        ("defect", 0, 0),
        ("unknown", 0, 0),
    ]
    assert [(one.kind, one.count, one.before) for one in found.kinds] == [
        ("foreign_key_violation", 6, 2),
        ("admin_shutdown", 0, 9),
    ]
    assert [(one.broke, one.count, one.before) for one in found.constraints] == [("fk_invoices", 6, 2)]


@pytest.mark.parametrize(("days", "new"), [(None, True), (2, False), (6, False), (7.9, False), (8.1, True)])
def test_what_the_week_before_did_not_have_is_new(days: float | None, new: bool) -> None:  # noqa: FBT001 a case
    before = () if days is None else ((ago(days=days), NEW, 1),)

    (found,) = changes(tallied((ago(minutes=5), NEW, 1), *before), NOW).constraints

    assert (found.broke, found.new) == ("uq_mail", new)


def test_a_kind_that_is_gone_is_told_but_not_new() -> None:
    (found,) = changes(tallied((ago(hours=30), NEW, 4)), NOW).kinds

    assert (found.count, found.before, found.new) == (0, 4, False)


# the drawing


def per_cent(text: str) -> float:
    """Return the number of ``12.50%``."""
    return float(text.removesuffix("%"))


def test_bars_stay_within_the_drawing_and_the_higher_are_the_more() -> None:
    met = (
        (ago(hours=1), RULE, 100),
        (ago(hours=2), RULE, 50),
        (ago(hours=3), RULE, 1),
        (ago(minutes=1), NEW, 3),
    )
    found = chart(timeline(tallied(*met), Span.DAY, NOW))

    lane = next(one for one in found.lanes if one.category == "business_rule")
    tall = [per_cent(one.height) for one in lane.bars]
    assert (lane.total, lane.most, len(tall)) == (154, 100, 4)
    assert tall[0] < tall[1] < tall[2]  # the earliest first: 1, 50, 100
    for box in (*lane.bars, *(column.box for column in found.columns)):
        assert per_cent(box.x) >= 0
        assert per_cent(box.x) + per_cent(box.width) <= 100.01
        assert per_cent(box.y) + per_cent(box.height) <= 100.01
    assert found.peak is not None
    assert sum(found.peak.slot.counts.values()) == 100


def test_one_error_is_seen_beside_thousands_and_is_no_tower_alone() -> None:
    many = chart(timeline(tallied((ago(hours=1), RULE, 100_000), (ago(hours=2), RULE, 1)), Span.DAY, NOW))
    one = chart(timeline(tallied((ago(hours=2), RULE, 1)), Span.DAY, NOW))

    small, large = (per_cent(bar.height) for bar in many.lanes[2].bars)
    (alone,) = (per_cent(bar.height) for bar in one.lanes[2].bars)
    assert large / 10 < small < large / 5
    assert alone < large / 4


@pytest.mark.parametrize(
    ("started", "ended"),
    [
        (ago(hours=2), ago(hours=1)),
        (ago(days=3), ago(hours=1)),
        (ago(hours=1), None),
        (ago(seconds=2), ago(seconds=1)),
        (ago(days=300), None),
    ],
)
def test_an_outage_is_drawn_within_its_timeline_and_never_too_thin_to_see(
    started: datetime, ended: datetime | None
) -> None:
    found = chart(
        timeline(tallied(outages=(Outage(bind="default", started=started, ended=ended),)), Span.WEEK, NOW)
    )

    (band,) = found.bands
    assert 0 <= per_cent(band.lane.x) <= 99.5
    assert per_cent(band.lane.width) >= 0.5
    assert per_cent(band.lane.x) + per_cent(band.lane.width) <= 100.01


def test_times_on_the_axis_are_round_and_have_room() -> None:
    day, week = (chart(timeline(tallied(), span, NOW)).ticks for span in Span)

    assert {tick.at.hour % 3 for tick in day} == {0}
    assert {tick.at.time().isoformat() for tick in week} == {"00:00:00"}
    for ticks in (day, week):
        places = [per_cent(tick.x) for tick in ticks]
        assert min(later - earlier for earlier, later in itertools.pairwise(places)) > 10


# the tally


class Reads(Store):
    """A store that notes from when on it is asked, and breaks where told to."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"sqlite:///{path / 'store.sqlite'}", "shop", interval=0.0, drain=0)
        self.upgrade()
        self.since: list[datetime] = []
        self.breaks: Exception | None = None
        self.waits: threading.Event | None = None

    def totals(self, since: datetime, until: datetime, **options: Any) -> Any:
        """Note it, and answer."""
        self.since.append(since)
        if self.waits is not None:
            self.waits.wait(30)
        if self.breaks is not None:
            raise self.breaks
        return super().totals(since, until, **options)

    def meet(self, at: datetime, **others: Any) -> None:
        """Keep an incident."""
        found = Classification(
            category=Category.BUSINESS_RULE, kind=Kind.UNIQUE_VIOLATION, constraint="uq_mail"
        )
        self.intake(Incident(classification=found, at=at, app="shop", **others))
        assert self.flush(10)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A store that is read each time."""
    monkeypatch.setattr(_tally, "FRESH", -1.0)
    found = Reads(tmp_path)
    yield found
    found.close(5)


def count(found: Tallied) -> int:
    """Return all incidents of a tally."""
    return sum(sum(met.values()) for met in found.slots.values())


def test_all_is_read_once_and_then_what_is_new(store: Reads) -> None:
    now = datetime.now(UTC)
    store.meet(now - timedelta(days=2))
    tally = Tally(store)

    first = tally.look(10)
    store.meet(now, subject="Project", subject_key="7")
    second = tally.look(10)

    assert (count(first), count(second)) == (1, 2)
    assert now - store.since[0] > 8 * DAY
    assert now - store.since[1] < timedelta(hours=2)
    assert [one.value for one in second.subjects] == ["7"]


def test_what_a_replica_wrote_late_is_found_without_anybody_waiting(
    store: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, tally = datetime.now(UTC), Tally(store)
    tally.look(10)
    store.meet(now - timedelta(days=2))
    monkeypatch.setattr(_tally, "WHOLE", -1.0)

    tally.look(10)
    for thread in threading.enumerate():
        if thread.name == "flask-diag-tally":
            thread.join(10)
    monkeypatch.setattr(_tally, "WHOLE", 600.0)

    assert count(tally.look(10)) == 1
    assert now - store.since[2] > 8 * DAY  # after the quick look had been answered


def test_without_its_store_a_page_has_what_was_known_and_the_reason(store: Reads) -> None:
    tally = Tally(store)
    store.meet(datetime.now(UTC))
    known = tally.look(10)
    store.breaks = StoreUnavailable("The store can't be asked: outage, disk_full.")

    broken = tally.look(10)
    store.breaks = None

    assert broken == Tallied(**{name: getattr(known, name) for name in ("at", "slots", "outages", "subjects")},
                             problem="The store can't be asked: outage, disk_full.")  # fmt: skip
    assert tally.look(10).problem is None


def test_a_store_that_hangs_keeps_nobody_longer_than_told(store: Reads) -> None:
    tally, store.waits = Tally(store), threading.Event()
    try:
        late = [tally.look(0.01) for _ in range(3)]
    finally:
        store.waits.set()

    assert [one.problem for one in late] == ["The incident store did not answer within 0.01 seconds."] * 3
    assert tally.look(10).problem is None
    assert len(store.since) <= 2  # one thread read, however many asked


def test_a_fault_of_our_own_is_told_as_one(store: Reads, caplog: pytest.LogCaptureFixture) -> None:
    store.breaks = KeyError("secret")

    assert Tally(store).look(10).problem == (
        "The diagnostics failed (KeyError); the application's log says more."
    )
    assert "secret" not in caplog.text


def test_an_outage_that_lasts_is_in_the_tally(store: Reads) -> None:
    now = datetime.now(UTC)
    out = Classification(category=Category.OUTAGE, kind=Kind.ADMIN_SHUTDOWN)
    store.intake(Incident(classification=out, at=now, app="shop"))
    assert store.flush(10)
    lasting = Tally(store).look(10).outages
    store.intake.recovered(Recovery(at=now, app="shop", bind="default", since=now))
    assert store.flush(10)

    assert [one.ended for one in lasting] == [None]
    assert [one.ended for one in Tally(store).look(10).outages] == [now]
