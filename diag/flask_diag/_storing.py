"""The application's incident store: where it is, and who counts what it could not take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from weakref import WeakKeyDictionary, WeakSet

from flask import Flask
from sqlalchemy import URL

from diag_exporters import Exporter
from diag_exporters._metrics import Metrics
from diag_exporters.prometheus import PrometheusExporter

from ._config import Settings
from .store import Store

IN_INSTANCE = "instance"
FILE = "diag-store.sqlite"

_sharing: WeakKeyDictionary[Metrics, WeakSet[Store]] = WeakKeyDictionary()


def store_of(app: Flask, settings: Settings, exporters: Sequence[Exporter]) -> Store | None:
    """Return the store of *app*, not yet opened, or None where ``DIAG_STORE_URL`` is None.

    Raises:
        ValueError: ``DIAG_STORE_URL`` can't be a store.
    """
    if settings.store_url is None:
        return None
    counting = [one for one in exporters if isinstance(one, PrometheusExporter)]
    store = Store(
        _url(app, settings.store_url),
        app.name,
        queue=settings.store_queue,
        drain=settings.store_drain,
        own_file=settings.store_url == IN_INSTANCE,
        days=settings.store_days,
        rows=settings.store_rows,
        dropped=lambda reason, count: _dropped(counting, reason, count),
        lasting=any(one.lasting for one in counting),
        turned=lambda: _show(counting),
    )
    for one in counting:
        stores = _sharing.setdefault(one.metrics, WeakSet())
        if not stores:
            one.metrics.on_scrape(stores, lambda _: _show(counting))
        stores.add(store)
    return store


def _url(app: Flask, given: str) -> str | URL:
    if given != IN_INSTANCE:
        return given
    return URL.create("sqlite", database=str(Path(app.instance_path) / FILE))


def _dropped(counting: Sequence[PrometheusExporter], reason: str, count: int) -> None:
    for one in counting:
        one.incidents_dropped(reason, count)


def _show(counting: Sequence[PrometheusExporter]) -> None:
    """Show the queues of all applications that count together, as one."""
    for one in counting:
        one.store_queue(sum(store.queue_length for store in _sharing[one.metrics]))
