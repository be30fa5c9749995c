"""The database serves, but something is wrong with how it is used."""

from __future__ import annotations

from collections.abc import Iterator

from diag_exporters._catalogue import (
    DB_ERRORS,
    ENDPOINT_ERRORS,
    POOL_IN_USE,
    POOL_LIMIT,
    POOL_WAITING,
    REQUESTS,
)
from diag_exporters._promql import label, number
from diag_rules.errors import Category

from ._rule import DAY, HOUR, MINUTE, Alert, Severity, Terms

FEW = 10  # contention below this is the noise of any busy database
SURGE = 3  # times yesterday's rate


def database_alerts(terms: Terms) -> Iterator[Alert]:
    """Yield the alerts of a pool nearly full, contention, defects and unknown codes."""
    yield _pool(terms)
    yield _contention(terms)
    yield _defects(terms)
    yield _unknown(terms)


def _pool(terms: Terms) -> Alert:
    """A replica's workers have a pool each: one of them may be full, and its requests wait, while the sum looks fine."""
    by = terms.by_also("instance", "app", "bind")
    in_use, limit, waiting = (
        f"sum by {by} ({terms.vector(one)})" for one in (POOL_IN_USE, POOL_LIMIT, POOL_WAITING)
    )
    return Alert(
        name="DiagPoolNearlyFull",
        severity=Severity.TICKET,
        wait=5 * MINUTE,
        expr=f"""\
{in_use}
/
({limit} > 0)
> {number(terms.options.pool_full / 100)}
or
({waiting} > bool 0) == 1""",
        summary=f"Requests of {terms.who} will soon wait for a database connection, or do, and then fail with 503.",
        description="The pool of {{ $labels.app }}, database {{ $labels.bind }}, on {{ $labels.instance }} is "
        f"{{{{ $value | humanizePercentage }}}} in use for {terms.time(5 * MINUTE)}, in one of its workers at least.",
    )


def _contention(terms: Terms) -> Alert:
    contention = label(DB_ERRORS, "category", "=", Category.CONTENTION)
    window = 15 * MINUTE
    return Alert(
        name="DiagContention",
        severity=Severity.TICKET,
        wait=10 * MINUTE,
        expr=f"""\
{terms.rate(DB_ERRORS, window, contention)}
/
({terms.rate(REQUESTS, window)} > 0)
> {number(terms.options.contention / 100)}
and
{terms.increase(DB_ERRORS, window, contention)} >= {FEW}""",
        summary=f"Requests of {terms.who} get in each other's way in the database: some are slow, some answer 503.",
        description="Deadlocks, serialization failures and lock time-outs are {{ $value | humanizePercentage }} of "
        f"the requests of the last {terms.time(window)}."
        + terms.mostly(DB_ERRORS, "kind", window, contention),
    )


def _defects(terms: Terms) -> Alert:
    """Compare with yesterday: what was always broken is a ticket already, what began with a deploy is news."""
    defect = label(DB_ERRORS, "category", "=", Category.DEFECT)
    window = 30 * MINUTE
    now = terms.rate(DB_ERRORS, window, defect)
    before = f"sum by {terms.by} (rate({terms.vector(DB_ERRORS, defect)}[{terms.time(DAY)}] offset {terms.time(window)}))"
    return Alert(
        name="DiagDefectsAfterDeploy",
        severity=Severity.TICKET,
        wait=0,
        expr=f"""\
{terms.increase(DB_ERRORS, window, defect)} >= 1
unless
{now} <= {SURGE} * {before}""",
        summary=f"Some requests of {terms.who} answer 500 since a short while: our code and the schema do not fit.",
        description=f'Statements in {terms.time(window)} that the database can never run: {{{{ printf "%.0f" $value }}}}, '
        f"more than {SURGE} times yesterday's rate: the last deploy or migration."
        + terms.mostly(
            ENDPOINT_ERRORS, "endpoint", window, label(ENDPOINT_ERRORS, "category", "=", Category.DEFECT)
        ),
    )


def _unknown(terms: Terms) -> Alert:
    unknown = label(DB_ERRORS, "category", "=", Category.UNKNOWN)
    return Alert(
        name="DiagUnknownErrors",
        severity=Severity.TICKET,
        wait=0,
        expr=f"{terms.increase(DB_ERRORS, HOUR, unknown)} >= 1",
        summary=f"Requests of {terms.who} met database errors that nobody can name: an outage among them would not page.",
        description=f'Errors of the last {terms.time(HOUR)} with a code that no table knows: {{{{ printf "%.0f" $value }}}}. '
        "The log of flask_diag shows it."
        + terms.mostly(
            ENDPOINT_ERRORS, "endpoint", HOUR, label(ENDPOINT_ERRORS, "category", "=", Category.UNKNOWN)
        ),
    )
