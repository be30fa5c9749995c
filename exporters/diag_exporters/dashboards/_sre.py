"""For SREs and on-call: is it down, does the budget burn, how full are the pools, which part of the application is it."""

from __future__ import annotations

from diag_exporters._catalogue import (
    BUILD_INFO,
    CONTENTION_RETRIES,
    DB_ERRORS,
    ENDPOINT_ERRORS,
    EXPORTER_FAILURES,
    INCIDENTS_DROPPED,
    OUTAGE_ACTIVE,
    OUTAGE_START,
    POOL_IN_USE,
    POOL_LIMIT,
    POOL_TIMEOUTS,
    POOL_WAITING,
    PROBE_DURATION,
    PROBE_SUCCESS,
    REQUESTS,
    SENTRY_HELD_BACK,
    STORE_QUEUE,
)
from diag_exporters._promql import label, number

from ._panel import BAD, GOOD, WARN, Panel, Query, Row
from ._terms import RANGE, Terms, or_none

_CONTENTION = label(DB_ERRORS, "category", "=", "contention")
_RULES = label(DB_ERRORS, "category", "=", "business_rule")
_OURS = label(DB_ERRORS, "category", "!=", "business_rule")


def rows(terms: Terms) -> list[Row]:
    """Return the dashboard's rows, the question of the night first."""
    return [
        Row("Is it down?", (*_now(terms), *_objective(terms))),
        Row("What happens", _errors(terms)),
        Row("By endpoint", _endpoints(terms)),
        Row("Connection pool", _pool(terms)),
        Row("Contention", _contention(terms)),
        Row("Is the monitoring itself well?", _health(terms)),
    ]


def _now(terms: Terms) -> tuple[Panel, ...]:
    active, start = terms.highest(OUTAGE_ACTIVE), terms.vector(OUTAGE_START)
    bad_first = ((None, GOOD), (1.0, BAD))
    return (
        Panel(
            title="Database outage", type="stat", width=4, height=4, steps=bad_first,
            names={"0": "no", "1": "YES"}, queries=(Query(active),),
            says="YES while the last contact of at least one replica with its database failed.",
        ),
        Panel(
            title="Out since", type="stat", width=4, height=4, unit="s", steps=bad_first,
            queries=(Query(f"time() - min ({start} > 0) or vector(0)"),),
            says="How long the outage lasts; 0 without one.",
        ),
        Panel(
            title="Replicas that lost it", type="stat", width=4, height=4, unit="percentunit", steps=((None, GOOD), (0.01, WARN), (0.99, BAD)),
            queries=(Query(f"avg ({terms.vector(OUTAGE_ACTIVE)})"),),
            says="All of them: the database or its network. One: that machine.",
        ),
        Panel(
            title="Probe", type="stat", width=4, height=4, steps=((None, BAD), (1.0, GOOD)),
            names={"0": "fails", "1": "answers"},
            queries=(Query(terms.highest(PROBE_SUCCESS, "app, bind"), "{{app}} {{bind}}"),),
            says="Whether at least one replica's own look at the database succeeded, though perhaps nobody asks it now.",
        ),
    )  # fmt: skip


def _objective(terms: Terms) -> tuple[Panel, ...]:
    budget = number(terms.options.budget)
    return (
        Panel(
            title="Served", type="stat", width=4, height=4, unit="percentunit", decimals=3,
            steps=((None, BAD), (terms.options.objective / 100, GOOD)),
            queries=(Query(f"1 - {terms.failed(RANGE)}"),),
            says=f"Requests that did not fail, in the time shown; the objective is {terms.options.objective:g} %. "
            "Broken business rules count as served.",
        ),
        Panel(
            title="Error budget used", type="stat", width=4, height=4, unit="percentunit", steps=((None, GOOD), (0.5, WARN), (1.0, BAD)),
            queries=(Query(f"{terms.failed('30d')} / {budget}"),),
            says="Of 30 days; over 100 % the objective is missed.",
        ),
        Panel(
            title="Speed at which the error budget burns", type="timeseries", steps=((None, GOOD), (1.0, WARN), (14.4, BAD)),
            queries=tuple(Query(f"{terms.failed(one)} / {budget}", one) for one in ("5m", "1h", "6h")),
            says="1 uses the budget up in 30 days. It pages from 14.4 over 1h and 5m, or 6 over 6h and 30m.",
        ),
        Panel(
            title="Requests by outcome", type="timeseries", unit="reqps", stacked=True,
            queries=(Query(terms.rate(REQUESTS, "outcome"), "{{outcome}}"),),
            says="ok and business_rule are good; the others burn the budget.",
        ),
    )  # fmt: skip


def _errors(terms: Terms) -> tuple[Panel, ...]:
    return (
        Panel(
            title="Database errors by category", type="timeseries", unit="cps", stacked=True,
            queries=(Query(terms.rate(DB_ERRORS, "category"), "{{category}}"),),
            says="outage: nobody is served. contention: a race was lost. business_rule: the data says no. defect: our "
            "code is wrong. unknown: a code that no table knows.",
        ),
        Panel(
            title="Ours: the most frequent kinds", type="table",
            queries=(Query(f"topk(10, {terms.increase(DB_ERRORS, 'category, kind', _OURS)})"),),
            says="In the time shown, without broken business rules.", decimals=0,
        ),
        Panel(
            title="Broken business rules by kind", type="timeseries", unit="cps", stacked=True,
            queries=(Query(f"topk(8, {terms.rate(DB_ERRORS, 'kind', _RULES)})", "{{kind}}"),),
            says="People were told what to do. Not an outage, whatever their number.",
        ),
        Panel(
            title="How long the probe takes", type="timeseries", unit="s",
            queries=(Query(terms.highest(PROBE_DURATION, "app, bind"), "{{app}} {{bind}}"),),
            says="Connecting and asking for nothing, on the slowest replica.",
        ),
    )  # fmt: skip


def _endpoints(terms: Terms) -> tuple[Panel, ...]:
    ours = label(ENDPOINT_ERRORS, "category", "!=", "business_rule")
    return (
        Panel(
            title="Errors of ours by endpoint", type="timeseries", unit="cps",
            queries=(Query(f"topk(8, {terms.rate(ENDPOINT_ERRORS, 'endpoint, category', ours)})", "{{endpoint}} {{category}}"),),
            says="Which part of the application met what the database or we did wrong.",
        ),
        Panel(
            title="All errors by endpoint", type="table", decimals=0,
            queries=(Query(f"topk(20, {terms.increase(ENDPOINT_ERRORS, 'endpoint, category')})"),),
            says="In the time shown, broken business rules included.",
        ),
    )  # fmt: skip


def _pool(terms: Terms) -> tuple[Panel, ...]:
    by, legend = "instance, app, bind", "{{instance}} {{app}} {{bind}}"
    return (
        Panel(
            title="Pool in use", type="timeseries", unit="percentunit", highest=1, width=8, steps=((None, GOOD), (0.9, BAD)),
            queries=(Query(or_none(f"{terms.sum(POOL_IN_USE, by)} / {terms.sum(POOL_LIMIT, by)}", by), legend),),
            says="Connections handed out, of what the pool may have with its overflow.",
        ),
        Panel(
            title="Waiting for a connection", type="timeseries", width=8,
            queries=(Query(or_none(terms.sum(POOL_WAITING, by), by), legend),),
            says="Threads that cannot go on before another gives its connection back.",
        ),
        Panel(
            title="Waits given up", type="timeseries", unit="cps", width=8,
            queries=(Query(terms.rate(POOL_TIMEOUTS, by), legend),),
            says="Each is a request that answered 503.",
        ),
    )  # fmt: skip


def _contention(terms: Terms) -> tuple[Panel, ...]:
    return (
        Panel(
            title="Contention by kind", type="timeseries", unit="cps",
            queries=(Query(terms.rate(DB_ERRORS, "kind", _CONTENTION), "{{kind}}"),),
            says="Deadlocks, serialization failures, lock and statement time-outs.",
        ),
        Panel(
            title="Repeated attempts", type="timeseries", unit="cps",
            queries=(Query(terms.rate(CONTENTION_RETRIES, "outcome"), "{{outcome}}"),),
            says="recovered: repeating helped. failed: it only added load.",
        ),
    )  # fmt: skip


def _health(terms: Terms) -> tuple[Panel, ...]:
    return (
        Panel(
            title="Lost on the way", type="timeseries", unit="cps", width=8,
            queries=(
                Query(terms.rate(INCIDENTS_DROPPED, "reason"), "store: {{reason}}"),
                Query(terms.rate(EXPORTER_FAILURES, "exporter"), "exporter: {{exporter}}"),
                Query(terms.rate(SENTRY_HELD_BACK, "category"), "held back from Sentry: {{category}}"),
            ),
            says="Incidents that the store, an exporter or Sentry never got. The counters here have them all.",
        ),
        Panel(
            title="Waiting for the store", type="timeseries", width=8,
            queries=(Query(terms.sum(STORE_QUEUE, "instance"), "{{instance}}"),),
            says="A queue that grows and does not fall: the store's database is slow or down.",
        ),
        Panel(
            title="What runs", type="table", width=8,
            queries=(Query(f"count by (version, sqlalchemy, python) ({terms.vector(BUILD_INFO)})"),),
            says="Replicas by version of flask-diag, SQLAlchemy and Python.",
        ),
    )  # fmt: skip
