"""The runbooks: their texts, and the links by which an alert finds them."""

from __future__ import annotations

from functools import cache
from importlib import resources

from diag_exporters._catalogue import BUILD_INFO

from ._rule import DAY, Terms

_FOLDER = resources.files(__package__ or "diag_exporters.alerts").joinpath("runbook_texts")


@cache
def runbooks() -> dict[str, str]:
    """Return the runbooks in Markdown, by the names of their alerts."""
    files = (one for one in _FOLDER.iterdir() if one.name.endswith(".md"))
    return {
        one.name.removesuffix(".md"): one.read_text("utf-8")
        for one in sorted(files, key=lambda one: one.name)
    }


def runbook_url(terms: Terms, name: str) -> str:
    """Return the link of an alert.

    Without an address of the team's own it leads to a replica that Prometheus scrapes, or scraped within a day,
    which Prometheus looks up when the alert is sent: a copy of the rules that nobody has edited has links that work.
    """
    base = terms.options.runbook_url.rstrip("/")
    if not base.startswith("/"):
        return f"{base}/{name}"
    return f"http://{_replica(terms)}{base}/{name}"


def _replica(terms: Terms) -> str:
    matchers = ",".join(f"{one}=%q" for one in terms.options.labels)
    values = " ".join(f"$labels.{one}" for one in terms.options.labels)
    series = f"{BUILD_INFO.name}{{{matchers}}}"
    query = f"(printf `{series} or last_over_time({series}[{terms.time(DAY)}])` {values} {values})"
    found = "{{ . | first | label `instance` }}"
    return f"{{{{ with query {query} }}}}{found}{{{{ else }}}}localhost{{{{ end }}}}"
