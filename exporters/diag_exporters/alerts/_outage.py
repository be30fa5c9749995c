"""The database does not serve: down, read-only, not reachable, or nobody knows."""

from __future__ import annotations

from collections.abc import Iterator

from diag_exporters._catalogue import BUILD_INFO, DB_ERRORS, OUTAGE_ACTIVE, PROBE_SUCCESS
from diag_exporters._promql import label
from diag_rules.errors import Category, Kind

from ._rule import DAY, MINUTE, Alert, Severity, Terms

OUTAGE, READ_ONLY, PROBE = "DiagDatabaseOutage", "DiagDatabaseReadOnly", "DiagProbeFailing"


def outage_alerts(terms: Terms) -> Iterator[Alert]:
    """Yield the alerts of a database that does not serve."""
    yield _outage(terms)
    yield _read_only(terms)
    yield _probe(terms)
    yield _absent(terms)


def _outage(terms: Terms) -> Alert:
    """The state, and proof that it lasts: one error an hour ago that nobody has contradicted since pages nobody.

    The proof is a second error within five minutes, or the probe. Read-only has an alert of its own, since pages
    that only read still work then.
    """
    seen = f"max by {terms.by_also('instance')} ({terms.vector(OUTAGE_ACTIVE)})"
    outage = label(DB_ERRORS, "category", "=", Category.OUTAGE)
    others = label(DB_ERRORS, "kind", "!=", Kind.READ_ONLY_SQL_TRANSACTION)
    return Alert(
        name=OUTAGE,
        severity=Severity.PAGE,
        wait=MINUTE,
        expr=f"""\
avg by {terms.by} ({seen}) > 0
and on {terms.by} (
  {terms.increase(DB_ERRORS, 5 * MINUTE, outage, others)} >= 2
  or
  {_probe_fails(terms)}
)""",
        summary=f"{{{{ if eq $value 1.0 }}}}The database of {terms.who} is down: requests that need it answer 503."
        f"{{{{ else }}}}Some replicas of {terms.who} lost their database: requests that reach them answer 503.{{{{ end }}}}",
        description="{{ $value | humanizePercentage }} of the replicas, for more than "
        f"{terms.time(MINUTE)}. One alone points at its machine or network, all of them at the database."
        + terms.mostly(DB_ERRORS, "kind", 5 * MINUTE, outage),
    )


def _read_only(terms: Terms) -> Alert:
    """The state is active until a minute after the last refusal: a failover that the driver followed is over sooner."""
    refused = terms.increase(
        DB_ERRORS, 5 * MINUTE, label(DB_ERRORS, "kind", "=", Kind.READ_ONLY_SQL_TRANSACTION)
    )
    active = f"max by {terms.by} ({terms.vector(OUTAGE_ACTIVE)}) == 1"
    return Alert(
        name=READ_ONLY,
        severity=Severity.PAGE,
        wait=2 * MINUTE,
        expr=f"{refused} >= 2\nand on {terms.by}\n{active}",
        summary=f"The database of {terms.who} refuses every change: people can look, but nothing that they do is kept.",
        description=f'Changes refused as read-only in {terms.time(5 * MINUTE)}: {{{{ printf "%.0f" $value }}}}. '
        "After a failover: the connections lead to a replica.",
    )


def _probe_fails(terms: Terms) -> str:
    """Return 1 for a service one of whose databases no replica's probe reaches."""
    best = f"max by {terms.by_also('app', 'bind')} ({terms.vector(PROBE_SUCCESS)})"
    return f"max by {terms.by} ({best} == bool 0) == 1"


def _probe(terms: Terms) -> Alert:
    best = f"max by {terms.by_also('app', 'bind')} ({terms.vector(PROBE_SUCCESS)})"
    return Alert(
        name=PROBE,
        severity=Severity.PAGE,
        wait=3 * MINUTE,
        expr=f"{best} == 0",
        summary=f"No replica of {terms.who} reaches its database: the next people who come meet an outage.",
        description="The probe of {{ $labels.app }}, database {{ $labels.bind }}, fails on every replica for "
        f"{terms.time(3 * MINUTE)}, perhaps unseen because no request asks for it.",
    )


def _absent(terms: Terms) -> Alert:
    info = terms.vector(BUILD_INFO)
    return Alert(
        name="DiagMetricsAbsent",
        severity=Severity.TICKET,
        wait=10 * MINUTE,
        expr=f"""\
(
  group by {terms.by} (present_over_time({info}[{terms.time(DAY)}]))
  unless
  group by {terms.by} ({info})
)
or on () absent({info})""",
        summary=f"Nobody sees whether the database of {terms.who} serves: an outage would page no one.",
        description=f"No flask-diag metrics for {terms.time(10 * MINUTE)}: the service is down, gone, not scraped, "
        "or /metrics is closed to Prometheus.",
    )
