"""Publish: hand an incident to Prometheus, Sentry and the log."""

from __future__ import annotations

from ._incident import Exporter, Incident, Recovery
from ._publish import name_of, publish, publish_recovery, publish_request_finished

__all__ = [
    "Exporter",
    "Incident",
    "Recovery",
    "name_of",
    "publish",
    "publish_recovery",
    "publish_request_finished",
]
