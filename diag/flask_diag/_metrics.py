"""The ``/metrics`` route."""

from __future__ import annotations

import os

from flask import Flask, Response, request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from ._access import entrance
from ._config import Settings
from ._state import State, state


def add_metrics(app: Flask, settings: Settings) -> None:
    """Add the route, unless ``DIAG_METRICS_PATH`` is None."""
    if settings.metrics_path is not None:
        app.add_url_rule(settings.metrics_path, "diag_metrics", metrics)


def metrics() -> Response:
    """Show the registry, in the format that the scraper asks for."""
    found = state()
    shut = entrance(found, "metrics")
    if shut is not None:
        return shut
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    response = Response(encode(_registry(found)), content_type=content_type)
    response.headers["Cache-Control"] = "no-store"
    return response


def _registry(found: State) -> CollectorRegistry:
    """Return the application's registry, or the sum over all workers where prometheus_client keeps files of it."""
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return found.registry
    merged = CollectorRegistry()
    MultiProcessCollector(merged)  # type: ignore[no-untyped-call] # untyped in prometheus_client
    return merged
