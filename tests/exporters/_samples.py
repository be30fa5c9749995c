"""Incidents to publish."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from diag_exporters import Incident
from diag_rules.errors import Category, Classification, Kind, Retry

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def broken_rule(**changes: Any) -> Incident:
    """Return the incident of the deletion that was called an outage."""
    found = Classification(
        category=Category.BUSINESS_RULE,
        kind=Kind.NOT_NULL_VIOLATION,
        sqlstate="23502",
        dialect="postgresql",
        driver="psycopg",
        table="role_invitations",
        columns=("project_id",),
        evidence="code 23502",
    )
    return _incident(found, deletion_of="Project", subject="Project", subject_key="1", **changes)


def outage(**changes: Any) -> Incident:
    """Return the incident of a server that nobody reaches."""
    found = Classification(
        category=Category.OUTAGE,
        kind=Kind.CONNECTION_REFUSED,
        dialect="postgresql",
        driver="psycopg",
        retry=Retry.TRANSACTION,
        evidence="class ConnectionRefusedError",
    )
    return _incident(found, **changes)


def defect(**changes: Any) -> Incident:
    """Return the incident of a table that does not exist."""
    found = Classification(
        category=Category.DEFECT,
        kind=Kind.UNDEFINED_TABLE,
        sqlstate="42P01",
        dialect="postgresql",
        evidence="code",
    )
    return _incident(found, **changes)


def unique(constraint: str, **changes: Any) -> Incident:
    """Return the incident of a value that exists already."""
    found = Classification(
        category=Category.BUSINESS_RULE,
        kind=Kind.UNIQUE_VIOLATION,
        sqlstate="23505",
        dialect="postgresql",
        constraint=constraint,
        evidence="code 23505",
    )
    return _incident(found, **changes)


def _incident(found: Classification, **changes: Any) -> Incident:
    known: dict[str, Any] = {
        "classification": found,
        "at": AT,
        "app": "index",
        "endpoint": "delete_project",
        "route": "/projects/<name>",
        "method": "DELETE",
        "request_id": "r-1",
    }
    return Incident(**{**known, **changes})
