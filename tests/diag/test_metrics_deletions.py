"""Deletions that were refused, by rule; safe deletes and what they cleaned, counted once they are committed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from _threads import finish_late_questions
from diag._shop import Project, Shop, fill, make_shop
from diag_rules.deletion import DeletionRefused, DeletionRules

if TYPE_CHECKING:
    from sqlalchemy import Engine

pytestmark = pytest.mark.only("sqlite", "postgresql")

INVITATIONS, INVOICES = "role_invitations.project_id", "invoices.project_id"
POLICY = '[[relation]]\ntable = "role_invitations"\nremedy = "delete"\nautomatic = true\n'


def refused(shop: Shop, rule: str) -> float:
    return shop.registry.get_sample_value("diag_deletions_refused_total", {"rule": rule}) or 0


def safe(shop: Shop) -> tuple[float | None, float]:
    """Return the safe deletes that were counted, and the invitations that they cleaned."""
    cleaned = shop.registry.get_sample_value("diag_rows_cleaned_total", {"table": "role_invitations"}) or 0
    return shop.registry.get_sample_value("diag_safe_deletes_total"), cleaned


def test_a_refused_deletion_is_counted_once_for_each_rule_in_its_way(shop: Shop) -> None:
    shop.client.delete("/projects/sampleproject")
    shop.client.delete("/sql/3")
    finish_late_questions()

    assert (refused(shop, INVITATIONS), refused(shop, INVOICES)) == (1, 1)


def test_a_refusal_that_the_application_answers_itself_is_counted(filled: Engine) -> None:
    shop = make_shop(filled)
    shop.app.register_error_handler(IntegrityError, lambda _: ("no", 409))

    shop.client.delete("/projects/sampleproject")

    assert refused(shop, INVITATIONS) == 1


def test_a_broken_rule_that_is_no_deletion_is_no_refused_deletion(shop: Shop) -> None:
    shop.client.post("/run", data={"sql": "INSERT INTO projects (id, name, stars) VALUES (1, 'x', 0)"})

    assert b"diag_deletions_refused_total{" not in shop.client.get("/metrics").data


def test_a_safe_delete_counts_at_commit(shop: Shop) -> None:
    rules = DeletionRules(Project, policy=POLICY)

    with Session(shop.engine) as session:
        rules.delete(session, 1)
        before = safe(shop)
        session.commit()

    assert before == (0, 0)
    assert safe(shop) == (1, 3)


def test_a_safe_delete_that_is_rolled_back_or_only_tried_counts_nothing(shop: Shop) -> None:
    rules = DeletionRules(Project, policy=POLICY)

    with Session(shop.engine) as session:
        rules.delete(session, 1, dry_run=True)
        session.commit()
        rules.delete(session, 1)
        session.rollback()
        session.commit()
        rules.delete(session, 2)
        session.commit()

    assert safe(shop) == (1, 0)


def test_a_safe_delete_that_is_refused_counts_by_rule(shop: Shop) -> None:
    with Session(shop.engine) as session, pytest.raises(DeletionRefused):
        DeletionRules(Project).delete(session, 3)

    assert refused(shop, INVOICES) == 1
    assert safe(shop) == (0, 0)


def test_a_deletion_on_another_engine_is_none_of_ours(shop: Shop, filled: Engine) -> None:

    other = create_engine("sqlite://")
    fill(other)
    with Session(other) as session:
        DeletionRules(Project, policy=POLICY).delete(session, 1)
        session.commit()
    other.dispose()

    assert safe(shop) == (0, 0)
