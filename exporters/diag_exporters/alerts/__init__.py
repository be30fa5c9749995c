"""Alert rules for Prometheus, made from the catalogue of metrics; each alert has a runbook."""

from __future__ import annotations

from ._alertmanager import alertmanager
from ._file import alerts, rules
from ._links import runbooks
from ._options import MEANINGS, AlertOptions
from ._rule import Alert, Severity

__all__ = ["MEANINGS", "Alert", "AlertOptions", "Severity", "alertmanager", "alerts", "rules", "runbooks"]
