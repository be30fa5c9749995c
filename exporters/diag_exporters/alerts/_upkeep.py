"""Blocked deletions, and our own health: nothing here is urgent."""

from __future__ import annotations

from collections.abc import Iterator

from diag_exporters._catalogue import (
    BLOCKED_PROJECTS,
    EXPORTER_FAILURES,
    INCIDENTS_DROPPED,
    SCAN_LAST_SUCCESS,
    Metric,
)
from diag_exporters._promql import number

from ._rule import DAY, HOUR, MINUTE, Alert, Recording, Severity, Terms

_NOW, _BEFORE = "diag:blocked_projects:max", "diag:blocked_projects:max_day_before"


def upkeep_alerts(terms: Terms) -> Iterator[Alert]:
    """Yield the alerts of the scan, of what it found, and of what was lost on the way."""
    yield _stale(terms)
    yield _growing(terms)
    yield _dropped(terms)
    yield _exporter(terms)


def _stale(terms: Terms) -> Alert:
    last = f"max by {terms.by} ({terms.vector(SCAN_LAST_SUCCESS)})"
    age = terms.options.scan_max_age * HOUR
    return Alert(
        name="DiagScanStale",
        severity=Severity.TICKET,
        wait=HOUR,
        expr=f"time() - ({last} > 0) > {number(age * terms.options.time_scale)}",
        summary=f"The figures of what cannot be deleted in {terms.who} are old: support may tell people what was true once.",
        description="The last scan that ended well was {{ $value | humanizeDuration }} ago.",
    )


def recordings(terms: Terms) -> Iterator[Recording]:
    """Yield how many are blocked, by rule, and how many were a day before.

    A rule that yesterday's scan did not meet counts from nothing; before the first scan there is no growth.
    """
    by, day = terms.by_also("rule"), terms.time(DAY)
    now = f"max by {by} ({terms.vector(BLOCKED_PROJECTS)})"
    before = f"max by {by} ({terms.vector(BLOCKED_PROJECTS)} offset {day})"
    scanned = f"max by {terms.by} ({terms.vector(SCAN_LAST_SUCCESS)} offset {day}) > 0"
    yield Recording(name=_NOW, expr=now)
    yield Recording(name=_BEFORE, expr=f"{before}\nor\n({now} * 0 and on {terms.by} {scanned})")


def _growing(terms: Terms) -> Alert:
    now, before = terms.recorded(_NOW), terms.recorded(_BEFORE)
    factor = number(1 + terms.options.blocked_growth / 100)
    return Alert(
        name="DiagBlockedProjectsGrowing",
        severity=Severity.TICKET,
        wait=HOUR,
        expr=f"{now} - {before} >= {terms.options.blocked_min}\nand\n{now} > {factor} * {before}",
        summary=f"More and more projects of {terms.who} cannot be deleted: their owners will ask support.",
        description='{{ printf "%.0f" $value }} more than '
        f"{terms.time(DAY)} ago are blocked by {{{{ $labels.rule }}}}.",
    )


def _dropped(terms: Terms) -> Alert:
    return Alert(
        name="DiagIncidentsDropped",
        severity=Severity.TICKET,
        wait=0,
        expr=f"{_lost(terms, INCIDENTS_DROPPED, 'reason')} >= 1",
        summary=f"The history of {terms.who} has gaps: support will not find some errors that people met.",
        description='Incidents that never reached the store: {{ printf "%.0f" $value }}, because of {{ $labels.reason }}.',
    )


def _exporter(terms: Terms) -> Alert:
    return Alert(
        name="DiagExporterFailing",
        severity=Severity.TICKET,
        wait=0,
        expr=f"{_lost(terms, EXPORTER_FAILURES, 'exporter')} >= 1",
        summary=f"Errors of {terms.who} are missing from one of the places where people look for them.",
        description='Incidents that the exporter {{ $labels.exporter }} did not take: {{ printf "%.0f" $value }}. Its first '
        "failure is in the log of flask_diag.",
    )


def _lost(terms: Terms, metric: Metric, why: str) -> str:
    return f"sum by {terms.by_also(why)} (increase({terms.vector(metric)}[{terms.time(30 * MINUTE)}]))"
