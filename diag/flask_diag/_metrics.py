"""The ``/metrics`` route, and what feeds the metrics that are no incidents."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask, Response, request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from werkzeug.wrappers import Response as BaseResponse

from diag_exporters import Exporter
from diag_exporters._metrics import Metrics
from diag_exporters.prometheus import PrometheusExporter
from diag_exporters.workers import directory, worker_registry

from ._access import entrance
from ._deletions import watch_deletions
from ._outcomes import watch_requests
from ._pool import Sampler, publish_pools, watch_pools
from ._probe import show
from ._state import State, state
from .scanning import watch_scans


def add_metrics(app: Flask, found: State) -> None:
    """Feed the metrics of *app*, and add the route, unless ``DIAG_METRICS_PATH`` is None."""
    if found.metrics is not None:
        # a scrape by somebody else's route reads files only: then the sampler does what a scrape would
        work = publish_pools if found.settings.metrics_path is not None else Metrics.refresh
        sampler = Sampler(found.metrics, work) if directory() is not None else None
        watch_requests(app, found.metrics, None if sampler is None else sampler.start)
        watch_deletions(found)
        watch_pools(found, found.metrics)
        found.metrics.on_scrape(found, show)
        watch_scans(found, found.metrics)
    if found.settings.metrics_path is not None:
        app.add_url_rule(
            found.settings.metrics_path,
            "diag_metrics",
            metrics,
            provide_automatic_options=False,  # those would answer a stranger
        )


def metrics_of(exporters: Sequence[Exporter]) -> Metrics | None:
    """Return the metrics of the first exporter for Prometheus, or None where there is none."""
    return next((one.metrics for one in exporters if isinstance(one, PrometheusExporter)), None)


def metrics() -> BaseResponse:
    """Show the registry, in the format that the scraper asks for."""
    found = state()
    shut = entrance(found, "metrics")
    if shut is not None:
        return shut
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(_registry(found)), content_type=content_type)


def _registry(found: State) -> CollectorRegistry:
    """Return the application's registry, or the sum over all workers where prometheus_client keeps files of it."""
    if directory() is None:
        return found.registry
    if found.metrics is not None:
        found.metrics.refresh()
    return worker_registry()
