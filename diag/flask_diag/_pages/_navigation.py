"""What stands above every page: the way to the others, and whether a database is down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import current_app, request, url_for

from flask_diag._probe import Probed
from flask_diag._state import State

from ._language import later, page_language, words

# the endpoint of each page that the bar names, and its word there; an application has those that are registered for it
_BAR = (
    ("overview", later("Overview")),
    ("blocked", later("Blocked")),
    ("incidents", later("Incidents")),
    ("outages", later("Outages")),
    ("audit", later("Audit")),
    ("runbooks", later("Runbooks")),
    ("settings", later("Settings")),
)
_WITHIN = {"runbook": "runbooks"}  # pages that are part of another's entry
RECENT = 2.0  # seconds that a database's last answer is good for
WAIT = 1.0  # seconds that a page waits for a database that may be down


@dataclass(frozen=True, slots=True)
class Entry:
    """A link of the bar.

    Attributes:
        current: the visitor is there.
    """

    address: str
    label: str
    current: bool


def entries(found: State) -> tuple[Entry, ...]:
    """Return the bar of the current page, in its language."""
    del found
    here = (request.endpoint or "").rpartition(".")[2]
    say = words(page_language()).gettext
    return tuple(
        Entry(url_for(f"flask_diag.{name}"), say(label), name == _WITHIN.get(here, here))
        for name, label in _BAR
        if f"flask_diag.{name}" in current_app.view_functions
    )


def banner(found: State) -> tuple[str, ...]:
    """Return the binds that are down now. Only where this process has met an outage is a database asked."""
    if not found.out:
        return ()
    last = found.prober.recent(RECENT, WAIT)
    return tuple(bind for bind, outage in found.outages.items() if outage.active and not _answers(last, bind))


def _answers(last: Mapping[str, Probed], bind: str) -> bool:
    return bind in last and last[bind].ok
