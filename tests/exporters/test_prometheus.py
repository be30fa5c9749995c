"""prometheus(): what is counted, and that it counts right however often it is set up."""

from __future__ import annotations

import gc
import weakref

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest

from diag_exporters import Recovery
from diag_exporters._catalogue import CATALOGUE
from diag_exporters.prometheus import prometheus
from diag_rules.errors import PAIRS
from exporters._samples import AT, broken_rule, outage


def errors(registry: CollectorRegistry, category: str, kind: str) -> float | None:
    return registry.get_sample_value("diag_db_errors_total", {"category": category, "kind": kind})


def test_every_pair_that_classify_can_answer_is_there_at_0() -> None:
    registry = CollectorRegistry()
    prometheus(registry)

    assert PAIRS
    assert {errors(registry, category, kind) for category, kind in PAIRS} == {0}


def test_an_incident_is_counted_by_category_and_kind_only() -> None:
    registry = CollectorRegistry()
    export = prometheus(registry)

    export(broken_rule())

    assert errors(registry, "business_rule", "not_null_violation") == 1
    labels = {name for family in registry.collect() for sample in family.samples for name in sample.labels}
    assert labels <= {"category", "kind", "exporter"}


def test_two_exporters_on_one_registry_count_together() -> None:
    """Two applications, or a factory called twice: nothing is registered twice and nothing is lost."""
    registry = CollectorRegistry()

    prometheus(registry)(broken_rule(app="one"))
    prometheus(registry)(broken_rule(app="two"))

    assert errors(registry, "business_rule", "not_null_violation") == 2


def test_two_registries_count_apart() -> None:
    one, other = CollectorRegistry(), CollectorRegistry()
    prometheus(one)(broken_rule())
    prometheus(other)

    assert errors(one, "business_rule", "not_null_violation") == 1
    assert errors(other, "business_rule", "not_null_violation") == 0


def test_a_registry_that_was_emptied_gets_the_metrics_back() -> None:
    """As test suites do between tests."""
    registry = CollectorRegistry()
    first = prometheus(registry)
    registry.unregister(first._metrics)

    prometheus(registry)(broken_rule())

    assert errors(registry, "business_rule", "not_null_violation") == 1


def test_somebody_elses_metric_of_the_same_name_is_an_error_with_a_way_out() -> None:
    registry = CollectorRegistry()
    Counter("diag_db_errors", "Somebody else's.", registry=registry)

    with pytest.raises(ValueError, match=r"registry of its own: prometheus\(CollectorRegistry\(\)\)"):
        prometheus(registry)


def test_a_registry_that_nobody_uses_is_not_kept() -> None:
    registry = CollectorRegistry()
    prometheus(registry)
    gone = weakref.ref(registry)

    del registry
    gc.collect()

    assert gone() is None


def test_the_gauge_is_1_until_every_database_is_back() -> None:
    registry = CollectorRegistry()
    export = prometheus(registry)

    values = [registry.get_sample_value("diag_outage_active")]
    export(outage(bind="default"))
    export(outage(bind="archive"))
    export(broken_rule())
    values.append(registry.get_sample_value("diag_outage_active"))
    for bind in ("default", "archive"):
        export.recovered(Recovery(at=AT, app="index", bind=bind, since=AT))
        values.append(registry.get_sample_value("diag_outage_active"))

    assert values == [0, 1, 1, 0]


def test_the_catalogue_and_the_scrape_name_the_same_metrics() -> None:
    registry = CollectorRegistry()
    prometheus(registry).expect(["log"])
    text = generate_latest(registry).decode()
    # the text format of this client adds _created series, which are not metrics of ours
    scraped = {line.split()[2]: line.split()[3] for line in text.splitlines() if line.startswith("# TYPE")}

    ours = {name: kind for name, kind in scraped.items() if not name.endswith("_created")}

    assert ours == {metric.name: metric.type for metric in CATALOGUE}
    for metric in CATALOGUE:
        assert metric.help
        assert metric.needed_by
