"""publish(): every exporter gets the incident, and none can harm the request."""

from __future__ import annotations

import logging

import pytest
from prometheus_client import CollectorRegistry

from diag_exporters import Incident, Recovery, publish, publish_recovery, publish_request_finished
from diag_exporters.prometheus import prometheus
from exporters._samples import AT, broken_rule


def test_an_exporter_that_raises_keeps_nobody_else_from_the_incident() -> None:
    seen: list[Incident] = []

    def broken(_: Incident) -> None:
        raise OSError("disk full")

    publish(broken_rule(), [broken, seen.append])

    assert seen == [broken_rule()]


def test_a_failure_is_counted_under_the_exporters_name() -> None:
    registry = CollectorRegistry()

    def ships_it(_: Incident) -> None:
        raise OSError("disk full")

    publish(broken_rule(), [ships_it, prometheus(registry)])

    assert registry.get_sample_value("diag_exporter_failures_total", {"exporter": "ships_it"}) == 1


def test_a_cause_is_logged_once_and_without_the_exceptions_text(caplog: pytest.LogCaptureFixture) -> None:
    class Fussy:
        name = "fussy"

        def __call__(self, _: Incident) -> None:
            raise ValueError("hunter2")

    with caplog.at_level(logging.INFO, "flask_diag"):
        publish(broken_rule(), [Fussy()])
        publish(broken_rule(), [Fussy()])

    assert [record.getMessage() for record in caplog.records] == [
        "Exporter fussy failed with ValueError; the request goes on. Further failures are only counted."
    ]
    assert "hunter2" not in caplog.text


def test_only_exporters_that_can_are_told_of_a_recovery() -> None:
    class Listens:
        heard: tuple[Recovery, ...] = ()

        def __call__(self, _: Incident) -> None: ...

        def recovered(self, recovery: Recovery) -> None:
            self.heard += (recovery,)

    listens, recovery = Listens(), Recovery(at=AT, app="index", bind="default", since=AT)

    publish_recovery(recovery, [listens, lambda _: None])
    publish_request_finished([listens])

    assert listens.heard == (recovery,)


def test_an_interrupt_is_not_swallowed() -> None:
    def stopped(_: Incident) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(broken_rule(), [stopped])
