"""The metrics of one registry, made from the catalogue."""

from __future__ import annotations

import logging
import platform
import weakref
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from importlib.metadata import version
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from ._catalogue import BUILD_INFO, CATALOGUE, OUTAGE_ACTIVE, OUTAGE_START, Metric

logger = logging.getLogger("flask_diag")

OTHER = "other"
_Owner = TypeVar("_Owner")


class Metrics(Collector):
    """Every metric of the catalogue; itself the collector that is registered.

    The counters know no registry, so that a registry which the application forgets can go.
    """

    def __init__(self) -> None:
        self._families = {metric.name: _made(metric) for metric in CATALOGUE}
        self._children: dict[tuple[str, tuple[str, ...]], Any] = {}
        self._seen: dict[tuple[str, str], set[str]] = {}
        self._before: list[tuple[weakref.ref[Any], Callable[[Any], None]]] = []
        self._out: dict[tuple[str, str], datetime] = {}
        self._lock, self._out_lock = Lock(), Lock()
        for metric in CATALOGUE:
            for values in metric.zeros:
                self.child(metric, *values)
        self.set(BUILD_INFO, 1, version("flask-diag"), version("sqlalchemy"), platform.python_version())

    def collect(self) -> Iterator[Family]:
        """Yield the families with their samples, read anew."""
        self.refresh()
        for family in self._families.values():
            yield from family.collect()

    def describe(self) -> Iterable[Family]:
        """Return the families without samples: the registry refuses another metric of the same name."""
        return [shape for family in self._families.values() for shape in family.describe()]

    def child(self, metric: Metric, *values: str) -> Any:
        """Return the counter or gauge of *values*, kept: ``labels()`` costs four times as much as ``inc()``."""
        found = self._children.get((metric.name, values))
        return self._new_child(metric, values) if found is None else found

    def add(self, metric: Metric, amount: float, *values: str) -> None:
        """Add *amount* to a counter."""
        self.child(metric, *values).inc(amount)

    def set(self, metric: Metric, value: float, *values: str) -> None:
        """Set a gauge."""
        self.child(metric, *values).set(value)

    def replace(self, metric: Metric, samples: dict[tuple[str, ...], float]) -> None:
        """Set a gauge for each of *samples*; one that it had and that is not among them is 0 from now on.

        Zero, not gone: other processes' files and graphs would keep the last value of a series that just ends.
        """
        gone = {values for name, values in list(self._children) if name == metric.name} - set(samples)
        for values, value in (samples | dict.fromkeys(gone, 0.0)).items():
            self.set(metric, value, *values)

    def outage(self, app: str, bind: str, since: datetime | None) -> None:
        """Note that a database is out *since* then, or back where that is None; the gauge is 1 while any is out."""
        with self._out_lock:
            if since is None:
                self._out.pop((app, bind), None)
            else:
                self._out.setdefault((app, bind), since)
            began = min(self._out.values()).timestamp() if self._out else 0.0
            self.set(OUTAGE_ACTIVE, 1 if self._out else 0)
            self.set(OUTAGE_START, began)

    def on_scrape(self, owner: _Owner, function: Callable[[_Owner], None]) -> None:
        """Call *function* with *owner* before each scrape, as long as *owner* lives."""
        self._before.append((weakref.ref(owner), function))

    def refresh(self) -> None:
        """Read anew what is read at a scrape only. Never raises: a scrape shows what it can."""
        for reference, function in list(self._before):
            owner = reference()
            if owner is None:
                self._before.remove((reference, function))
                continue
            try:
                function(owner)
            except Exception as error:  # noqa: BLE001 one source that fails must not hide the others
                logger.debug("A source of metrics failed: %s", type(error).__name__)

    def _new_child(self, metric: Metric, values: tuple[str, ...]) -> Any:
        with self._lock:
            bounded = tuple(self._bounded(metric, index, value) for index, value in enumerate(values))
            family = self._families[metric.name]
            child = family.labels(*bounded) if bounded else family
            if bounded == values:  # an endless variety must not grow what is kept either
                self._children[metric.name, values] = child
            return child

    def _bounded(self, metric: Metric, index: int, value: str) -> str:
        label = metric.labels[index]
        seen = self._seen.setdefault((metric.name, label.name), set(label.values))
        if value not in seen:
            if len(seen) >= max(label.limit, len(label.values)):
                return OTHER
            seen.add(value)
        return value


def _made(metric: Metric) -> Counter | Gauge:
    if metric.type == "counter":
        return Counter(metric.name, metric.help, metric.label_names, registry=None)
    mode: Any = metric.combine
    return Gauge(metric.name, metric.help, metric.label_names, registry=None, multiprocess_mode=mode)


_known: WeakKeyDictionary[CollectorRegistry, Metrics] = WeakKeyDictionary()
_known_lock = Lock()


def metrics_of(registry: CollectorRegistry) -> Metrics:
    """Return the metrics of *registry*, made and registered at the first call.

    Raises:
        ValueError: *registry* holds a metric of somebody else under one of our names.
    """
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
