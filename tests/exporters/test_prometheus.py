"""prometheus(): what is counted, and that it counts right however often it is set up."""

from __future__ import annotations

import gc
import re
import weakref
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as encode

from diag_exporters import Recovery
from diag_exporters._catalogue import CATALOGUE
from diag_exporters._metrics_page import page
from diag_exporters.prometheus import PrometheusExporter, prometheus
from diag_rules.errors import PAIRS
from exporters._samples import AT, broken_rule, outage


def openmetrics(registry: CollectorRegistry) -> str:
    text: bytes = encode(registry)  # type: ignore[no-untyped-call] # untyped in prometheus_client
    return text.decode()


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
    assert labels <= {label.name for metric in CATALOGUE for label in metric.labels}
    values = {
        value
        for family in registry.collect()
        for sample in family.samples
        for value in sample.labels.values()
    }
    assert not values & {"1", "r-1", "project_id"}


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
    registry.unregister(first.metrics)

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


def test_each_metric_says_what_it_is_for() -> None:
    for metric in CATALOGUE:
        assert metric.help.endswith(".")
        assert metric.needed_by
        assert metric.unit
        assert all(label.holds for label in metric.labels)
        assert metric.name.endswith("_total") == (metric.type == "counter")


def test_every_outcome_reason_and_category_is_there_at_0() -> None:
    """`increase()` misses the step from nothing to 1."""
    registry = CollectorRegistry()
    prometheus(registry)

    missing = [
        (metric.name, values)
        for metric in CATALOGUE
        for values in metric.zeros
        if registry.get_sample_value(metric.name, dict(zip(metric.label_names, values, strict=True))) != 0
    ]

    assert missing == []


def test_an_endless_variety_of_label_values_ends_in_other() -> None:
    registry = CollectorRegistry()
    export = prometheus(registry)

    for number in range(300):
        export(broken_rule(route=f"/page{number}"))

    family = next(found for found in registry.collect() if found.name == "diag_endpoint_errors")
    series = {
        sample.labels["endpoint"]: sample.value for sample in family.samples if sample.name.endswith("_total")
    }
    assert len(series) == 201
    assert series["other"] == 100


def test_errors_by_endpoint_have_one_value_for_what_no_route_matched() -> None:
    registry = CollectorRegistry()
    export = prometheus(registry)

    export(broken_rule(endpoint="unmatched", route=None))
    export(broken_rule(endpoint=None, route=None))

    for place in ("unmatched", "outside_requests"):
        labels = {"endpoint": place, "category": "business_rule"}
        assert registry.get_sample_value("diag_endpoint_errors_total", labels) == 1


def test_an_outage_has_the_time_at_which_it_was_first_met() -> None:
    registry = CollectorRegistry()
    export = prometheus(registry)

    export(outage())
    export(outage(at=AT + timedelta(minutes=5)))
    began = registry.get_sample_value("diag_outage_start_timestamp_seconds")
    export.recovered(Recovery(at=AT, app="index", bind="default", since=AT))

    assert began == AT.timestamp()
    assert registry.get_sample_value("diag_outage_start_timestamp_seconds") == 0


def test_an_outage_of_one_application_is_not_ended_by_the_recovery_of_another() -> None:
    registry = CollectorRegistry()
    one, other = prometheus(registry), prometheus(registry)

    one(outage(app="one"))
    other.recovered(Recovery(at=AT, app="other", bind="default", since=AT))

    assert registry.get_sample_value("diag_outage_active") == 1


def test_an_exemplar_leads_to_the_request_where_openmetrics_is_asked_for() -> None:
    registry = CollectorRegistry()
    prometheus(registry)(broken_rule(request_id="r-42"))

    text = openmetrics(registry)

    assert '# {request_id="r-42"} 1.0' in text
    assert "r-42" not in generate_latest(registry).decode()


def test_a_series_takes_one_exemplar_a_second() -> None:
    """A scrape sees the last one only, and setting one costs four times as much as counting."""
    registry, now = CollectorRegistry(), [100.0]
    export = PrometheusExporter(registry, clock=lambda: now[0])

    shown = []
    for request_id, later in (("r-1", 0.0), ("r-2", 0.5), ("r-3", 0.5)):
        now[0] += later
        export(broken_rule(request_id=request_id))
        shown.append(re.findall(r'# \{request_id="(.*?)"\}', openmetrics(registry)))

    assert shown == [["r-1"], ["r-1"], ["r-3"]]


def test_a_trace_is_a_better_exemplar_than_a_request_id() -> None:
    registry = CollectorRegistry()
    prometheus(registry)(broken_rule(request_id="r-42", trace_id="ab" * 16))

    assert f'# {{trace_id="{"ab" * 16}"}} 1.0' in openmetrics(registry)


def test_a_scan_replaces_what_the_last_one_found() -> None:
    registry = CollectorRegistry()
    export = prometheus(registry)

    export.scanned({"role_invitations.project_id": 3, "reports.release_id": 1}, ended=AT, seconds=2.5)
    export.scanned({"role_invitations.project_id": 2}, ended=AT, seconds=1.5)

    def blocked(rule: str) -> float | None:
        return registry.get_sample_value("diag_blocked_projects", {"rule": rule})

    assert (blocked("role_invitations.project_id"), blocked("reports.release_id")) == (2, 0)
    assert registry.get_sample_value("diag_scan_last_success_timestamp_seconds") == AT.timestamp()
    assert registry.get_sample_value("diag_scan_duration_seconds") == 1.5


def test_what_is_read_at_a_scrape_ends_with_its_owner() -> None:
    class Owner:
        asked = 0

    def ask(owner: Owner) -> None:
        owner.asked += 1

    registry, owner = CollectorRegistry(), Owner()
    export = prometheus(registry)
    export.metrics.on_scrape(owner, ask)
    before = owner.asked
    generate_latest(registry)
    after = owner.asked

    gone = weakref.ref(owner)
    del owner
    gc.collect()

    assert (before, after, gone()) == (0, 1, None)
    assert b"diag_build_info" in generate_latest(registry)


def test_a_source_that_fails_hides_no_other_metric() -> None:
    registry = CollectorRegistry()
    export = prometheus(registry)

    def fail(_owner: object) -> None:
        raise OSError("the store is down")

    export.metrics.on_scrape(export, fail)

    assert errors(registry, "outage", "connection_refused") == 0


def test_the_page_of_metrics_is_what_the_catalogue_prints() -> None:
    written = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")

    assert written == page(), "docs/metrics.md is stale: run `make metrics`."
