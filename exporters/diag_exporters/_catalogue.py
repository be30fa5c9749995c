"""Every metric that we publish: the one place that the docs, the alert rules and the dashboards are made from.

``docs/metrics.md`` is printed from it (``make metrics``), and a test compares it with what a scrape shows.
"""

from __future__ import annotations

from dataclasses import dataclass

from diag_rules.errors import PAIRS, Category

OUTCOMES = (
    "ok",
    "business_rule",
    "contention",
    "outage",
    "defect",
    "unknown",
    "server_error",
)
"""What became of a request, each exactly one. ``ok`` and ``business_rule`` burn no error budget, the others do."""

BAD_OUTCOMES = OUTCOMES[2:]
"""The outcomes that burn the error budget: the answer was 5xx and no broken business rule was the reason."""

DROP_REASONS = ("queue_full", "store_down", "process_end", "killed", "refused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One label of a metric.

    Attributes:
        holds: the closed set that its values come from, in words.
        values: the set itself, where it is known before the application is; these are there from the first scrape.
        limit: how many values a process may make where the set is not known; those beyond are one, ``other``.
    """

    name: str
    holds: str
    values: tuple[str, ...] = ()
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric.

    Attributes:
        name: as scraped, with its unit or ``_total`` at the end.
        type: ``counter`` or ``gauge``.
        help: what it counts, in one sentence.
        needed_by: who looks at it.
        unit: of the value: ``seconds``, ``errors``.
        labels: in order.
        combine: how several workers' values become one (a gauge's ``multiprocess_mode``); counters are added.
        starts: the label values that exist at 0 from the start, where that is not each label's own set.
    """

    name: str
    type: str
    help: str
    needed_by: str
    unit: str
    labels: tuple[Label, ...] = ()
    combine: str = "sum"
    starts: tuple[tuple[str, ...], ...] = ()

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels' names, in order."""
        return tuple(label.name for label in self.labels)

    @property
    def zeros(self) -> tuple[tuple[str, ...], ...]:
        """The label values that exist from the first scrape on."""
        if self.starts or len(self.labels) != 1:
            return self.starts
        return tuple((value,) for value in self.labels[0].values)


_CATEGORIES = tuple(str(category) for category in Category)
_CATEGORY = Label(name="category", holds="what the error means", values=_CATEGORIES)
_APP = Label(name="app", holds="the Flask applications of the process, by name")
_BIND = Label(
    name="bind", holds="the application's engines, by the name of their bind; `default` for the first"
)
_RULE = Label(
    name="rule",
    holds="what blocks: `table.column` of the reference, or the name of the policy's rule",
)

DB_ERRORS = Metric(
    name="diag_db_errors_total",
    type="counter",
    unit="errors",
    help="Database errors met, each once, by what they mean.",
    labels=(
        _CATEGORY,
        Label(
            name="kind",
            holds="`diag_rules.errors.Kind`",
            values=tuple(sorted({str(kind) for _, kind in PAIRS})),
        ),
    ),
    starts=tuple((str(category), str(kind)) for category, kind in PAIRS),
    needed_by="on-call: pages on category=outage only; SREs: the error budget leaves business_rule out",
)
REQUESTS = Metric(
    name="diag_requests_total",
    type="counter",
    unit="requests",
    help="Requests answered, by outcome: ok and business_rule are good, the others burn the error budget.",
    labels=(Label(name="outcome", holds="what became of the request", values=OUTCOMES),),
    needed_by="SREs: the SLO",
)
ENDPOINT_ERRORS = Metric(
    name="diag_endpoint_errors_total",
    type="counter",
    unit="errors",
    help="Database errors met, by the route that met them.",
    labels=(
        Label(
            name="endpoint",
            holds="the application's route templates (`/projects/<name>`), `unmatched`, `outside_requests`",
            limit=200,
        ),
        _CATEGORY,
    ),
    needed_by="SREs and developers: which part of the application is it?",
)
OUTAGE_ACTIVE = Metric(
    name="diag_outage_active",
    type="gauge",
    unit="0 or 1",
    combine="livemax",
    help="1 while the last contact of this process with one of its databases failed with an outage, else 0.",
    needed_by="on-call: is it down now?",
)
OUTAGE_START = Metric(
    name="diag_outage_start_timestamp_seconds",
    type="gauge",
    unit="seconds since 1970",
    combine="livemax",
    help="When the outage that is active was first met, 0 without one.",
    needed_by="on-call: since when?",
)
PROBE_SUCCESS = Metric(
    name="diag_probe_success",
    type="gauge",
    unit="0 or 1",
    labels=(_APP, _BIND),
    combine="livemostrecent",
    help="1 if the database answered the last probe in time, else 0.",
    needed_by="on-call: is it down though nobody asks?",
)
PROBE_DURATION = Metric(
    name="diag_probe_duration_seconds",
    type="gauge",
    unit="seconds",
    labels=(_APP, _BIND),
    combine="livemostrecent",
    help="How long the last probe took, connecting included.",
    needed_by="SREs: is the way to the database slow?",
)
PROBE_TIME = Metric(
    name="diag_probe_timestamp_seconds",
    type="gauge",
    unit="seconds since 1970",
    labels=(_APP, _BIND),
    combine="livemostrecent",
    help="When the last probe ended.",
    needed_by="SREs: is the probe itself at work?",
)
POOL_SIZE = Metric(
    name="diag_pool_size",
    type="gauge",
    unit="connections",
    labels=(_APP, _BIND),
    combine="livesum",
    help="Connections that the pool keeps.",
    needed_by="SREs",
)
POOL_LIMIT = Metric(
    name="diag_pool_limit",
    type="gauge",
    unit="connections",
    labels=(_APP, _BIND),
    combine="livesum",
    help="Connections that the pool may have at once, its overflow included; absent for a pool without a limit.",
    needed_by="SREs: how near to full?",
)
POOL_IN_USE = Metric(
    name="diag_pool_in_use",
    type="gauge",
    unit="connections",
    labels=(_APP, _BIND),
    combine="livesum",
    help="Connections of the pool that are handed out.",
    needed_by="SREs: how near to full?",
)
POOL_OVERFLOW = Metric(
    name="diag_pool_overflow",
    type="gauge",
    unit="connections",
    labels=(_APP, _BIND),
    combine="livesum",
    help="Connections open beyond the pool's size.",
    needed_by="SREs: is the pool too small?",
)
POOL_WAITING = Metric(
    name="diag_pool_waiting",
    type="gauge",
    unit="threads",
    labels=(_APP, _BIND),
    combine="livesum",
    help="Threads that wait for a connection of the pool.",
    needed_by="on-call: are requests queueing for the database?",
)
POOL_TIMEOUTS = Metric(
    name="diag_pool_timeouts_total",
    type="counter",
    unit="errors",
    labels=(_APP, _BIND),
    help="Waits for a connection of the pool that were given up.",
    needed_by="on-call: is the pool full?",
)
CONTENTION_RETRIES = Metric(
    name="diag_contention_retries_total",
    type="counter",
    unit="attempts",
    labels=(Label(name="outcome", holds="how the request ended in the end", values=("recovered", "failed")),),
    help="Attempts repeated within a request after contention: each that was met, less the last of a request that failed.",
    needed_by="SREs: do retries help, or do they only add load?",
)
DELETIONS_REFUSED = Metric(
    name="diag_deletions_refused_total",
    type="counter",
    unit="deletions",
    labels=(_RULE,),
    help="Deletions of a subject that were refused, by the rule that the database named, or by each that the safe delete found.",
    needed_by="product: what do people stumble over?",
)
SAFE_DELETES = Metric(
    name="diag_safe_deletes_total",
    type="counter",
    unit="deletions",
    help="Subjects that the safe delete removed, counted at COMMIT.",
    needed_by="product and support",
)
ROWS_CLEANED = Metric(
    name="diag_rows_cleaned_total",
    type="counter",
    unit="rows",
    labels=(Label(name="table", holds="the tables that the policy's remedies clear"),),
    help="Rows that the safe delete removed or detached to clear the way, counted at COMMIT.",
    needed_by="product and support: how much work did the remedies save?",
)
BLOCKED_PROJECTS = Metric(
    name="diag_blocked_projects",
    type="gauge",
    unit="subjects",
    labels=(_RULE,),
    combine="mostrecent",
    help="Subjects that could not be deleted when the last scan looked, by the rule that blocks them.",
    needed_by="SREs and product: is it growing?",
)
SCAN_LAST_SUCCESS = Metric(
    name="diag_scan_last_success_timestamp_seconds",
    type="gauge",
    unit="seconds since 1970",
    combine="mostrecent",
    help="When the last scan ended well, 0 where none is known.",
    needed_by="SREs: how old are the figures of blocked subjects?",
)
SCAN_DURATION = Metric(
    name="diag_scan_duration_seconds",
    type="gauge",
    unit="seconds",
    combine="mostrecent",
    help="How long the last scan that ended well took, 0 where none is known.",
    needed_by="SREs: does the scan get slower?",
)
EXPORTER_FAILURES = Metric(
    name="diag_exporter_failures_total",
    type="counter",
    unit="incidents",
    help="Incidents that an exporter failed to take.",
    labels=(Label(name="exporter", holds="the exporters of the application, by name"),),
    needed_by="us: is the monitoring itself well?",
)
INCIDENTS_DROPPED = Metric(
    name="diag_incidents_dropped_total",
    type="counter",
    unit="incidents",
    help="Incidents that the store never got.",
    labels=(Label(name="reason", holds="why", values=DROP_REASONS),),
    needed_by="us: can the history be trusted?",
)
STORE_QUEUE = Metric(
    name="diag_store_queue_length",
    type="gauge",
    unit="incidents",
    combine="livesum",
    help="Incidents that wait to be written to the store.",
    needed_by="us: does the store keep up?",
)
SENTRY_HELD_BACK = Metric(
    name="diag_sentry_held_back_total",
    type="counter",
    unit="events",
    help="Events that the token bucket kept from Sentry: more of what one event had said already.",
    labels=(Label(name="category", holds="what is limited", values=("outage", "contention")),),
    needed_by="on-call: Sentry's count is too low by so many",
)
BUILD_INFO = Metric(
    name="diag_build_info",
    type="gauge",
    unit="always 1",
    combine="livemax",
    help="What is running: the versions of flask-diag, SQLAlchemy and Python.",
    labels=(
        Label(name="version", holds="the version of flask-diag"),
        Label(name="sqlalchemy", holds="the version of SQLAlchemy"),
        Label(name="python", holds="the version of Python"),
    ),
    needed_by="SREs: which replica runs what; alerts: is it scraped at all?",
)

CATALOGUE: tuple[Metric, ...] = (
    DB_ERRORS,
    REQUESTS,
    ENDPOINT_ERRORS,
    OUTAGE_ACTIVE,
    OUTAGE_START,
    PROBE_SUCCESS,
    PROBE_DURATION,
    PROBE_TIME,
    POOL_SIZE,
    POOL_LIMIT,
    POOL_IN_USE,
    POOL_OVERFLOW,
    POOL_WAITING,
    POOL_TIMEOUTS,
    CONTENTION_RETRIES,
    DELETIONS_REFUSED,
    SAFE_DELETES,
    ROWS_CLEANED,
    BLOCKED_PROJECTS,
    SCAN_LAST_SUCCESS,
    SCAN_DURATION,
    EXPORTER_FAILURES,
    INCIDENTS_DROPPED,
    STORE_QUEUE,
    SENTRY_HELD_BACK,
    BUILD_INFO,
)
