"""Every metric that we publish: the one place that the docs, the alert rules and the dashboards are made from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric.

    Attributes:
        name: as scraped, with its unit or ``_total`` at the end.
        type: ``counter`` or ``gauge``.
        help: what it counts, in one sentence.
        labels: each label with the closed set that its values come from.
        needed_by: who looks at it.
    """

    name: str
    type: str
    help: str
    labels: tuple[tuple[str, str], ...] = ()
    needed_by: str = ""

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels' names, in order."""
        return tuple(name for name, _ in self.labels)


DB_ERRORS = Metric(
    name="diag_db_errors_total",
    type="counter",
    help="Database errors met, each once, by what they mean.",
    labels=(
        ("category", "outage, contention, business_rule, defect, unknown"),
        ("kind", "diag_rules.errors.Kind"),
    ),
    needed_by="on-call: pages on category=outage only; SREs: the error budget leaves business_rule out",
)
OUTAGE_ACTIVE = Metric(
    name="diag_outage_active",
    type="gauge",
    help="1 while the last contact of this process with one of its databases failed with an outage, else 0.",
    needed_by="on-call: is it down now?",
)
EXPORTER_FAILURES = Metric(
    name="diag_exporter_failures_total",
    type="counter",
    help="Incidents that an exporter failed to take.",
    labels=(("exporter", "the exporters of the application, by name"),),
    needed_by="us: is the monitoring itself well?",
)

CATALOGUE: tuple[Metric, ...] = (DB_ERRORS, OUTAGE_ACTIVE, EXPORTER_FAILURES)
