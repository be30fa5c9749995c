"""Insert a row, or fold it into the one that is there: the same on three databases."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import Table, case
from sqlalchemy.sql.dml import Insert

from ._tables import incident, outage

Merge = Callable[[Any, Any], dict[str, Any]]


@cache
def fold_incident(dialect: str) -> Insert:
    """Return the statement that adds incidents to a bucket."""
    return _upsert(dialect, incident, _folded)


@cache
def put_outage(dialect: str) -> Insert:
    """Return the statement that brings an outage up to date; its row is written by one process alone."""
    return _upsert(dialect, outage, lambda _, new: {name: new[name] for name in _OUTAGE_CHANGES})


_OUTAGE_CHANGES = ("last_seen", "ended", "kinds", "total")


def _folded(old: Any, new: Any) -> dict[str, Any]:
    """Return what changes, each from the old row: MySQL sets from left to right, so ``last_seen`` is the last."""
    later = new.last_seen >= old.last_seen
    return {
        "total": old.total + new.total,
        "request_id": case((later & new.request_id.is_not(None), new.request_id), else_=old.request_id),
        "sentry_event_id": case(
            (later & new.sentry_event_id.is_not(None), new.sentry_event_id), else_=old.sentry_event_id
        ),
        "first_seen": case((new.first_seen < old.first_seen, new.first_seen), else_=old.first_seen),
        "last_seen": case((later, new.last_seen), else_=old.last_seen),
    }


def _upsert(dialect: str, table: Table, merge: Merge) -> Insert:
    if dialect == "mysql":
        from sqlalchemy.dialects import mysql  # here and below: few applications have all three databases

        ours = mysql.insert(table)
        return ours.on_duplicate_key_update(list(merge(table.c, ours.inserted).items()))
    new = _insert(dialect, table)
    changes = merge(table.c, new.excluded)
    merged: Insert = new.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=changes)
    return merged


def _insert(dialect: str, table: Table) -> Any:
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)
