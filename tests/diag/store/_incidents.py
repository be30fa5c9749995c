"""Incidents to put into a store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from diag_exporters import Incident, Recovery
from diag_rules.errors import Category, Classification, Kind
from flask_diag.store import Store

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
EVER = (NOON - timedelta(days=3650), NOON + timedelta(days=3650))
BROKEN_RULE = Classification(
    category=Category.BUSINESS_RULE,
    kind=Kind.FOREIGN_KEY_VIOLATION,
    sqlstate="23503",
    dialect="postgresql",
    constraint="fk_invoices",
)
OUT = Classification(
    category=Category.OUTAGE, kind=Kind.ADMIN_SHUTDOWN, sqlstate="57P01", dialect="postgresql"
)


def after(seconds: float) -> datetime:
    """Return a moment, by the seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def met(classification: Classification = BROKEN_RULE, *, at: datetime = NOON, **others: Any) -> Incident:
    """Return an incident of the shop."""
    return Incident(classification=classification, at=at, app="shop", **others)


def back(at: datetime, since: datetime = NOON, bind: str = "default") -> Recovery:
    """Return the end of an outage."""
    return Recovery(at=at, app="shop", bind=bind, since=since)


def counted(store: Store) -> int:
    """Return how many incidents the store holds."""
    return sum(total.count for total in store.totals(*EVER, seconds=86_400 * 30))
