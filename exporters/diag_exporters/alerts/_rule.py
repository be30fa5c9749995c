"""What an alert and a recorded series are, and the words of PromQL that all of them are written in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from diag_exporters._catalogue import Metric
from diag_exporters._promql import duration, vector

from ._options import AlertOptions

MINUTE, HOUR, DAY = 60, 3600, 86400  # seconds


class Severity(StrEnum):
    """Who is told, and when."""

    PAGE = "page"  # somebody, now, at any hour: the database does not serve people
    TICKET = "ticket"  # the team, in working hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alerting rule.

    Attributes:
        name: also the name of its runbook.
        expr: PromQL; a sample of its result is an alert.
        wait: seconds that the expression must hold before anybody is told (``for``).
        summary: what it means for users, in one sentence.
        description: the figures, and where to look first.
    """

    name: str
    severity: Severity
    expr: str
    wait: float
    summary: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recorded series."""

    name: str
    expr: str


class Terms:
    """PromQL under one team's options: its selector, its labels, its scale of time."""

    def __init__(self, options: AlertOptions) -> None:
        self.options = options
        self.by = f"({', '.join(options.labels)})"

    def time(self, seconds: float) -> str:
        """Return a duration of the rules, scaled."""
        return duration(seconds * self.options.time_scale)

    def vector(self, metric: Metric, *matchers: str) -> str:
        """Return the series of *metric* that the team selects."""
        return vector(metric, *matchers, self.options.selector)

    def by_also(self, *labels: str) -> str:
        """Return the labels of the team and *labels*, each once, in brackets."""
        return f"({', '.join(dict.fromkeys((*self.options.labels, *labels)))})"

    def rate(self, metric: Metric, window: float, *matchers: str) -> str:
        """Return how often a second, for each service."""
        return f"sum by {self.by} (rate({self.vector(metric, *matchers)}[{self.time(window)}]))"

    def increase(self, metric: Metric, window: float, *matchers: str) -> str:
        """Return how often in *window* seconds, for each service."""
        return f"sum by {self.by} (increase({self.vector(metric, *matchers)}[{self.time(window)}]))"

    def recorded(self, name: str) -> str:
        """Return a series that these rules record, and not those of another team."""
        kept = self.options.recorded_selector
        return f"{name}{{{kept}}}" if kept else name

    def mostly(self, metric: Metric, name: str, window: float, *matchers: str) -> str:
        """Return the end of a description: the most frequent value of a label, which Prometheus looks up when it tells."""
        pinned = [f"{one}=%q" for one in self.options.labels]
        team = self.options.selector.replace("%", "%%")
        series = vector(metric, *(one.replace("%", "%%") for one in matchers), *pinned, team)
        top = f"topk(1, sum by ({name}) (increase({series}[{self.time(window)}])) > 0)"
        values = " ".join(f"$labels.{one}" for one in self.options.labels)
        found = f"{{{{ . | first | label `{name}` }}}}"
        return f"{{{{ with query (printf `{top}` {values}) }}}} Mostly {found}.{{{{ end }}}}"

    @property
    def who(self) -> str:
        """The service, as an annotation writes it: ``shop``, or ``shop prod`` by two labels."""
        return " ".join(f"{{{{ $labels.{name} }}}}" for name in self.options.labels)


def as_rule(alert: Alert, terms: Terms, runbook: str) -> dict[str, Any]:
    """Return *alert* as Prometheus's rule files write it."""
    return {
        "alert": alert.name,
        "expr": alert.expr,
        **({"for": terms.time(alert.wait)} if alert.wait else {}),
        "labels": {"severity": str(alert.severity)},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": runbook,
        },
    }
