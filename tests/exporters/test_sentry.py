"""sentry(): tags, few events, right groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sentry_sdk
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from diag_exporters import Incident
from diag_exporters._bucket import Buckets
from diag_exporters.sentry import DiagIntegration, SentryExporter, fingerprint, sentry, tags_of
from diag_rules.deletion import How, Outcome, Verdict
from exporters._samples import broken_rule, defect, outage, unique

Start = Callable[..., list[dict[str, Any]]]


def refused() -> SQLAlchemyError:
    """Return an error as SQLAlchemy hands it to a listener: not raised yet."""
    return OperationalError("SELECT 1", {}, OSError("connection refused"))


@pytest.fixture
def export() -> SentryExporter:
    return sentry(buckets=Buckets(burst=1, per_hour=6, clock=lambda: 0.0))


def test_a_broken_rule_tags_the_scope_and_makes_no_event(start_sentry: Start, export: SentryExporter) -> None:
    events = start_sentry()

    export(broken_rule())
    sentry_sdk.capture_message("later in the same request")

    (event,) = events
    assert event["message"] == "later in the same request"
    assert event["tags"]["db.category"] == "business_rule"
    assert event["tags"]["db.kind"] == "not_null_violation"
    assert event["tags"]["diag.deletion_of"] == "Project"


def test_the_tags_do_not_reach_the_next_request(start_sentry: Start, export: SentryExporter) -> None:
    events = start_sentry()

    export(broken_rule())
    export.request_finished()
    sentry_sdk.capture_message("the next request")

    assert not {key for key in events[0].get("tags", {}) if key.startswith(("db.", "diag."))}


def test_a_second_incident_leaves_no_tag_of_the_first(start_sentry: Start, export: SentryExporter) -> None:
    events = start_sentry()

    export(unique("uq_email"))
    export(broken_rule())
    sentry_sdk.capture_message("now")

    assert "db.constraint" not in events[0]["tags"]


def test_an_incident_outside_of_requests_tags_its_event_only(
    start_sentry: Start, export: SentryExporter
) -> None:
    events = start_sentry()

    export(outage(endpoint=None, error=refused()))
    sentry_sdk.capture_message("another job in this thread")

    assert events[0]["tags"]["db.category"] == "outage"
    assert "db.category" not in events[1].get("tags", {})


def test_an_outage_is_one_event_however_many_requests_it_breaks(
    start_sentry: Start, export: SentryExporter
) -> None:
    events = start_sentry()

    for endpoint in ("a", "b", "c"):
        export(outage(endpoint=endpoint, error=refused()))

    assert len(events) == 1
    assert events[0]["fingerprint"] == ["db", "outage", "connection_refused"]
    assert events[0]["level"] == "error"
    assert export.held_back == 2


def test_tokens_come_back_with_time(start_sentry: Start) -> None:
    now = [0.0]
    export, events = sentry(buckets=Buckets(1, 6, clock=lambda: now[0])), start_sentry()

    for second in (0.0, 599.0, 601.0):
        now[0] = second
        export(outage(error=refused()))

    assert len(events) == 2


def test_defects_always_pass(start_sentry: Start, export: SentryExporter) -> None:
    events = start_sentry()

    for _ in range(3):
        export(defect(error=refused()))

    assert len(events) == 3
    assert events[0]["fingerprint"] == ["db", "defect", "undefined_table", "delete_project"]


def test_the_event_shows_the_applications_stack(start_sentry: Start, export: SentryExporter) -> None:
    """The error is met before it is raised, so its own traceback would end inside SQLAlchemy."""
    events = start_sentry()

    export(outage(error=refused()))

    outer = events[0]["exception"]["values"][-1]
    functions = [frame["function"] for frame in outer["stacktrace"]["frames"]]
    assert functions[-1] == "test_the_event_shows_the_applications_stack"
    assert outer["type"] == "OperationalError"
    assert outer["value"] == "connection_refused"
    assert outer["mechanism"]["handled"] is True


def test_the_sdks_own_event_of_the_same_error_is_dropped(start_sentry: Start, export: SentryExporter) -> None:
    events, error = start_sentry(), refused()

    export(outage(error=error))
    sentry_sdk.capture_message("something between")
    sentry_sdk.capture_exception(error)
    try:
        raise RuntimeError("gave up") from error
    except RuntimeError as outer:
        sentry_sdk.capture_exception(outer)

    assert [event.get("message") for event in events] == [None, "something between"]


def test_what_the_bucket_held_back_is_not_sent_by_the_sdk_either(
    start_sentry: Start, export: SentryExporter
) -> None:
    events = start_sentry()

    for _ in range(3):
        error = refused()
        export(outage(error=error))
        sentry_sdk.capture_exception(error)

    assert len(events) == 1


def test_a_bug_in_an_except_block_is_an_event_of_its_own(start_sentry: Start, export: SentryExporter) -> None:
    events = start_sentry()

    try:
        try:
            raise refused()
        except OperationalError as error:
            export(outage(error=error))
            raise KeyError("fallback")  # noqa: B904 the bug: no cause is given
    except KeyError as bug:
        sentry_sdk.capture_exception(bug)

    assert len(events) == 2
    assert events[1]["exception"]["values"][-1]["type"] == "KeyError"
    assert "fingerprint" not in events[1]


def test_an_unhandled_broken_rule_keeps_the_sdks_event_with_our_group(
    start_sentry: Start, export: SentryExporter
) -> None:
    """An application that answers it with 500 has a bug to fix."""
    events, error = start_sentry(), refused()

    export(unique("uq_email", error=error))
    sentry_sdk.capture_exception(error)

    (event,) = events
    assert event["fingerprint"] == ["db", "business_rule", "unique_violation", "uq_email"]
    assert event["tags"]["db.constraint"] == "uq_email"
    assert event["exception"]["values"][-1]["value"] == "unique_violation (23505) on uq_email"


def test_broken_rules_become_events_where_asked_for(start_sentry: Start) -> None:
    events = start_sentry()

    sentry(business_sample_rate=1.0)(unique("uq_email", error=refused()))

    assert [event["level"] for event in events] == ["info"]


def test_different_constraints_are_different_groups() -> None:
    assert fingerprint(unique("uq_email")) != fingerprint(unique("uq_name"))
    assert fingerprint(broken_rule())[-1] == "role_invitations.project_id"


def test_tags_are_what_sentry_takes() -> None:
    """Keys of at most 32 characters; values of 1 to 200, without line breaks."""
    odd = unique("c" * 500 + "\nend", subject_key="", request_id="line\nbreak")

    tags = tags_of(odd)

    assert all(len(key) <= 32 and key.isascii() for key in tags)
    assert all(0 < len(value) <= 200 and value.isprintable() for value in tags.values())
    assert "diag.subject_key" not in tags


def test_a_stopped_or_missing_sdk_is_no_failure(export: SentryExporter) -> None:
    for incident in (outage(), outage(error=refused()), broken_rule()):
        export(incident)
    export.request_finished()


def test_an_sdk_that_is_initialised_later_is_used(export: SentryExporter, start_sentry: Start) -> None:
    export(defect())

    events = start_sentry()
    export(defect())

    assert len(events) == 1
    assert events[0]["logentry"]["message"] == "undefined_table (42P01)"


def test_an_existing_before_send_still_decides(export: SentryExporter, start_sentry: Start) -> None:
    seen: list[str] = []

    def before_send(event: Any, _hint: Any) -> None:
        seen.append(event["tags"]["db.kind"])

    events = start_sentry(before_send=before_send)
    export(outage(error=refused()))

    assert (seen, events) == (["connection_refused"], [])


def test_our_own_log_lines_are_no_events(export: SentryExporter, start_sentry: Start) -> None:
    from diag_exporters import publish
    from diag_exporters.log import log

    events = start_sentry()
    incident: Incident = outage(error=refused())
    publish(incident, [log(), export])

    assert len(events) == 1


def test_a_share_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"business_sample_rate=2 is no share"):
        sentry(business_sample_rate=2)


def test_a_bucket_that_would_never_fill_is_refused() -> None:
    with pytest.raises(ValueError, match="would never pass an event"):
        sentry(burst=0)


def test_a_transaction_is_tagged(export: SentryExporter, start_sentry: Start) -> None:
    events, engine = start_sentry(traces_sample_rate=1.0), create_engine("sqlite://")

    with sentry_sdk.start_transaction(name="delete_project"):
        export(broken_rule())
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    engine.dispose()

    (transaction,) = events
    assert transaction["tags"]["db.category"] == "business_rule"


def test_what_the_bucket_held_back_is_counted_by_category(
    start_sentry: Start, export: SentryExporter
) -> None:
    counted: list[str] = []
    start_sentry()
    export.counted_by = counted.append

    for _ in range(3):
        export(outage(error=refused()))

    assert counted == ["outage", "outage"]


def test_an_event_names_its_outage(start_sentry: Start, export: SentryExporter) -> None:
    events = start_sentry()

    export(outage(outage_id="default-20261123T021500Z", error=refused()))

    assert events[0]["tags"]["diag.outage"] == "default-20261123T021500Z"
    assert events[0]["contexts"]["diag"]["outage"] == "default-20261123T021500Z"


def test_a_refused_deletion_that_is_sampled_waits_for_its_verdict(start_sentry: Start) -> None:
    events, export = start_sentry(), sentry(business_sample_rate=1.0)

    export(broken_rule(error=refused()))
    before = len(events)
    export.judged(Verdict(subject="Project", key=1, how=How.ORM, outcome=Outcome.BLOCKED))
    after = len(events)
    export.request_finished()

    assert (before, after, len(events)) == (0, 1, 1)
    assert events[0]["contexts"]["deletion"]["outcome"] == "blocked"


def test_a_refused_deletion_without_a_verdict_is_sent_at_the_requests_end(start_sentry: Start) -> None:
    events, export = start_sentry(), sentry(business_sample_rate=1.0)

    export(broken_rule(error=refused()))
    export.request_finished()

    assert len(events) == 1
    assert "deletion" not in events[0]["contexts"]


def test_a_verdict_does_not_reach_the_next_request(start_sentry: Start, export: SentryExporter) -> None:
    events = start_sentry()

    export(broken_rule())
    export.judged(Verdict(subject="Project", key=1, how=How.ORM, outcome=Outcome.BLOCKED))
    sentry_sdk.capture_message("the same request")
    export.request_finished()
    sentry_sdk.capture_message("the next one")

    assert events[0]["contexts"]["deletion"]["subject"] == "Project"
    assert "deletion" not in events[1].get("contexts", {})


def test_the_integration_can_be_given_to_the_sdk(start_sentry: Start, export: SentryExporter) -> None:
    events = start_sentry(integrations=[DiagIntegration()])

    export(outage(error=refused()))

    assert sentry_sdk.get_client().get_integration(DiagIntegration) is not None
    assert len(events) == 1
