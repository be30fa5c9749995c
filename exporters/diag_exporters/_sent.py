"""Which event an error was sent to Sentry as, for the exporters that come after Sentry's."""

from __future__ import annotations

from contextlib import suppress

_ATTRIBUTE = "_diag_sentry_event_id"


def note_event_id(error: BaseException | None, event_id: str | None) -> None:
    """Note on *error* that it was sent; nothing where either is missing."""
    if error is not None and event_id:
        with suppress(AttributeError):  # an exception class without a __dict__
            setattr(error, _ATTRIBUTE, event_id)


def event_id_of(error: BaseException | None) -> str | None:
    """Return the id of the Sentry event of *error*, or None."""
    found = getattr(error, _ATTRIBUTE, None)
    return found if isinstance(found, str) else None
