"""Hints: what people read, with and without a policy, in English and Chinese."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from diag_rules.deletion import (
    Blocker,
    DeletionRules,
    PolicyError,
    Reason,
    Relation,
    RemedyAction,
    for_public,
    use_language,
)
from diag_rules.deletion._blockers import blocker
from diag_rules.deletion._hint_texts import ADVICE, NAMED, PUBLIC, UNNAMED
from diag_rules.deletion._hints import BlockerFacts, describe, words_of
from diag_rules.deletion._policy_texts import Texts, fill_link, plural

if TYPE_CHECKING:
    from conftest import Database

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


def nulling(**changes: Any) -> BlockerFacts:
    """The facts of 2025's bug."""
    known: dict[str, Any] = {
        "table": "role_invitations",
        "columns": ("project_id",),
        "constraint": None,
        "reason": Reason.NOT_NULL,
        "relationship": "Project.invitations",
        "ondelete": "CASCADE",
    }
    return facts(**{**known, **changes})


def test_people_read_what_they_do_and_developers_what_they_change() -> None:
    described = describe(nulling())

    assert described.hint == "delete 3 rows of role_invitations first"
    assert described.advice.startswith(
        "set passive_deletes=True on Project.invitations, so that the database's ON DELETE CASCADE removes them"
    )
    assert "passive_deletes=True" in describe(nulling(), locale="zh").advice


def test_a_policy_changes_the_hint_and_leaves_the_advice_true() -> None:
    told = describe(nulling(), Clause(hint="revoke {count} invitations"))

    assert (told.hint, told.from_schema) == ("revoke 3 invitations", False)
    assert told.advice == describe(nulling()).advice


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"ondelete": "SET NULL", "relationship": None},
            "ON DELETE SET NULL can't blank role_invitations.project_id",
        ),
        ({"ondelete": "SET DEFAULT", "relationship": None}, "add a server_default"),
        ({"ondelete": "NO ACTION"}, 'give it cascade="all, delete-orphan"'),
        ({"ondelete": None}, "Project.invitations blanks role_invitations.project_id"),
        ({"reason": Reason.PRIMARY_KEY}, "the primary key role_invitations.project_id"),
        ({"reason": Reason.CHECK, "constraint": "ck_owner"}, "Project.invitations blanks the reference"),
        (
            {"reason": Reason.CHECK, "constraint": "ck_owner", "relationship": None},
            "break the check ck_owner",
        ),
        ({"reason": Reason.ORM}, "set passive_deletes=True on Project.invitations"),
        ({"reason": Reason.ORM, "relationship": None}, "post_update=True"),
        (
            {"reason": Reason.FOREIGN_KEY, "relationship": None, "ondelete": "SET DEFAULT"},
            "a value that no row has",
        ),
    ],
)
def test_the_advice_is_for_what_causes_it(changes: dict[str, Any], words: str) -> None:
    assert words in describe(nulling(**changes)).advice


@pytest.mark.parametrize("ondelete", [None, "NO ACTION", "RESTRICT"])
def test_where_nothing_is_wrong_with_the_models_there_is_no_advice(ondelete: str | None) -> None:
    assert describe(facts(ondelete=ondelete)).advice == ""
    assert describe(facts(reason=Reason.RULE)).advice == ""


def test_a_key_that_the_database_can_not_use_is_the_developers_affair() -> None:
    broken = facts(broken="foreign key mismatch: a refers to b, whose columns are not unique")

    for clause in (None, Clause(hint="close {count} reports", remedy="delete", automatic=True)):
        described = describe(broken, clause)
        assert described.hint.startswith("ask the developers")
        assert described.advice == f"mend the schema: {broken.broken}"
        assert (described.remedy.action, described.remedy.automatic) == (RemedyAction.MANUAL, False)
        assert for_public(blocker(broken, None)).hint == describe(broken).hint


@pytest.mark.parametrize("key", sorted({*UNNAMED, *ADVICE}))
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_there_in_every_language(key: tuple[Reason, str], language: str) -> None:
    values = dict.fromkeys(("relation", "columns", "constraint", "relationship", "broken"), "X") | {
        "count": "3"
    }

    for texts in (table[key] for table in (UNNAMED, PUBLIC, ADVICE) if key in table):
        assert texts.closest(language) == language
        assert texts.render(language, 3, values)
        assert set(texts.forms) == set(LANGUAGES)


@pytest.mark.parametrize("key", sorted(UNNAMED))
def test_hints_name_no_more_than_the_relation_and_its_count(key: tuple[Reason, str]) -> None:
    for table in (UNNAMED, PUBLIC):
        assert set(table[key].placeholders()) <= {"relation", "count"}


@pytest.mark.parametrize("reason", list(Reason))
def test_no_reason_is_left_without_words(reason: Reason) -> None:
    for relationship in (None, "Project.invitations"):
        for count in (0, 1, 2):
            for language in LANGUAGES:
                with use_language(language):
                    held = blocker(facts(count, reason=reason, relationship=relationship), None)
                for words in (held.hint, for_public(held, language).hint):
                    assert words
                    assert "{" not in words + held.advice


def test_the_public_reads_words_in_place_of_tables() -> None:
    held = blocker(nulling(table="billing.role_invitations"), None)

    told = for_public(held)

    assert told.hint == "delete 3 entries in “role invitations” first"
    assert (told.relation, told.advice) == ("role invitations", "")
    assert for_public(held, "zh").hint == "请先删除“role invitations”中的 3 项"
    assert for_public(blocker(facts(100, capped=True), None)).hint == (
        "delete or reassign 100+ entries in “release observations”"
    )
    assert for_public(blocker(facts(1), None)).hint == "delete or reassign 1 entry in “release observations”"


def test_the_public_reads_the_words_of_a_policy_as_they_are() -> None:
    described = describe(nulling(), Clause(hint="revoke {count} {relation}"))
    held = Blocker(
        table="role_invitations",
        constraint=None,
        columns=("project_id",),
        count=3,
        reason=Reason.NOT_NULL,
        hint=described.hint,
        remedy=described.remedy,
        relation=described.relation,
        advice=described.advice,
    )

    told = for_public(held)

    assert (told.hint, told.relation, told.advice) == ("revoke 3 role invitations", "role invitations", "")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("release_observations", "release observations"),
        ("billing.OpenInvoice", "open invoice"),
        ("order-items", "order items"),
        ("_", "_"),
    ],
)
def test_a_table_is_said_in_words(table: str, words: str) -> None:
    assert words_of(table) == words


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


@pytest.mark.only("sqlite")
def test_a_mismatch_that_sqlite_meets_is_told_to_the_developers(database: Database) -> None:
    metadata = sa.MetaData()
    projects = sa.Table("projects", metadata, sa.Column("id", sa.Integer, primary_key=True))
    engine = database.engine()
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE projects (id INTEGER PRIMARY KEY, name TEXT)")
        connection.exec_driver_sql("CREATE TABLE badges (of TEXT REFERENCES projects (name))")
        connection.exec_driver_sql("INSERT INTO projects VALUES (1, 'one')")

    with engine.connect() as connection:
        (held,) = DeletionRules(projects).check(connection, 1, "sql").blockers
        with pytest.raises(sa.exc.DatabaseError, match="foreign key mismatch"):
            connection.execute(projects.delete())

    assert held.hint == "ask the developers: as the database is set up, it can't delete this"
    assert held.advice.startswith("mend the schema: foreign key mismatch: badges refers to projects")
    assert for_public(held).hint == held.hint
