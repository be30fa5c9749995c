"""Dashboards for Grafana, made from the catalogue of metrics."""

from __future__ import annotations

from ._dashboard import DASHBOARDS, dashboard
from ._options import MEANINGS, DashboardOptions

__all__ = ["DASHBOARDS", "MEANINGS", "DashboardOptions", "dashboard"]
