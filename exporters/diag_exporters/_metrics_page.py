"""``docs/metrics.md``, printed from the catalogue: ``python -m diag_exporters._metrics_page``."""

from __future__ import annotations

from collections.abc import Iterator

from ._catalogue import CATALOGUE, Label, Metric

MAX_VALUES = 12  # a longer set is told by its words

HEAD = """\
# Metrics

Printed from the catalogue by `make metrics`; do not edit. Every series whose label values are known beforehand is there
at 0 from the first scrape on, so that the first error after a deployment is seen by `increase()`. Labels are closed sets:
never an id, SQL, a message or a raw path. What a set is not known for beforehand has a limit; values beyond it are one,
`other`.

Where several workers share a directory (`PROMETHEUS_MULTIPROC_DIR`), counters are added up and gauges become one as
"workers" says: the sum, the highest or the most recently set value, of workers that live where it says so.
"""


def page() -> str:
    """Return the page."""
    return HEAD + "".join(map(_section, CATALOGUE))


def _section(metric: Metric) -> str:
    return "\n" + "\n".join(_lines(metric)) + "\n"


def _lines(metric: Metric) -> Iterator[str]:
    yield f"## `{metric.name}`"
    yield ""
    yield metric.help
    yield ""
    yield f"- {metric.type}, {metric.unit}" + (
        f"; workers: {metric.combine}" if metric.type == "gauge" else ""
    )
    for label in metric.labels:
        yield f"- label `{label.name}`: {_set(label)}"
    yield f"- for {metric.needed_by}"


def _set(label: Label) -> str:
    if not label.values:
        return f"{label.holds}; at most {label.limit}, then `other`"
    if len(label.values) > MAX_VALUES:
        return f"{label.holds}, {len(label.values)} of them"
    return f"{label.holds}: " + ", ".join(f"`{value}`" for value in label.values)


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 what it is for
