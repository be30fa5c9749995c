"""What was met lately, over all replicas: the timeline, and what changed since the day before.

Made from the tally alone, so that the page and the API cost no question of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from diag_rules.errors import Category

from ._state import State
from ._tally import HOUR, SLOT, Sort, Tallied, start_of
from .store import Outage

DAY, WEEK = timedelta(days=1), timedelta(days=7)


class Span(StrEnum):
    """How far back a timeline goes."""

    DAY = "day"
    WEEK = "week"


# how long each slot of a timeline is: 48 of them in a day, 56 in a week
SECONDS = {Span.DAY: SLOT, Span.WEEK: 6 * SLOT}
LENGTHS = {Span.DAY: DAY, Span.WEEK: WEEK}


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A part of a timeline.

    Attributes:
        counts: the errors in it, by category; all categories, with 0 for none.
    """

    start: datetime
    counts: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Errors and outages over all replicas, up to now.

    Attributes:
        since: when the first slot starts.
        until: up to when it is known; null where the store has told nothing yet.
        seconds: the length of a slot. The last one is not over yet.
        slots: the earliest first; those without errors are there, too.
        outages: those that fall into it, the latest first.
        problem: why the store does not tell now, so that the newest may be missing; null where it does.
    """

    span: Span
    since: datetime
    until: datetime | None
    seconds: int
    slots: tuple[Slot, ...]
    outages: tuple[Outage, ...]
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How often something was met.

    Attributes:
        category: of the errors, or null where they are of several.
        kind: their exact sort, or null where they are of several.
        broke: the constraint, or `table.columns`, or null.
        count: in the last 24 hours.
        before: in the 24 hours before those.
        new: met in the last 24 hours, and not in the week before them.
    """

    category: str | None
    kind: str | None
    broke: str | None
    count: int
    before: int
    new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What was met in the last 24 hours, beside the 24 hours before.

    Attributes:
        since: when the last 24 hours began, to the half hour.
        until: up to when it is known; null where the store has told nothing yet.
        categories: all of them, in the order in which they matter.
        kinds: what was met in either, the most frequent first.
        constraints: what was broken in either, the most frequently broken first.
        problem: why the store does not tell now, so that the newest may be missing; null where it does.
    """

    since: datetime
    until: datetime | None
    categories: tuple[Change, ...]
    kinds: tuple[Change, ...]
    constraints: tuple[Change, ...]
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastHour:
    """Is it everybody, or is it one customer?

    Attributes:
        since: one hour ago, to the half hour before.
        count: errors since then, over all replicas.
        subject: the key of the subject that most of them are about, or null where there is none.
        of_subject: how many of them are about it.
    """

    since: datetime
    count: int
    subject: str | None
    of_subject: int


def tallied(state: State, seconds: float | None = None) -> Tallied:
    """Return what all replicas met, after *seconds* at most, by default ``DIAG_CHECK_TIMEOUT``."""
    if state.tally is None:
        return Tallied(problem="This application has no incident store: DIAG_STORE_URL is None.")
    return state.tally.look(state.settings.check_timeout if seconds is None else seconds)


def timeline(tallied: Tallied, span: Span, now: datetime) -> Timeline:
    """Return the timeline up to *now*."""
    step = SECONDS[span]
    last = start_of(now, step)
    since = last - LENGTHS[span] + timedelta(seconds=step)
    counts: dict[datetime, Counter[str]] = {}
    for at, met in tallied.slots.items():
        slot = counts.setdefault(start_of(at, step), Counter())
        for sort, count in met.items():
            slot[sort.category] += count
    starts = [
        since + timedelta(seconds=step * number)
        for number in range(int(LENGTHS[span].total_seconds()) // step)
    ]
    return Timeline(
        span=span,
        since=since,
        until=tallied.at,
        seconds=step,
        slots=tuple(Slot(start=at, counts=_by_category(counts.get(at, Counter()))) for at in starts),
        outages=tuple(one for one in tallied.outages if one.overlaps(since, now)),
        problem=tallied.problem,
    )


def changes(tallied: Tallied, now: datetime) -> Changes:
    """Return what the last 24 hours had, beside the 24 hours before."""
    since = start_of(now, SLOT) - DAY + timedelta(seconds=SLOT)
    late = _sum(tallied, since, now + DAY)  # a replica's clock may be ahead
    before, week = _sum(tallied, since - DAY, since), _sum(tallied, since - WEEK, since)

    def told(key: Callable[[Sort], tuple[str | None, str | None, str | None] | None]) -> list[Change]:
        return _changes(*(_regrouped(one, key) for one in (late, before, week)))

    categories = {one.category: one for one in told(lambda sort: (sort.category, None, None))}
    return Changes(
        since=since,
        until=tallied.at,
        categories=tuple(categories.get(name) or _none(name) for name in map(str, Category)),
        kinds=tuple(told(lambda sort: (sort.category, sort.kind, None))),
        constraints=tuple(told(lambda sort: (sort.category, sort.kind, sort.broke) if sort.broke else None)),
        problem=tallied.problem,
    )


def last_hour(tallied: Tallied, now: datetime) -> LastHour | None:
    """Return what was met since an hour ago; None where the store has told nothing yet."""
    if tallied.at is None:
        return None
    since = start_of(now - HOUR, SLOT)
    top = tallied.subjects[0] if tallied.subjects else None
    return LastHour(
        since=since,
        count=_sum(tallied, since, now + DAY).total(),
        subject=None if top is None else top.value,
        of_subject=0 if top is None else top.count,
    )


def _by_category(counts: Counter[str]) -> dict[str, int]:
    return {str(category): counts[category] for category in Category}


def _sum(tallied: Tallied, since: datetime, until: datetime) -> Counter[Sort]:
    found: Counter[Sort] = Counter()
    for at, met in tallied.slots.items():
        if since <= at < until:
            found.update(met)
    return found


Key = tuple[str | None, str | None, str | None]


def _regrouped(counts: Counter[Sort], key: Callable[[Sort], Key | None]) -> Counter[Key]:
    found: Counter[Key] = Counter()
    for sort, count in counts.items():
        group = key(sort)
        if group is not None:
            found[group] += count
    return found


def _changes(late: Counter[Key], before: Counter[Key], week: Counter[Key]) -> list[Change]:
    """Return what was met in either day, the most frequent first."""
    found = [
        Change(
            category=key[0],
            kind=key[1],
            broke=key[2],
            count=late[key],
            before=before[key],
            new=bool(late[key]) and not week[key],
        )
        for key in _keys(late, before)
    ]
    return sorted(found, key=lambda one: (-one.count, -one.before, one.kind or "", one.broke or ""))


def _keys(*counters: Counter[Key]) -> Iterable[Key]:
    return dict.fromkeys(key for counter in counters for key in counter)


def _none(category: str) -> Change:
    return Change(category=category, kind=None, broke=None, count=0, before=0, new=False)
