"""Publish: hand an incident to Prometheus, Sentry and the log."""

from __future__ import annotations

from ._incident import Exporter, Incident, Recovery
from ._publish import name_of, publish, publish_recovery, publish_request_finished, publish_verdict
from ._sent import event_id_of

__all__ = [
    "Exporter",
    "Incident",
    "Recovery",
    "event_id_of",
    "name_of",
    "publish",
    "publish_recovery",
    "publish_request_finished",
    "publish_verdict",
]
