"""What one subject met, found by any of the names under which it may have been noted."""

from __future__ import annotations

from datetime import datetime

from ._report import in_time
from ._state import State
from ._subject import MAX_TEXT, key_text, well_formed
from ._verdicts import own_connection
from .store import History, Store


def history(state: State, store: Store, text: str, since: datetime | None, limit: int) -> History:
    """Return what the subject met that *text* names, by its key or as people call it, the latest first.

    A subject that is gone, or whose database is out, still has its history, under the text that was given.

    Raises:
        StoreError: the store can't be asked.
    """
    return history_under(state, store, keys_of(state, text), since, limit)


def history_under(
    state: State, store: Store, names: tuple[str, ...], since: datetime | None, limit: int
) -> History:
    """Return what the subject met that was noted under any of *names*; asks the store alone.

    Raises:
        StoreError: the store can't be asked.
    """
    subject = state.subject.name if state.subject is not None else ""
    return store.history(subject, names, since=since, limit=limit)


def keys_of(state: State, text: str) -> tuple[str, ...]:
    """Return the texts under which incidents of a subject may be kept: its key, its label, and *text* itself."""
    text = well_formed(text).strip()[:MAX_TEXT]
    found = in_time(state, "looking up a subject", lambda: _key_and_label(state, text))
    names = found if isinstance(found, tuple) else ()
    return tuple(dict.fromkeys((*names, text)))


def _key_and_label(state: State, text: str) -> tuple[str, ...]:
    if state.subject is None:
        return ()
    with own_connection(state.engine(), state.settings.check_timeout) as connection:
        key, label = state.subject.find(connection, text)
        return key_text(key)[:MAX_TEXT], label[:MAX_TEXT]
