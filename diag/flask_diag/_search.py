"""Find subjects by the start of their name or by their key, forgiving, page by page."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Dialect

from ._report import Unknown, Unreachable, in_time
from ._state import State, subject_in
from ._subject import MAX_TEXT, Subject, key_text, well_formed
from ._verdicts import own_connection


@dataclass(frozen=True, slots=True)
class Match:
    """A subject that was found.

    Attributes:
        key: as text, for an address.
        label: what people call it.
    """

    key: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What a search found.

    Attributes:
        suggestions: names like what was asked for, where nothing was found, the nearest first.
        next: what to give as `after` for the following ones; null at the end.
    """

    items: tuple[Match, ...]
    suggestions: tuple[str, ...] = ()
    next: str | None = None


def search_in_time(
    state: State, text: str, limit: int, after: str | None
) -> Searched | Unknown | Unreachable:
    """Do the same as `search` within the time limit, and with an answer where there is no database."""
    return in_time(state, "searching", lambda: search(state, text, limit, after))


def search(state: State, text: str, limit: int, after: str | None = None) -> Searched | Unknown:
    """Return up to *limit* subjects whose name starts with *text*; the one that has it as its key comes first.

    Args:
        state: the application's diagnostics.
        text: a name or its start in any case, or a key; empty for all.
        limit: at least 1.
        after: ``next`` of the page before.

    Raises:
        RuntimeError: the application named no subject.
        SQLAlchemyError: the database can't be asked.
    """
    subject = subject_in(state)
    text = well_formed(text).strip()[:MAX_TEXT]
    behind = None if after is None else _position(after, subject, state.engine().dialect)
    if after is not None and behind is None:
        return Unknown("There is no such page: take `next` of the page before.")
    with own_connection(state.engine(), state.settings.check_timeout) as connection:
        rows = subject.search(connection, text, limit + 1, behind)
        found = [Match(key_text(key), label) for key, label in rows]
        own = None if behind is not None or not text else subject.with_key(connection, text)
        if own is not None and own[0] not in {key for key, _ in rows[:limit]}:
            found.insert(0, Match(key_text(own[0]), own[1]))
        if not found:
            return Searched(items=(), suggestions=tuple(subject.near(connection, text)))
    more = len(rows) > limit
    return Searched(
        items=tuple(found[: limit + len(found) - len(rows)]), next=_cursor(rows[limit - 1]) if more else None
    )


def _cursor(row: tuple[Any, str]) -> str:
    key, label = row
    written = json.dumps([label, key_text(key)], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")


def _position(cursor: str, subject: Subject, dialect: Dialect) -> tuple[str, Any] | None:
    """Return the label and the key after which a page starts, or None for a text that is no cursor of ours."""
    try:
        read = json.loads(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):  # a thousand brackets
        return None
    if not isinstance(read, list) or len(read) != 2 or not all(isinstance(one, str) for one in read):
        return None
    label, key = read[0].replace("\0", ""), subject.key_from(read[1].replace("\0", ""), dialect)
    return None if key is None else (label, key)
