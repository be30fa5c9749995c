"""An example of Alertmanager's configuration: pages apart from tickets, and one outage told once."""

from __future__ import annotations

from typing import Any

from ._options import AlertOptions
from ._outage import OUTAGE, PROBE, READ_ONLY
from ._rule import HOUR, MINUTE, Severity, Terms
from ._slo import BURN
from ._yaml import as_yaml

_HEAD = """\
Example for Alertmanager 0.22 or newer: take the route and the inhibit rules into your own configuration.
Put your pager and your tracker where the webhooks are."""

_SYMPTOMS = ("DiagPoolNearlyFull", "DiagContention", "DiagUnknownErrors", "DiagIncidentsDropped")


def alertmanager(
    options: AlertOptions | None = None,
    page_url: str = "http://127.0.0.1:9095/page",
    ticket_url: str = "http://127.0.0.1:9095/ticket",
) -> str:
    """Return the configuration as YAML; the two addresses get webhooks."""
    terms = Terms(options or AlertOptions())
    return as_yaml(
        {
            "route": _route(terms),
            "receivers": [_receiver(Severity.PAGE, page_url), _receiver(Severity.TICKET, ticket_url)],
            "inhibit_rules": inhibitions(terms),
        },
        _HEAD,
    )


def _route(terms: Terms) -> dict[str, Any]:
    return {
        "receiver": str(Severity.TICKET),
        "group_by": ["alertname", *terms.options.labels],
        "group_wait": terms.time(5 * MINUTE),
        "group_interval": terms.time(5 * MINUTE),
        "repeat_interval": terms.time(24 * HOUR),
        "routes": [
            {
                "matchers": [f'severity="{Severity.PAGE}"'],
                "receiver": str(Severity.PAGE),
                "group_by": list(terms.options.labels),  # one message for each service that is in trouble
                "group_wait": terms.time(MINUTE / 4),
                "group_interval": terms.time(MINUTE),
                "repeat_interval": terms.time(HOUR),
            }
        ],
    }


def _receiver(severity: Severity, url: str) -> dict[str, Any]:
    return {"name": str(severity), "webhook_configs": [{"url": url, "send_resolved": True}]}


def inhibitions(terms: Terms) -> list[dict[str, Any]]:
    """Return who keeps whom quiet: the cause its symptoms, the page the ticket."""
    down = f"{OUTAGE}|{READ_ONLY}"
    return [
        _inhibition(terms, down, (PROBE, BURN, *_SYMPTOMS)),
        _inhibition(terms, OUTAGE, (READ_ONLY,)),
        _inhibition(terms, PROBE, (BURN, *_SYMPTOMS)),
        {
            "source_matchers": [f'alertname="{BURN}"', f'severity="{Severity.PAGE}"'],
            "target_matchers": [f'alertname="{BURN}"', f'severity="{Severity.TICKET}"'],
            "equal": list(terms.options.labels),
        },
    ]


def _inhibition(terms: Terms, cause: str, symptoms: tuple[str, ...]) -> dict[str, Any]:
    return {
        "source_matchers": [f'alertname=~"{cause}"'],
        "target_matchers": [f'alertname=~"{"|".join(symptoms)}"'],
        "equal": list(terms.options.labels),
    }
