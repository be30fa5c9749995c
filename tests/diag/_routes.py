"""Every route of ours, and what it asks of a visitor. One that is added needs its line here."""

from __future__ import annotations

# by endpoint: "nothing" (one word, for orchestrators), "open" (a style sheet: anything was opened to anybody), or a permission;
# a page that acts is read by GET
_READ_BY_PAGES = (
    *(
        "overview",
        "runbooks",
        "runbook",
        "audit",
        "find",
        "subject",
        "subject_asked",
        "blocked",
        "blocked_csv",
    ),
    *("incidents", "outages", "settings"),
)
_READ_BY_API = (
    *(
        "index",
        "unknown",
        "openapi",
        "overview",
        "classification",
        "search",
        "verdicts",
        "findings",
        "settings",
    ),
    *("changes", "timeline", "incidents", "outages", "history", "blocked"),
)
NEEDS = {
    "diag_health.livez": "nothing",
    "diag_health.readyz": "nothing",
    "flask_diag.static": "open",
    "flask_diag.act_on": "act",
    "diag_metrics": "metrics",
    **{f"flask_diag.{name}": "read" for name in _READ_BY_PAGES},
    **{f"diag_api.{name}": "read" for name in _READ_BY_API},
}
VALUES = {
    "text": "sampleproject",
    "filename": "diag.css",
    "rest": "nothing",
    "key": "sampleproject",
    "name": "x",
}
READING = frozenset(("GET", "HEAD", "OPTIONS"))


def need(endpoint: str, method: str) -> str:
    """Return what a request asks of its visitor."""
    asked = NEEDS[endpoint]
    return "read" if asked == "act" and method in READING else asked


def endpoints(*needs: str) -> set[str]:
    """Return the endpoints that ask for any of these."""
    return {name for name, asked in NEEDS.items() if asked in needs}
