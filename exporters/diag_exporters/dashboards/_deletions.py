"""For support and product: what cannot be deleted, why, is it growing, and what do people meet when they try."""

from __future__ import annotations

from diag_exporters._catalogue import (
    BLOCKED_PROJECTS,
    DELETIONS_REFUSED,
    ROWS_CLEANED,
    SAFE_DELETES,
    SCAN_DURATION,
    SCAN_LAST_SUCCESS,
)

from ._panel import GOOD, WARN, Panel, Query, Row
from ._terms import Terms, or_none


def rows(terms: Terms) -> list[Row]:
    """Return the dashboard's rows."""
    return [
        Row("What the last scan found", (*_scan(terms), *_blocked(terms))),
        Row("What people meet", (*_totals(terms), *_refused(terms))),
    ]


def _scan(terms: Terms) -> tuple[Panel, ...]:
    last = terms.highest(SCAN_LAST_SUCCESS)
    return (
        Panel(
            title="Age of these figures", type="stat", width=6, height=4, unit="s", steps=((None, GOOD), (172800.0, WARN)),
            queries=(Query(f"(time() - {last}) * ({last} > bool 0)"),),
            says="Since the last scan that ended well; 0 where none is known.",
        ),
        Panel(
            title="The scan took", type="stat", width=6, height=4, unit="s",
            queries=(Query(terms.highest(SCAN_DURATION)),), says="The last one that ended well.",
        ),
        Panel(
            title="Rules that block", type="stat", width=6, height=4,
            queries=(Query(f"sum ({_by_rule(terms)} > bool 0)"),),
            says="References and rules of the policy that block at least one subject.",
        ),
        Panel(
            title="The most by one rule", type="stat", width=6, height=4,
            queries=(Query(f"max ({_by_rule(terms)})"),),
            says="A subject that several rules block is counted by each, so the rules' figures do not add up.",
        ),
    )  # fmt: skip


def _by_rule(terms: Terms) -> str:
    return or_none(terms.highest(BLOCKED_PROJECTS, "rule"), "rule")


def _blocked(terms: Terms) -> tuple[Panel, ...]:
    return (
        Panel(
            title="Blocked, by rule", type="bargauge",
            queries=(Query(f"sort_desc({_by_rule(terms)})", "{{rule}}"),),
            says="Subjects that could not be deleted when the last scan looked.",
        ),
        Panel(
            title="Trend", type="timeseries",
            queries=(Query(_by_rule(terms), "{{rule}}"),),
            says="A step at a deploy is a new reference; a slow rise is leftovers that nobody clears.",
        ),
    )  # fmt: skip


def _totals(terms: Terms) -> tuple[Panel, ...]:
    totals = (
        ("Refusals", DELETIONS_REFUSED, "Deletions that a rule refused, in the time shown."),
        ("Safe deletes", SAFE_DELETES, "Subjects that the safe delete removed, in the time shown."),
        ("Rows cleaned", ROWS_CLEANED, "Rows that it removed or detached first, in the time shown."),
    )
    return tuple(
        Panel(
            title=title, type="stat", width=8, height=4, decimals=0, says=says,
            queries=(Query(terms.increase(metric, "")),),
        )
        for title, metric, says in totals
    )  # fmt: skip


def _refused(terms: Terms) -> tuple[Panel, ...]:
    return (
        Panel(
            title="Refused, by rule", type="timeseries", unit="cps", width=8, stacked=True,
            queries=(Query(terms.rate(DELETIONS_REFUSED, "rule"), "{{rule}}"),),
            says="What people stumble over: the first candidate for a remedy.",
        ),
        Panel(
            title="Safe deletes", type="timeseries", unit="cps", width=8,
            queries=(Query(terms.rate(SAFE_DELETES, ""), "deleted"),), says="Subjects removed a second.",
        ),
        Panel(
            title="Rows cleaned, by table", type="timeseries", unit="cps", width=8, stacked=True,
            queries=(Query(terms.rate(ROWS_CLEANED, "table"), "{{table}}"),),
            says="What the remedies saved people from doing by hand.",
        ),
    )  # fmt: skip
