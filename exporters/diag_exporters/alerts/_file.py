"""The file of rules: groups of recorded series and alerts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import _upkeep as upkeep
from ._database import database_alerts
from ._links import runbook_url
from ._options import AlertOptions
from ._outage import outage_alerts
from ._rule import MINUTE, Alert, Recording, Severity, Terms, as_rule
from ._slo import burn_alerts, recordings
from ._yaml import as_yaml

_HEAD = """\
Alert rules of flask-diag for Prometheus 2.29 or newer, made from its catalogue of metrics.
To change a threshold, make the file anew: flask diag alerts --help
Pages are for a database that does not serve; a broken business rule is no failure here, and never pages."""


def rules(options: AlertOptions | None = None) -> str:
    """Return the rules as the YAML of a Prometheus rule file."""
    return as_yaml({"groups": groups(Terms(options or AlertOptions()))}, _HEAD)


def alerts(options: AlertOptions | None = None) -> list[Alert]:
    """Return every alert, in the order of the file."""
    terms = Terms(options or AlertOptions())
    return [
        *outage_alerts(terms),
        *burn_alerts(terms, Severity.PAGE),
        *burn_alerts(terms, Severity.TICKET),
        *database_alerts(terms),
        *upkeep.upkeep_alerts(terms),
    ]


def groups(terms: Terms) -> list[dict[str, Any]]:
    """Return the groups; what looks back over days is asked less often."""
    pages, tickets = Severity.PAGE, Severity.TICKET
    return [
        _group(terms, "flask-diag-outage", MINUTE / 2, outage_alerts(terms)),
        _group(
            terms, "flask-diag-budget-pages", MINUTE / 2, burn_alerts(terms, pages), recordings(terms, pages)
        ),
        _group(
            terms,
            "flask-diag-budget-tickets",
            5 * MINUTE,
            burn_alerts(terms, tickets),
            recordings(terms, tickets),
        ),
        _group(terms, "flask-diag-database", MINUTE, database_alerts(terms)),
        _group(terms, "flask-diag-upkeep", 5 * MINUTE, upkeep.upkeep_alerts(terms), upkeep.recordings(terms)),
    ]


def _group(
    terms: Terms, name: str, interval: float, alerts: Iterable[Alert], recorded: Iterable[Recording] = ()
) -> dict[str, Any]:
    made = [{"record": one.name, "expr": one.expr} for one in recorded]
    told = [as_rule(one, terms, runbook_url(terms, one.name)) for one in alerts]
    return {"name": name, "interval": terms.time(interval), "rules": [*made, *told]}
