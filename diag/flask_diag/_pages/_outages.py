"""When a database was out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Response

from flask_diag._state import State, state
from flask_diag.store import Outage, StoreError

from ._query import PERIODS, period
from ._render import page


def _rows(found: State, since: datetime, until: datetime) -> tuple[tuple[Outage, ...], str | None]:
    """Return the outages, or none and why."""
    if found.store is None:
        return (), None
    try:
        return found.store.outages(since, until), None
    except StoreError as error:
        return (), str(error)


def outages() -> Response:
    """List the outages over all replicas, the latest first."""
    found, now = state(), datetime.now(UTC)
    length = period("30d")
    rows, problem = _rows(found, now - length.length, now)
    total = sum(((one.ended or now) - max(one.started, now - length.length) for one in rows), timedelta())
    return page(
        "outages.html",
        outages=rows,
        problem=problem,
        now=now,
        period=length,
        periods=PERIODS,
        total=total,
        minute=timedelta(minutes=1),
    )
