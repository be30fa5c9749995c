"""What a subject met lately, and in one sentence whether there was an outage then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from gettext import NullTranslations
from urllib.parse import quote

from flask_diag._history import history_under
from flask_diag._state import State
from flask_diag.store import History, Outage, StoreError

DAYS = 30
LIMIT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """What the store says of one subject.

    Attributes:
        history: None where nothing is known.
        unknown: why nothing is known: a sentence; empty where it is.
        sentence: whether there was an outage.
    """

    history: History | None
    unknown: str
    sentence: str


def met(found: State, names: tuple[str, ...], words: NullTranslations) -> Met:
    """Return what the subject with any of these *names* met in the last `DAYS` days. Asks the store alone."""
    if found.store is None:
        return _unknown(words.gettext("This application keeps no incidents (DIAG_STORE_URL is None)."), words)
    try:
        since = datetime.now(UTC) - timedelta(days=DAYS)
        history = history_under(found, found.store, tuple(dict.fromkeys(names)), since, LIMIT)
    except StoreError as error:
        return _unknown(str(error), words)
    return Met(history=history, unknown="", sentence=outage_sentence(history, words))


def _unknown(why: str, words: NullTranslations) -> Met:
    sentence = words.gettext("Whether there was an outage is not known: no incidents can be looked up.")
    return Met(history=None, unknown=why, sentence=sentence)


def outage_sentence(history: History, words: NullTranslations) -> str:
    """Say whether the subject's errors were met in an outage."""
    errors = sum(one.count for one in history.incidents)
    within = sum(one.count for one in history.incidents if one.outage is not None)
    if not errors:
        return words.gettext("No database error was met for it in the last %(days)d days.") % {"days": DAYS}
    if not within:
        return words.ngettext(
            "There was no outage when it met its error in the last %(days)d days: the database was serving.",
            "There was no outage when it met its %(errors)d errors in the last %(days)d days: the database was serving.",
            errors,
        ) % {"errors": errors, "days": DAYS}
    values = {"errors": errors, "within": within, "when": _times(history.outages, words)}
    if within == errors:
        return (
            words.ngettext(
                "There was an outage when it met its error (%(when)s).",
                "There was an outage when it met its %(errors)d errors (%(when)s).",
                errors,
            )
            % values
        )
    return (
        words.ngettext(
            "There was an outage (%(when)s): %(within)d of its %(errors)d errors fell into it, the rest did not.",
            "There was an outage (%(when)s): %(within)d of its %(errors)d errors fell into it, the rest did not.",
            within,
        )
        % values
    )


def _times(outages: tuple[Outage, ...], words: NullTranslations) -> str:
    """Return when the last of these outages was, in UTC."""
    last = outages[0]
    start = f"{last.started:%Y-%m-%d %H:%M}"
    if last.ended is None:
        return words.gettext("since %(start)s UTC, and it lasts") % {"start": start}
    if (last.ended - last.started).total_seconds() < 60:
        return words.gettext("for some seconds at %(start)s UTC") % {"start": start}
    same_day = last.ended.date() == last.started.date()
    end = f"{last.ended:%H:%M}" if same_day else f"{last.ended:%Y-%m-%d %H:%M}"
    return words.gettext("%(start)s to %(end)s UTC") % {"start": start, "end": end}


def sentry_link(found: State, event_id: str | None) -> str | None:
    """Return the page of an event in Sentry, or None where nobody said where that is."""
    pattern = found.settings.sentry_url
    return (
        None if pattern is None or not event_id else pattern.replace("{event_id}", quote(event_id, safe=""))
    )
