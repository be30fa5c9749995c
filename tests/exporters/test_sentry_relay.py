"""What Sentry's own normaliser says of our events: nothing is trimmed, nothing is rejected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from diag_exporters.sentry import sentry
from diag_rules.deletion import Blocker, How, Outcome, Reason, Remedy, RemedyAction, Verdict
from exporters._samples import broken_rule, defect, outage, unique

relay = pytest.importorskip("sentry_relay.processing")

Start = Callable[..., list[dict[str, Any]]]
LONG = "c" * 500 + "\nend"


def remarks(value: object) -> list[object]:
    """Return the errors and the removals that relay notes."""
    if not isinstance(value, dict):
        return []
    found = [value[key] for key in ("err", "rem") if value.get(key)]
    return found + [one for inner in value.values() for one in remarks(inner)]


def verdict() -> Verdict:
    blocker = Blocker(
        table="role_invitations",
        constraint=None,
        columns=("project_id",),
        count=3,
        reason=Reason.NOT_NULL,
        hint="revoke 3 pending invitations",
        remedy=Remedy(action=RemedyAction.DELETE),
        relation="pending invitations",
    )
    return Verdict(subject="Project", key=1, how=How.ORM, outcome=Outcome.BLOCKED, blockers=(blocker,))


def test_relay_keeps_every_event_as_it_was_sent(start_sentry: Start) -> None:
    events = start_sentry()
    export = sentry(burst=10, business_sample_rate=1.0)
    for incident in (
        outage(outage_id="default-20261123T021500Z"),
        defect(),
        unique(LONG, subject_key=LONG, subject="Ünïcode", request_id="x" * 64),
        broken_rule(),
    ):
        export(incident)
    export.judged(verdict())
    export.request_finished()

    normalise = relay.StoreNormalizer(
        project_id=1, protocol_version="7", remove_other=True, is_renormalize=False, enable_trimming=True
    )
    assert len(events) == 4
    for event in events:
        kept = normalise.normalize_event(event=event)

        assert remarks(kept.get("_meta") or {}) == []
        assert dict(kept["tags"]).items() >= event["tags"].items()
        assert kept["fingerprint"] == event["fingerprint"]
        assert kept["contexts"]["diag"]["kind"] == event["contexts"]["diag"]["kind"]
    assert events[-1]["contexts"]["deletion"]["blockers"][0]["hint"] == "revoke 3 pending invitations"


def test_relay_would_have_said_so(start_sentry: Start) -> None:
    """The test above can fail."""
    events = start_sentry()
    sentry()(defect())
    events[0]["tags"]["db.kind"] = "v" * 201

    normalise = relay.StoreNormalizer(
        project_id=1, protocol_version="7", remove_other=True, is_renormalize=False, enable_trimming=True
    )

    assert remarks(normalise.normalize_event(event=events[0]).get("_meta") or {})
