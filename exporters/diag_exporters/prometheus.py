"""Prometheus: incidents as counters of few labels.

All applications of a process that use one registry share one set of counters, so two applications, an
application factory called twice, or a second `Diagnostics` count together and nothing is registered twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from prometheus_client import REGISTRY, CollectorRegistry

from diag_rules.errors import Category, Kind

from ._catalogue import (
    BLOCKED_PROJECTS,
    DB_ERRORS,
    ENDPOINT_ERRORS,
    EXPORTER_FAILURES,
    INCIDENTS_DROPPED,
    POOL_TIMEOUTS,
    SCAN_DURATION,
    SCAN_LAST_SUCCESS,
    SENTRY_HELD_BACK,
    STORE_QUEUE,
)
from ._incident import Incident, Recovery
from ._metrics import Metrics, metrics_of
from .workers import directory

OUTSIDE = "outside_requests"
UNMATCHED = "unmatched"
EXEMPLAR_EVERY = 1.0  # seconds between two exemplars of a series: a scrape, far rarer, sees the last one only
_OUTAGE = Category.OUTAGE.value
MAX_EXEMPLAR = 100  # characters of ids; OpenMetrics takes 128 with the labels' names


class PrometheusExporter:
    """Counts incidents. An `Exporter` with ``recovered``, ``exporter_failed`` and ``held_back``.

    Args:
        registry: where it counts.
        clock: seconds, monotonic.

    Attributes:
        registry: where it counts.
        metrics: the metrics themselves, for what is no incident.
        lasting: what is counted here is still counted when this process has ended.
    """

    name = "prometheus"

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float] = time.monotonic) -> None:
        self.registry = registry
        self.metrics: Metrics = metrics_of(registry)
        self._clock = clock
        self.lasting = directory() is not None  # in files, which hold no exemplars
        self._shown: dict[str, float] = {}

    def __call__(self, incident: Incident) -> None:
        """Count *incident*; an outage sets the gauge."""
        found, metrics = incident.classification, self.metrics
        category, kind = found.category._value_, found.kind._value_
        metrics.child(DB_ERRORS, category, kind).inc(
            1, None if self.lasting else self._exemplar(incident, kind)
        )
        metrics.child(ENDPOINT_ERRORS, _place(incident), category).inc()
        if category == _OUTAGE:
            metrics.outage(incident.app, incident.bind, incident.at)
            if found.kind is Kind.POOL_TIMEOUT:
                metrics.child(POOL_TIMEOUTS, incident.app, incident.bind).inc()

    def _exemplar(self, incident: Incident, kind: str) -> dict[str, str] | None:
        """Return what leads from a graph to the very request, where it is time for another one of this *kind*."""
        now = self._clock()
        if now - self._shown.get(kind, -EXEMPLAR_EVERY) < EXEMPLAR_EVERY:
            return None
        self._shown[kind] = now
        return _exemplar(incident)

    def recovered(self, recovery: Recovery) -> None:
        """Clear the gauge for a database that answers again."""
        self.metrics.outage(recovery.app, recovery.bind, None)

    def exporter_failed(self, name: str) -> None:
        """Count an incident that the exporter *name* did not take."""
        self.metrics.child(EXPORTER_FAILURES, name).inc()

    def held_back(self, category: str) -> None:
        """Count an event that was kept from Sentry."""
        self.metrics.child(SENTRY_HELD_BACK, category).inc()

    def incidents_dropped(self, reason: str, count: int) -> None:
        """Count incidents that the store will never get; *reason* is one of the catalogue's."""
        self.metrics.child(INCIDENTS_DROPPED, reason).inc(count)

    def store_queue(self, length: int) -> None:
        """Show how many incidents wait to be written to the store."""
        self.metrics.set(STORE_QUEUE, length)

    def scanned(self, blocked: Mapping[str, int], *, ended: datetime, seconds: float) -> None:
        """Show a scan's result: subjects blocked by each rule, when it ended (aware), how long it took."""
        self.metrics.replace(BLOCKED_PROJECTS, {(rule,): float(count) for rule, count in blocked.items()})
        self.metrics.set(SCAN_LAST_SUCCESS, ended.timestamp())
        self.metrics.set(SCAN_DURATION, seconds)

    def expect(self, names: Iterable[str]) -> None:
        """Let ``diag_exporter_failures_total`` start at 0 for *names*."""
        for name in names:
            self.metrics.child(EXPORTER_FAILURES, name)


def prometheus(registry: CollectorRegistry | None = None) -> PrometheusExporter:
    """Return an exporter that counts into *registry*, by default prometheus_client's own.

    Raises:
        ValueError: *registry* holds a metric of somebody else under one of our names.
    """
    return PrometheusExporter(REGISTRY if registry is None else registry)


def _place(incident: Incident) -> str:
    if incident.endpoint is None:
        return OUTSIDE
    return incident.route or UNMATCHED


def _exemplar(incident: Incident) -> dict[str, str] | None:
    """Return what leads from a graph to the very request; shown where OpenMetrics is asked for."""
    if incident.trace_id is not None and len(incident.trace_id) <= MAX_EXEMPLAR:
        return {"trace_id": incident.trace_id}
    if incident.request_id is not None and len(incident.request_id) <= MAX_EXEMPLAR:
        return {"request_id": incident.request_id}
    return None
