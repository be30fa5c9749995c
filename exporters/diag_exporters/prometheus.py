"""Prometheus: incidents as counters of few labels.

All applications of a process that use one registry share one set of counters, so two applications, an
application factory called twice, or a second `Diagnostics` count together and nothing is registered twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from threading import Lock
from weakref import WeakKeyDictionary

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from diag_rules.errors import PAIRS, Category, Kind

from ._catalogue import DB_ERRORS, EXPORTER_FAILURES, OUTAGE_ACTIVE
from ._incident import Incident, Recovery


class Metrics(Collector):
    """The metrics of one registry; itself the collector that is registered there.

    The counters know no registry, so that a registry which the application forgets can go.
    """

    def __init__(self) -> None:
        self._errors = Counter(DB_ERRORS.name, DB_ERRORS.help, DB_ERRORS.label_names, registry=None)
        self._failures = Counter(
            EXPORTER_FAILURES.name, EXPORTER_FAILURES.help, EXPORTER_FAILURES.label_names, registry=None
        )
        self._outage = Gauge(
            OUTAGE_ACTIVE.name, OUTAGE_ACTIVE.help, registry=None, multiprocess_mode="livemax"
        )
        self._children: dict[tuple[Category, Kind], Counter] = {}
        self._out: set[tuple[str, str]] = set()
        self._lock = Lock()
        for category, kind in PAIRS:
            self.errors(category, kind)

    def collect(self) -> Iterator[Family]:
        """Yield the families with their samples."""
        for metric in (self._errors, self._outage, self._failures):
            yield from metric.collect()

    def describe(self) -> Iterable[Family]:
        """Return the families without samples: the registry refuses another metric of the same name."""
        return [
            family for metric in (self._errors, self._outage, self._failures) for family in metric.describe()
        ]

    def errors(self, category: Category, kind: Kind) -> Counter:
        """Return the counter of a pair, made once: ``labels()`` costs four times as much as ``inc()``."""
        child = self._children.get((category, kind))
        if child is None:
            child = self._children[category, kind] = self._errors.labels(str(category), str(kind))
        return child

    def failures(self, exporter: str) -> Counter:
        """Return the counter of an exporter's failures."""
        return self._failures.labels(exporter)

    def outage(self, app: str, bind: str, *, active: bool) -> None:
        """Note that a database is out, or back; the gauge is 1 while any is out."""
        with self._lock:
            (self._out.add if active else self._out.discard)((app, bind))
            self._outage.set(1 if self._out else 0)


class PrometheusExporter:
    """Counts incidents. An `Exporter` with ``recovered`` and ``exporter_failed``."""

    name = "prometheus"

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._metrics = _metrics_of(registry)

    def __call__(self, incident: Incident) -> None:
        """Count *incident*; an outage sets the gauge."""
        found = incident.classification
        self._metrics.errors(found.category, found.kind).inc()
        if found.category is Category.OUTAGE:
            self._metrics.outage(incident.app, incident.bind, active=True)

    def recovered(self, recovery: Recovery) -> None:
        """Clear the gauge for a database that answers again."""
        self._metrics.outage(recovery.app, recovery.bind, active=False)

    def exporter_failed(self, name: str) -> None:
        """Count an incident that the exporter *name* did not take."""
        self._metrics.failures(name).inc()

    def expect(self, names: Iterable[str]) -> None:
        """Let ``diag_exporter_failures_total`` start at 0 for *names*."""
        for name in names:
            self._metrics.failures(name)


def prometheus(registry: CollectorRegistry | None = None) -> PrometheusExporter:
    """Return an exporter that counts into *registry*, by default prometheus_client's own.

    Raises:
        ValueError: *registry* holds a metric of somebody else under one of our names.
    """
    return PrometheusExporter(REGISTRY if registry is None else registry)


_known: WeakKeyDictionary[CollectorRegistry, Metrics] = WeakKeyDictionary()
_known_lock = Lock()


def _metrics_of(registry: CollectorRegistry) -> Metrics:
    with _known_lock:
        ours = _known.get(registry)
        metrics = ours or Metrics()
        try:
            registry.register(metrics)  # again where a test has emptied the registry meanwhile
        except ValueError as error:
            if ours is None:
                raise ValueError(
                    f"The Prometheus registry already holds another metric under one of our names ({error}). "
                    "Give flask-diag a registry of its own: prometheus(CollectorRegistry())."
                ) from error
        _known[registry] = metrics
        return metrics
