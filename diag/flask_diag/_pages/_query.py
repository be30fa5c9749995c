"""What a page is asked for: periods, and choices that a list may be narrowed to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flask import request

from ._language import later

MAX_TEXT = 200


@dataclass(frozen=True, slots=True)
class Period:
    """How far back a list goes.

    Attributes:
        name: in the address.
        label: for the catalogue.
    """

    name: str
    label: str
    length: timedelta


PERIODS = (
    Period("1h", later("the last hour"), timedelta(hours=1)),
    Period("24h", later("the last 24 hours"), timedelta(days=1)),
    Period("7d", later("the last 7 days"), timedelta(days=7)),
    Period("30d", later("the last 30 days"), timedelta(days=30)),
    Period("90d", later("the last 90 days"), timedelta(days=90)),
)


def period(default: str) -> Period:
    """Return the period that ``last=`` names, or the one called *default*."""
    known = {one.name: one for one in PERIODS}
    return known.get(request.args.get("last", ""), known[default])


def text(name: str) -> str | None:
    """Return what was given for *name*, without what no database takes, or None."""
    return request.args.get(name, "").replace("\0", "").strip()[:MAX_TEXT] or None


def choice(name: str, choices: Iterable[str]) -> str | None:
    """Return what was given for *name* where it is one of *choices*, else None."""
    given = request.args.get(name)
    return given if given in set(choices) else None


def moment(name: str) -> datetime | None:
    """Return the moment that was given for *name* (``2026-11-23T02:30``, in UTC unless it says otherwise), or None."""
    try:
        given = datetime.fromisoformat(request.args.get(name, ""))
        return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
