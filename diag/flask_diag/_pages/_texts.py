"""How names, numbers and moments are written on a page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from gettext import NullTranslations
from typing import Any

from babel import Locale
from babel.dates import format_timedelta
from babel.units import format_unit
from markupsafe import Markup, escape

from flask_diag._visible import visible

from ._language import later

_UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


def shown(text: Any) -> Markup:
    """Return a name for a page: it keeps its direction to itself, and hides nothing."""
    plain = visible(text)
    return escape(plain) if plain.isascii() else Markup("<bdi>{}</bdi>").format(plain)


def number(value: float) -> str:
    """Return 12345 as ``12,345``."""
    return f"{value:,}"


def day(at: datetime) -> str:
    """Return ``2026-01-15``, in UTC."""
    return f"{_utc(at):%Y-%m-%d}"


def stamp(at: datetime) -> Markup:
    """Return a moment for people and for programs, in UTC, to the second."""
    at = _utc(at).replace(microsecond=0)
    return Markup(f'<time datetime="{at.isoformat()}">{at:%Y-%m-%d %H:%M:%S} UTC</time>')  # noqa: S704 digits


def ago(language: str, at: datetime) -> str:
    """Return ``3 hours ago``, in *language*."""
    return format_timedelta(_utc(at) - datetime.now(UTC), add_direction=True, locale=_locale(language))


@cache
def _locale(language: str) -> Locale:
    """Return what Babel knows of *language*: it would look that up anew for each moment."""
    return Locale.parse(language)


def moment(language: str, at: datetime) -> Markup:
    """Return a moment, and how long ago it was, in *language*."""
    return Markup(f'{stamp(at)} <span class="note">({escape(ago(language, at))})</span>')  # noqa: S704 both are markup


def length_of(language: str, length: timedelta) -> str:
    """Return ``1 hour 12 minutes``, in *language*: the two largest units that there are, or ``0 seconds``."""
    left, said = max(0, int(length.total_seconds())), []
    for unit, seconds in _UNITS:
        count, left = divmod(left, seconds)
        if count:
            said.append(format_unit(count, unit, "long", locale=language))
    return " ".join(said[:2]) or format_unit(0, "second", "long", locale=language)


_CATEGORIES = {
    "outage": later("outage"),
    "contention": later("contention"),
    "business_rule": later("business rule"),
    "defect": later("defect"),
    "unknown": later("unknown"),
}


def category(words: NullTranslations, name: str) -> str:
    """Return a category of errors for people."""
    return words.gettext(_CATEGORIES.get(name, name))


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
