"""Is it down, or is it one customer? What happened lately?"""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Response

from flask_diag._lately import Span, changes, tallied, timeline
from flask_diag._overview import lasting
from flask_diag._overview import overview as overview_of
from flask_diag._state import state

from ._chart import chart
from ._render import page

SHOWN = 10  # rows of each list: it is read at night
FEW = 3  # errors of one subject that are worth a word
RUNBOOKS = {
    "outage": "DiagDatabaseOutage",
    "contention": "DiagContention",
    "defect": "DiagDefectsAfterDeploy",
    "unknown": "DiagUnknownErrors",
}


def overview() -> Response:
    """Show each database, the last day and week over all replicas, and what this process met."""
    found = state()
    told = overview_of(found)
    known, now = tallied(found), datetime.now(UTC)
    out = lasting(found, known)
    return page(
        "overview.html",
        overview=told,
        problem=known.problem if found.store is not None else None,
        charts=tuple(chart(timeline(known, span, now)) for span in Span),
        changes=changes(known, now),
        out_since=min(
            [one.outage_since for one in told.databases if one.outage_since is not None]
            + [one.started for one in out],
            default=None,
        ),
        since={one.bind: one for one in out},
        last_outage=next((one for one in known.outages if one.ended is not None), None),
        runbooks=RUNBOOKS,
        shown=SHOWN,
        few=FEW,
        now=now,
    )
