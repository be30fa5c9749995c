"""The error budget: how fast it burns, in several windows (Site Reliability Workbook, chapter 5, table 5-8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from diag_exporters._catalogue import BAD_OUTCOMES, REQUESTS
from diag_exporters._promql import duration, label, number

from ._options import FASTEST_BURN
from ._outage import OUTAGE, READ_ONLY
from ._rule import DAY, HOUR, MINUTE, Alert, Recording, Severity, Terms

BURN = "DiagErrorBudgetBurn"
FAILED = label(REQUESTS, "outcome", "=~", "|".join(BAD_OUTCOMES))
AFTER_OUTAGE = 10 * MINUTE
_BREAK = "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Burn:
    """A pair of windows.

    Attributes:
        factor: times the speed that would just use up the budget.
        long: seconds; shows that it matters.
        short: seconds; shows that it goes on.
    """

    factor: float
    long: float
    short: float
    severity: Severity
    wait: float


BURNS = (
    Burn(factor=FASTEST_BURN, long=HOUR, short=5 * MINUTE, severity=Severity.PAGE, wait=2 * MINUTE),
    Burn(factor=6, long=6 * HOUR, short=30 * MINUTE, severity=Severity.PAGE, wait=2 * MINUTE),
    Burn(factor=3, long=DAY, short=2 * HOUR, severity=Severity.TICKET, wait=15 * MINUTE),
    Burn(factor=1, long=3 * DAY, short=6 * HOUR, severity=Severity.TICKET, wait=15 * MINUTE),
)


def recordings(terms: Terms, severity: Severity) -> Iterator[Recording]:
    """Yield the series that the alerts of *severity* read and those of no other do already.

    They are the share that failed and how many, by window.
    """
    pairs = [one for one in BURNS if one.severity is severity]
    paging = _windows(Severity.PAGE) if severity is not Severity.PAGE else set()
    for window in sorted(_windows(severity) - paging):
        failed, asked = terms.rate(REQUESTS, window, FAILED), terms.rate(REQUESTS, window)
        yield Recording(name=ratio(window), expr=f"{failed}\n/\n({asked} > 0)")
    for window in sorted(one.long for one in pairs):
        yield Recording(name=count(window), expr=terms.increase(REQUESTS, window, FAILED))


def _windows(severity: Severity) -> set[float]:
    return {window for one in BURNS if one.severity is severity for window in (one.short, one.long)}


def ratio(window: float) -> str:
    """Return the recorded name of the share of failed requests; its window is told unscaled."""
    return f"diag:requests_failed:ratio_rate{duration(window)}"


def count(window: float) -> str:
    """Return the recorded name of the number of failed requests."""
    return f"diag:requests_failed:increase{duration(window)}"


def burn_alerts(terms: Terms, severity: Severity) -> Iterator[Alert]:
    """Yield the alert of *severity*: one for all its pairs of windows, so that nobody is told twice."""
    pairs = "\nor\n".join(_pair(terms, one) for one in BURNS if one.severity is severity)
    paging = severity is Severity.PAGE
    yield Alert(
        name=BURN,
        severity=severity,
        wait=max(one.wait for one in BURNS if one.severity is severity),
        expr=f"(\n  {pairs.replace(_BREAK, _BREAK + '  ')}\n)\n{_not_after_an_outage(terms)}"
        if paging
        else pairs,
        summary=f"Too many requests of {terms.who} fail through no fault of the people who send them"
        + (", and it goes on." if paging else ": at this rate the month's error budget is gone early."),
        description="{{ $value | humanizePercentage }} of all requests failed in the long window; the objective allows "
        f"{number(100 * terms.options.budget)}%. Broken business rules do not count."
        + terms.mostly(REQUESTS, "outcome", 5 * MINUTE if paging else 6 * HOUR, FAILED),
    )


def _pair(terms: Terms, burn: Burn) -> str:
    limit = number(burn.factor * terms.options.budget)
    lines = [
        f"{terms.recorded(ratio(burn.long))} > {limit}",
        f"{terms.recorded(ratio(burn.short))} > {limit}",
        f"{terms.recorded(count(burn.long))} >= {terms.options.min_failures}",
    ]
    if burn.severity is Severity.PAGE and burn.short > 5 * MINUTE:
        # half an hour remembers a failure that has ended: nobody is woken for it
        lines.insert(2, f"{terms.recorded(ratio(5 * MINUTE))} > {number(terms.options.budget)}")
    return f"{_BREAK}and ".join(lines)


def _not_after_an_outage(terms: Terms) -> str:
    """The outage has paged; what its failures leave in the windows pages nobody again when it is over.

    Read-only takes longer to be sure of than the budget does, so its being suspected is enough.
    """
    team = [kept] if (kept := terms.options.recorded_selector) else []
    causes = (f'alertname="{OUTAGE}",alertstate="firing"', f'alertname="{READ_ONLY}"')
    told = [
        f"max_over_time(ALERTS{{{','.join([one, *team])}}}[{terms.time(AFTER_OUTAGE)}])" for one in causes
    ]
    return f"unless on {terms.by}\nmax by {terms.by} (\n  {told[0]}\n  or\n  {told[1]}\n)"
