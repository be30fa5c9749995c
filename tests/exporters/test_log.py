"""log(): one structured line an incident."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from diag_exporters import Recovery
from diag_exporters.log import log
from exporters._samples import AT, broken_rule, defect, outage, unique


def test_an_incident_is_one_line_with_its_fields(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "flask_diag.incident"):
        log()(broken_rule())

    (record,) = caplog.records
    assert record.getMessage() == (
        "business_rule not_null_violation sqlstate=23502 dialect=postgresql table=role_invitations columns=project_id "
        "deletion_of=Project subject=Project subject_key=1 method=DELETE route=/projects/<name> bind=default "
        "request_id=r-1"
    )
    assert record.__dict__["diag_category"] == "business_rule"
    assert record.__dict__["diag_deletion_of"] == "Project"


def test_levels_follow_the_category(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "flask_diag.incident"):
        for incident in (broken_rule(), outage(), defect()):
            log()(incident)

    assert [record.levelname for record in caplog.records] == ["INFO", "ERROR", "ERROR"]


def test_a_name_with_a_line_break_forges_no_second_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "flask_diag.incident"):
        log()(unique("evil\nERROR outage"))

    assert 'constraint="evil?ERROR outage"' in caplog.text
    assert "evil\n" not in caplog.text


def test_a_recovery_says_how_long_the_outage_was(caplog: pytest.LogCaptureFixture) -> None:
    log().recovered(Recovery(at=AT + timedelta(seconds=42.5), app="index", bind="default", since=AT))

    assert caplog.records[0].getMessage() == "outage over after 42.5 s app=index bind=default"
    assert caplog.records[0].__dict__["diag_outage_seconds"] == 42.5


def test_a_logger_of_ones_own_is_used(caplog: pytest.LogCaptureFixture) -> None:
    log("shop.database")(outage())

    assert caplog.records[0].name == "shop.database"
