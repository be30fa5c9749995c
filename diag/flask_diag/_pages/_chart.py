"""Where each bar of a timeline stands.

All places are in per cent of the drawing, which has no size of its own: it is as wide as the page lets it be, its text
stays as large as the page's, and no style has to be written into it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from diag_rules.errors import Category
from flask_diag._lately import Slot, Span, Timeline
from flask_diag.store import Outage

AXIS = 1.5  # the height of the times below, where a lane's is 2.25
LANE = 2.25
LANES = 1 + len(Category)  # the outages, and each category
FULL = LANES * LANE + AXIS
LEAST = 0.12  # of a lane: one error must be seen beside thousands
FEW = 5  # a lane's scale ends here at least: one error is no tower
TICKS = {Span.DAY: timedelta(hours=3), Span.WEEK: timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, each side in per cent with its sign."""

    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """The bars of one category.

    Attributes:
        total: the errors in all of them.
        most: the errors in the highest.
        top: the line above it.
    """

    category: str
    total: int
    most: int
    top: str
    bars: tuple[Box, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """An outage.

    Attributes:
        lane: its place in the lane of outages.
        through: the band behind all others.
    """

    outage: Outage
    lane: Box
    through: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What is told of a slot where somebody points at it."""

    slot: Slot
    end: datetime
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A time on the axis.

    Attributes:
        weight: 0 for those that are there in any case, 1 for those that need some room, 2 for those that need much.
    """

    at: datetime
    x: str
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A timeline, drawn.

    Attributes:
        floor: where the lanes end and the axis begins.
        peak: the slot with the most errors, or None without any.
    """

    timeline: Timeline
    until: datetime
    lanes: tuple[Lane, ...]
    bands: tuple[Band, ...]
    columns: tuple[Column, ...]
    ticks: tuple[Tick, ...]
    floor: str
    total: int
    peak: Column | None


def chart(timeline: Timeline) -> Chart:
    """Return the places of all that *timeline* has."""
    until = timeline.since + timedelta(seconds=timeline.seconds * len(timeline.slots))
    columns = tuple(_columns(timeline))
    lanes = tuple(_lane(timeline, number, str(category)) for number, category in enumerate(Category, 1))
    peak = max(columns, key=lambda one: sum(one.slot.counts.values()))
    return Chart(
        timeline=timeline,
        until=until,
        lanes=lanes,
        bands=tuple(_band(one, timeline.since, until, timeline.until or until) for one in timeline.outages),
        columns=columns,
        ticks=tuple(_ticks(timeline, until)),
        floor=_height(LANES * LANE),
        total=sum(lane.total for lane in lanes),
        peak=peak if any(peak.slot.counts.values()) else None,
    )


def _columns(timeline: Timeline) -> Iterator[Column]:
    wide = 100 / len(timeline.slots)
    for number, slot in enumerate(timeline.slots):
        box = Box(_cent(number * wide), "0%", _cent(wide), _height(LANES * LANE))
        yield Column(slot=slot, end=slot.start + timedelta(seconds=timeline.seconds), box=box)


def _lane(timeline: Timeline, number: int, category: str) -> Lane:
    counts = [slot.counts[category] for slot in timeline.slots]
    most, wide = max(counts), 100 / len(counts)
    return Lane(
        category=category,
        total=sum(counts),
        most=most,
        top=_height(number * LANE),
        bars=tuple(
            _bar((place + 0.12) * wide, 0.76 * wide, number, max(LEAST, count / max(most, FEW)))
            for place, count in enumerate(counts)
            if count
        ),
    )


def _bar(x: float, width: float, number: int, part: float) -> Box:
    tall = 0.88 * LANE * part
    return Box(_cent(x), _height((number + 1) * LANE - tall), _cent(width), _height(tall))


def _band(outage: Outage, since: datetime, until: datetime, now: datetime) -> Band:
    """Return the place of an outage; one that lasts is drawn up to *now*."""
    first, last = max(outage.started, since), min(outage.ended or now, until)
    x = _share(first, since, until)
    wide = max(_share(last, since, until) - x, 0.5)  # a second of a week is seen, too
    x = min(x, 100 - wide)
    return Band(
        outage=outage,
        lane=Box(_cent(x), _height(0.2 * LANE), _cent(wide), _height(0.6 * LANE)),
        through=Box(_cent(x), "0%", _cent(wide), _height(LANES * LANE)),
    )


def _ticks(timeline: Timeline, until: datetime) -> Iterator[Tick]:
    """Yield the round hours, or the midnights in UTC, that have room for their text."""
    step = TICKS[timeline.span]
    at = timeline.since.replace(hour=0, minute=0, second=0, microsecond=0)
    number = 0
    while at < until:
        place = _share(at, timeline.since, until)
        if 3 <= place <= 96:
            yield Tick(at=at, x=_cent(place), weight=(0, 2, 1, 2)[number % 4])
            number += 1
        at += step


def _share(moment: datetime, since: datetime, until: datetime) -> float:
    return 100 * ((moment - since) / (until - since))


def _height(of_full: float) -> str:
    return _cent(100 * of_full / FULL)


def _cent(value: float) -> str:
    return f"{value:.2f}%"
