"""A hint that was kept is said again in another language, where it is known whose words it was."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from diag_rules.deletion import DeletionPolicy, DeletionRules, Reason
from diag_rules.deletion._hint_texts import UNNAMED
from diag_rules.deletion._hints import BlockerFacts, describe
from diag_rules.deletion._retell import retell

LANGUAGES = ("en", "zh")
WAYS = [("en", "zh"), ("zh", "en"), ("zh", "zh")]


class Base(DeclarativeBase):
    """The tables of a policy."""


class Project(Base):
    """The subject."""

    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    held: Mapped[bool]
    invitations: Mapped[list[Invitation]] = relationship()


class Invitation(Base):
    """What blocks."""

    __tablename__ = "invitations"
    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str]
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))


PENDING = {
    "of": "Project.invitations",
    "when": "status == 'pending'",
    "name": {"en": {"one": "pending invitation", "other": "pending invitations"}, "zh": "待接受的邀请"},
    "hint": {
        "en": {
            "one": "revoke {count} invitation to {name}",
            "other": "revoke {count} invitations to {name} ({name})",
        },
        "zh": "撤销 {name} 的 {count} 个邀请",
    },
}
OTHERS = {"of": "Project.invitations", "name": {"en": "invitation of old", "zh": "旧邀请"}}
HELD = {
    "name": "legal-hold",
    "when": "held",
    "hint": {"en": "ask legal about {key}", "zh": "请就 {key} 咨询法务"},
}


def facts(count: int = 3, **changes: Any) -> BlockerFacts:
    """Return what a store keeps of a blocker, and what it does not."""
    known: dict[str, Any] = {
        "table": "invitations",
        "columns": ("project_id",),
        "constraint": None,
        "reason": Reason.NOT_NULL,
        "path": ("projects", "invitations"),
        "subject": "Project",
        "key": 7,
        "relationship": "Project.invitations",
        "values": {"name": "a (b) c"},
    }
    return BlockerFacts(count=count, **{**known, **changes})


def kept(found: BlockerFacts) -> BlockerFacts:
    """Return *found* without what a store does not keep."""
    return replace(found, key=None, values={}, relationship=None, broken=None, path=())


def policy(*relations: dict[str, Any], rules: tuple[dict[str, Any], ...] = ()) -> DeletionPolicy:
    """Return a policy that knows its tables."""
    found = DeletionRules(Project, policy={"relation": list(relations), "rule": list(rules)}).policy
    assert found is not None
    return found


@pytest.mark.parametrize(("scanned", "read"), WAYS)
@pytest.mark.parametrize(("reason", "variant"), [key for key in UNNAMED if key[0] is not Reason.RULE])
@pytest.mark.parametrize("count", [1, 3])
def test_what_the_schema_says_is_said_in_the_readers_language(
    reason: Reason, variant: str, count: int, scanned: str, read: str
) -> None:
    found = facts(
        count,
        reason=reason,
        relationship="Project.invitations" if variant == "orm" else None,
        broken="no unique index" if variant == "broken" else None,
        capped=count == 3,
    )

    said = retell(kept(found), describe(found, locale=scanned).hint, read, LANGUAGES, None)

    assert said is not None
    assert said.hint == describe(found, locale=read).hint


@pytest.mark.parametrize(("scanned", "read"), WAYS)
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("place", [0, 1])
def test_a_policys_words_are_found_again_with_the_columns_that_they_name(
    place: int, count: int, scanned: str, read: str
) -> None:
    bound = policy(PENDING, OTHERS)
    clause, found = bound.clauses("invitations", ("project_id",))[place], facts(count)

    said = retell(kept(found), describe(found, clause, scanned).hint, read, LANGUAGES, bound)

    assert said is not None
    wanted = describe(found, clause, read)
    assert said.hint == wanted.hint
    assert said.relation == wanted.relation


@pytest.mark.parametrize(("scanned", "read"), WAYS)
def test_a_rule_of_the_business_is_found_by_its_name(scanned: str, read: str) -> None:
    bound = policy(rules=(HELD,))
    found = facts(1, reason=Reason.RULE, constraint="legal-hold", table="projects", columns=())

    said = retell(kept(found), bound.rules[0].describe(1, "7,de", {}, scanned).hint, read, LANGUAGES, bound)

    assert said is not None
    assert said.hint == bound.rules[0].describe(1, "7,de", {}, read).hint


def test_words_that_nobody_has_any_more_are_not_guessed() -> None:
    before = describe(facts(), policy(PENDING).clauses("invitations", ("project_id",))[0], "en").hint
    now = policy({**PENDING, "hint": {"en": "withdraw {count} invitations to {name}", "zh": "撤回"}})

    assert retell(kept(facts()), before, "zh", LANGUAGES, now) is None
    assert retell(kept(facts()), before, "zh", LANGUAGES, None) is None


def test_a_name_that_the_kept_words_do_not_tell_is_not_made_up() -> None:
    bound = policy({**PENDING, "hint": {"en": "revoke {count} invitations", "zh": "撤销 {name} 的邀请"}})

    assert retell(kept(facts()), "revoke 3 invitations", "zh", LANGUAGES, bound) is None


@pytest.mark.parametrize(("hint", "said"), [("of Ann Lee", "Lee Ann"), ("of Ann van Lee", None)])
def test_names_that_may_end_in_two_places_are_not_guessed(hint: str, said: str | None) -> None:
    bound = policy({**PENDING, "hint": {"en": "of {name} {key}", "zh": "{key} {name}"}})

    found = retell(kept(facts()), hint, "zh", LANGUAGES, bound)

    assert (None if found is None else found.hint) == said


def test_a_long_name_is_not_looked_through_for_ever() -> None:
    bound = policy({**PENDING, "hint": {"en": "{name} {key} {name} {key} {name}", "zh": "{key}{name}"}})
    begun = time.perf_counter()

    assert retell(kept(facts()), " " * 100_000, "zh", LANGUAGES, bound) is None

    assert time.perf_counter() - begun < 1
