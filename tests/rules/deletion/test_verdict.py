"""A verdict is a value like any other dataclass, though what subjects have in common is kept once."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, fields, replace

import pytest

from diag_rules.deletion import Effect, How, Outcome, Verdict

VERDICT = Verdict(
    subject="Project",
    key=7,
    how=How.SQL,
    outcome=Outcome.DELETABLE,
    deleted=(Effect(table="projects", count=1),),
)


def test_a_verdict_has_its_fields_in_order_and_nothing_else() -> None:
    assert [each.name for each in fields(VERDICT)][:4] == ["subject", "key", "how", "outcome"]
    assert list(asdict(VERDICT)) == [each.name for each in fields(VERDICT)]
    assert asdict(VERDICT)["deleted"] == ({"table": "projects", "count": 1, "columns": (), "capped": False},)
    assert "key=7" in repr(VERDICT)
    assert not hasattr(VERDICT, "__dict__")


def test_verdicts_are_equal_where_all_their_fields_are() -> None:
    assert replace(VERDICT) == VERDICT
    assert hash(replace(VERDICT)) == hash(VERDICT)
    assert replace(VERDICT, key=8) != VERDICT
    assert replace(VERDICT, warnings=("careful",)) != VERDICT


def test_a_verdict_can_be_copied_and_sent_but_not_changed() -> None:
    assert copy.copy(VERDICT) == VERDICT
    assert pickle.loads(pickle.dumps(VERDICT)) == VERDICT

    with pytest.raises(FrozenInstanceError):
        VERDICT.key = 8  # type: ignore[misc] # that is the test
    with pytest.raises(FrozenInstanceError):
        VERDICT.outcome = Outcome.BLOCKED  # type: ignore[misc] # that is the test
