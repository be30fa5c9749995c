"""PromQL for panels: the menus of the dashboard are in every expression."""

from __future__ import annotations

from diag_exporters._catalogue import BAD_OUTCOMES, REQUESTS, Metric
from diag_exporters._promql import label, vector

from ._options import DashboardOptions

RATE = "$__rate_interval"
RANGE = "$__range"
FAILED = label(REQUESTS, "outcome", "=~", "|".join(BAD_OUTCOMES))
NONE = "1e-9"  # requests a second; keeps a quiet minute from dividing by nothing


class Terms:
    """PromQL under one team's options."""

    def __init__(self, options: DashboardOptions) -> None:
        self.options = options
        self._menus = f'{options.by}=~"${options.by}",instance=~"$instance"'

    def vector(self, metric: Metric, *matchers: str) -> str:
        """Return the series of *metric* that the menus select."""
        return vector(metric, *matchers, self._menus, self.options.selector)

    def rate(self, metric: Metric, by: str, *matchers: str, window: str = RATE) -> str:
        """Return how often a second, by the labels *by*; empty for one sum."""
        return _or_zero(metric, by, f"sum{_by(by)} (rate({self.vector(metric, *matchers)}[{window}]))")

    def increase(self, metric: Metric, by: str, *matchers: str, window: str = RANGE) -> str:
        """Return how often in *window*."""
        return _or_zero(metric, by, f"sum{_by(by)} (increase({self.vector(metric, *matchers)}[{window}]))")

    def sum(self, metric: Metric, by: str) -> str:
        """Return a gauge summed over the replicas."""
        return f"sum{_by(by)} ({self.vector(metric)})"

    def highest(self, metric: Metric, by: str = "") -> str:
        """Return a gauge that every replica shows alike, or the worst replica's."""
        return f"max{_by(by)} ({self.vector(metric)})"

    def failed(self, window: str) -> str:
        """Return the share of requests that failed; 0 where nobody asked."""
        failed, asked = self.rate(REQUESTS, "", FAILED, window=window), self.rate(REQUESTS, "", window=window)
        return f"{failed} / clamp_min({asked}, {NONE})"


def _by(labels: str) -> str:
    return f" by ({labels})" if labels else ""


def or_none(expr: str, by: str) -> str:
    """Return *expr*, or one 0 whose labels say ``none`` where it has no series: a panel never asks what is wrong with it."""
    zero = "vector(0)"
    for name in filter(None, by.split(", ")):
        zero = f'label_replace({zero}, "{name}", "none", "", "")'
    return f"({expr} or on () {zero})"


def _or_zero(metric: Metric, by: str, expr: str) -> str:
    """Return *expr* as `or_none`, for a metric whose series come with the first event."""
    return expr if metric.zeros or not metric.labels else or_none(expr, by)
