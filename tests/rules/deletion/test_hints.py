"""Hints: what people read, with and without a policy, in English and Chinese."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from diag_rules.deletion import PolicyError, Reason, RemedyAction
from diag_rules.deletion._hint_texts import NAMED, UNNAMED
from diag_rules.deletion._hints import BlockerFacts, describe, use_language
from diag_rules.deletion._policy_entries import Relation
from diag_rules.deletion._policy_texts import Texts, fill_link, plural

LANGUAGES = ("en", "zh")


class Clause:
    """Stands for a bound clause, as far as words go."""

    def __init__(self, **entry: Any) -> None:
        self.entry = Relation(table="role_invitations", **entry)


def facts(count: int = 3, **changes: Any) -> BlockerFacts:
    known: dict[str, Any] = {
        "table": "release_observations",
        "columns": ("related_id",),
        "constraint": "release_observations_related_id_fkey",
        "reason": Reason.FOREIGN_KEY,
        "path": ("projects", "releases", "release_observations"),
        "subject": "Project",
        "key": 7,
        "values": {"name": "sample/project"},
    }
    return BlockerFacts(count=count, **{**known, **changes})


def test_the_schema_alone_gives_a_hint_that_a_person_would_accept() -> None:
    assert describe(facts()).hint == "delete or reassign 3 rows of release_observations"
    assert describe(facts(1)).hint == "delete or reassign 1 row of release_observations"
    assert describe(facts(), locale="zh").hint == "请先删除或重新分配 release_observations 中的 3 行"


def test_nulling_by_the_orm_says_what_people_do_and_what_developers_change() -> None:
    nulling = facts(
        table="role_invitations",
        columns=("project_id",),
        reason=Reason.NOT_NULL,
        relationship="Project.invitations",
        ondelete="CASCADE",
    )

    hint = describe(nulling).hint

    assert hint.startswith("delete 3 rows of role_invitations first")
    assert "set passive_deletes=True on Project.invitations" in hint
    assert "passive_deletes=True" in describe(nulling, locale="zh").hint


@pytest.mark.parametrize(("reason", "variant"), sorted(UNNAMED))
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_has_a_hint_in_every_language(reason: Reason, variant: str, language: str) -> None:
    texts = UNNAMED[reason, variant]
    values = dict.fromkeys(("relation", "columns", "constraint", "relationship"), "X") | {"count": "3"}

    assert texts.closest(language) == language
    assert texts.render(language, 3, values)
    assert set(texts.forms) == set(LANGUAGES)


@pytest.mark.parametrize("reason", list(Reason))
def test_no_reason_is_left_without_words(reason: Reason) -> None:
    for relationship in (None, "Project.invitations"):
        for count in (0, 1, 2):
            for language in LANGUAGES:
                described = describe(facts(count, reason=reason, relationship=relationship), locale=language)
                assert described.hint
                assert "{" not in described.hint


@pytest.mark.parametrize("action", list(RemedyAction))
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_name_without_a_hint_makes_one_for_each_remedy(action: RemedyAction, language: str) -> None:
    clause = Clause(name={"en": {"one": "report", "other": "reports"}, "zh": "举报"}, remedy=action)

    hint = describe(facts(2), clause, language).hint

    assert ("2 reports" if language == "en" else "2 个举报") in hint
    assert set(NAMED[action].forms) == set(LANGUAGES)


def test_a_policy_has_the_last_word() -> None:
    clause = Clause(
        name={"en": {"one": "pending invitation", "other": "pending invitations"}},
        hint={
            "en": {
                "one": "revoke {count} {relation} of {name}",
                "other": "revoke {count} {relation} of {name}",
            }
        },
        link="/manage/project/{name}/collaboration/?key={key}",
        remedy="delete",
        automatic=True,
    )

    described = describe(facts(1), clause)

    assert described.hint == "revoke 1 pending invitation of sample/project"
    assert described.relation == "pending invitation"
    assert described.remedy.link == "/manage/project/sample%2Fproject/collaboration/?key=7"
    assert (described.remedy.action, described.remedy.automatic) == (RemedyAction.DELETE, True)


def test_without_the_subjects_columns_the_schema_speaks_and_the_link_is_left_out() -> None:
    clause = Clause(hint="revoke {count} of {name}", link="/{name}/", remedy="delete")

    described = describe(facts(values={}), clause)

    assert described.hint == "delete or reassign 3 rows of release_observations"
    assert described.remedy.link is None


def test_a_capped_count_says_that_there_are_more() -> None:
    assert describe(facts(100, capped=True)).hint == "delete or reassign 100+ rows of release_observations"


def test_a_composite_key_reads_as_its_parts() -> None:
    assert describe(facts(key=("acme", 7)), Clause(hint="see {key}")).hint == "see acme, 7"


def test_values_can_not_bring_placeholders_of_their_own() -> None:
    described = describe(facts(values={"name": "{count.__class__}"}), Clause(hint="of {name}"))

    assert described.hint == "of {count.__class__}"


def test_the_language_belongs_to_the_block_and_the_thread() -> None:
    seen = []
    with use_language("zh-Hans"):
        thread = threading.Thread(target=lambda: seen.append(describe(facts()).hint))
        thread.start()
        thread.join()
        inside = describe(facts()).hint

    assert inside.startswith("请先")
    assert seen == ["delete or reassign 3 rows of release_observations"]
    assert describe(facts()).hint == seen[0]


@pytest.mark.parametrize(
    ("wanted", "given", "chosen"),
    [
        ("zh-Hans-CN", ("en", "zh"), "zh"),
        ("zh_CN", ("en", "zh_Hans"), "zh_Hans"),
        ("fr", ("en", "zh"), "en"),
        ("fr", ("de", "zh"), "de"),
        ("pt-BR", ("pt", "pt_BR"), "pt_BR"),
        ("", ("en",), "en"),
    ],
)
def test_the_closest_language_is_chosen(wanted: str, given: tuple[str, ...], chosen: str) -> None:
    assert Texts({tag: {"other": tag} for tag in given}).closest(wanted) == chosen


def test_plurals_follow_the_language_not_the_number_one() -> None:
    assert [plural("pl", count) for count in (1, 3, 5)] == ["one", "few", "many"]
    assert [plural("zh", count) for count in (1, 3)] == ["other", "other"]
    texts = Texts.of({"pl": {"one": "1", "few": "few", "many": "many", "other": "other"}}, "hint")
    assert [texts.render("pl", count, {}) for count in (1, 22, 25)] == ["1", "few", "many"]


@pytest.mark.parametrize("tag", ["xx", "english", "../../etc", "", "zh-", 3])
def test_a_language_that_is_none_is_refused(tag: Any) -> None:
    with pytest.raises(PolicyError, match="unknown language"):
        Texts.of({tag: "text"}, "hint")


def test_braces_can_be_written() -> None:
    assert Texts.of("{{{count}}}", "hint").render("en", 2, {"count": "2"}) == "{2}"


def test_a_link_escapes_what_it_is_given() -> None:
    assert fill_link("/p/{name}", {"name": "a/b?c#d%"}) == "/p/a%2Fb%3Fc%23d%25"
    assert fill_link("/p/{name}", {"name": None}) is None
