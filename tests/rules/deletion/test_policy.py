"""The deletion policy: read from TOML or Python, bound to a schema, refused with the nearest right name."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from diag_rules.deletion import (
    BusinessRule,
    DeletionPolicy,
    DeletionRules,
    Outcome,
    PolicyError,
    Reason,
    Relation,
    RemedyAction,
    SubjectWords,
    Triggers,
)
from diag_rules.deletion._metadata import read_metadata

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Base(DeclarativeBase):
    pass


class Project(Base):
    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(50))
    legal_hold: Mapped[bool | None]
    releases: Mapped[list[Release]] = relationship(cascade="all, delete-orphan", passive_deletes=True)
    invitations: Mapped[list[Invitation]] = relationship(back_populates="project")
    tags: Mapped[list[Tag]] = relationship(secondary="project_tags")


class Release(Base):
    __tablename__ = "releases"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))


class Download(Base):
    __tablename__ = "downloads"
    id: Mapped[int] = mapped_column(primary_key=True)
    release_id: Mapped[int] = mapped_column(ForeignKey("releases.id", ondelete="CASCADE"))
    at: Mapped[datetime]


class Invitation(Base):
    __tablename__ = "role_invitations"
    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(
        sa.Enum("pending", "expired", name="invitation_status", native_enum=False)
    )
    created: Mapped[datetime]
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    project: Mapped[Project] = relationship(back_populates="invitations")


class Move(Base):
    __tablename__ = "moves"
    id: Mapped[int] = mapped_column(primary_key=True)
    old_id: Mapped[int | None] = mapped_column(ForeignKey("projects.id", name="moves_old"))
    new_id: Mapped[int | None] = mapped_column(ForeignKey("projects.id", name="moves_new"))


class Tag(Base):
    __tablename__ = "tags"
    id: Mapped[int] = mapped_column(primary_key=True)


sa.Table(
    "project_tags",
    Base.metadata,
    sa.Column("project_id", ForeignKey("projects.id"), primary_key=True),
    sa.Column("tag_id", ForeignKey("tags.id"), primary_key=True),
)
SCHEMA = read_metadata(Base.metadata)
PACK = """
[subject]
name = { en = { one = "project", other = "projects" }, zh = "项目" }
link = "/projects/{name}/"

[[relation]]
of = "Project.invitations"
when = "status == 'pending'"
name = { en = { one = "pending invitation", other = "pending invitations" }, zh = "待处理邀请" }
hint = { en = { one = "revoke {count} pending invitation", other = "revoke {count} pending invitations" }, zh = "撤销 {count} 个邀请" }
link = "/projects/{name}/collaboration/"
remedy = "delete"
automatic = true

[[relation]]
table = "role_invitations"
remedy = "delete"
name = "expired invitations"

[[relation]]
table = "moves"
columns = ["old_id"]
remedy = "detach"

[[rule]]
name = "legal-hold"
when = "legal_hold"
hint = "{name} is under legal hold: ask the lawyers"
link = "/legal/{key}"

[[rule]]
name = "recently-downloaded"
over = "downloads"
when = "at > $now - t'P30D'"
at_least = 2
hint = { en = { one = "{count} download in the last 30 days", other = "{count} downloads in the last 30 days" } }

[[rule]]
name = "old-invitations"
over = "role_invitations"
when = "$now - created > t'P90D'"
blocks = false
hint = "{count} invitations are older than 90 days"
"""


def bound(source: Any = PACK) -> DeletionPolicy:
    return DeletionPolicy.load(source).bind(SCHEMA, SCHEMA.tables["projects"], sa.inspect(Project))


def replaced(old: str, new: str) -> str:
    assert old in PACK
    return PACK.replace(old, new)


@pytest.fixture
def session(database: Any) -> Any:
    engine = database.engine()
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session


def test_a_pack_from_text_file_and_mapping_is_the_same(tmp_path: Path) -> None:
    import tomllib

    file = tmp_path / "deletion.toml"
    file.write_text(PACK, encoding="utf-8")

    policies = [bound(PACK), bound(file), bound(str(file)), bound(tomllib.loads(PACK))]

    assert {tuple(each.relations) == tuple(policies[0].relations) for each in policies} == {True}
    assert {len(each.rules) for each in policies} == {3}


def test_python_says_the_same_as_toml() -> None:
    policy = DeletionPolicy(
        relations=[
            Relation(
                of=Project.invitations,
                when="status == 'pending'",
                hint={"en": {"one": "revoke {count} invitation", "other": "revoke {count} invitations"}},
                remedy=RemedyAction.DELETE,
                automatic=True,
            )
        ],
        rules=[BusinessRule(name="legal-hold", when="legal_hold", hint="ask the lawyers")],
        subject=SubjectWords(name="project"),
    )

    (clause,) = bound(policy).clauses("role_invitations", ("project_id",))

    assert (clause.table, clause.columns, clause.remedy, clause.automatic) == (
        "role_invitations",
        ("project_id",),
        RemedyAction.DELETE,
        True,
    )


def test_clauses_come_in_the_order_of_the_policy_and_only_for_their_reference() -> None:
    policy = bound()

    first, second = policy.clauses("role_invitations", ("project_id",))
    assert (first.entry.when, second.entry.when) == ("status == 'pending'", None)
    assert second.condition(Invitation.__table__) is None
    assert [each.columns for each in policy.clauses("moves", ("old_id",))] == [("old_id",)]
    assert policy.clauses("moves", ("new_id",)) == ()
    assert policy.clauses("releases", ("project_id",)) == ()


def test_a_clause_may_name_the_constraint_or_a_many_to_many() -> None:
    policy = bound(
        {
            "relation": [
                {"table": "moves", "constraint": "moves_new"},
                {"of": "Project.tags", "remedy": "delete"},
            ]
        }
    )

    assert len(policy.clauses("moves", ("new_id",), "moves_new")) == 1
    assert policy.clauses("moves", ("old_id",), "moves_old") == ()
    assert len(policy.clauses("project_tags", ("project_id",))) == 1


def test_a_table_may_leave_out_the_schema_that_the_database_names() -> None:
    assert len(bound().clauses("public.role_invitations", ("project_id",))) == 2


def test_a_clause_judges_a_row_in_python_as_in_sql() -> None:
    clause = bound().clauses("role_invitations", ("project_id",))[0]

    assert clause.matches({"status": "pending"})
    assert not clause.matches({"status": "expired"})


def test_the_columns_that_the_words_need_are_known() -> None:
    assert bound().subject_columns == {"name"}


def test_an_unbound_policy_says_so() -> None:
    with pytest.raises(PolicyError, match="not bound"):
        DeletionPolicy.load(PACK).clauses("moves", ("old_id",))


def test_binding_leaves_the_policy_as_it_was() -> None:
    policy = DeletionPolicy.load(PACK)

    policy.bind(SCHEMA, SCHEMA.tables["projects"], sa.inspect(Project))

    with pytest.raises(PolicyError, match="not bound"):
        _ = policy.rules


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('of = "Project.invitations"', 'of = "Project.invitation"', r"\[\[relation\]\] 1 .*no relationship 'invitation'; did you mean 'invitations'\?"),
        ('of = "Project.invitations"', 'of = "Projct.invitations"', "no mapped class 'Projct'; did you mean 'Project'"),
        ('of = "Project.invitations"', 'of = "Project.name"', "no relationship 'name'"),
        ('of = "Project.invitations"', "of = 3", "must name a relationship"),
        ("status == 'pending'", "statuz == 'pending'", "no column 'statuz'; did you mean 'status'"),
        ("status == 'pending'", "status == 'pendig'", "never 'pendig'; did you mean 'pending'"),
        ('table = "role_invitations"', 'table = "role_invitation"', r"\[\[relation\]\] 2 \(role_invitation\).*did you mean 'role_invitations'\?"),
        ('columns = ["old_id"]', 'columns = ["old"]', "no column 'old'; did you mean 'old_id'"),
        ('columns = ["old_id"]', 'columns = "old_id"', "must be a list"),
        ('columns = ["old_id"]', 'constraint = "moves_old"\nhint = "x {nam}"', "unknown placeholder {nam}; did you mean 'name'"),
        ('remedy = "detach"', 'remedy = "detatch"', "'detatch' is unknown; did you mean 'detach'"),
        ('remedy = "detach"', 'remedy = "detach"\nautomtic = true', "unknown key 'automtic'; did you mean 'automatic'"),
        ('remedy = "detach"', 'remedy = "manual"\nautomatic = true', "automatic needs remedy"),
        ('remedy = "detach"', 'remedy = "detach"\nautomatic = "yes"', "must be true or false"),
        ('remedy = "detach"', 'of = "Project.tags"', "both or none"),
        ('name = "expired invitations"', "name = 3", "must be a text"),
        ('name = "expired invitations"', "name = {}", "must be a text"),
        ('name = "expired invitations"', 'name = { xx = "a" }', "unknown language 'xx'"),
        ('name = "expired invitations"', 'name = { zh = { one = "a", other = "b" } }', "plural form 'one', which 'zh' does not know"),
        ('name = "expired invitations"', 'name = { en = { one = "a" } }', "lacks the plural form 'other'"),
        ('name = "expired invitations"', "name = { en = 3 }", "must be a text or its plural forms"),
        ('name = "expired invitations"', 'name = "{count} of them"', "unknown placeholder {count}"),
        ("revoke {count} pending invitations", "revoke {coun} pending invitations", "unknown placeholder {coun}; did you mean 'count'"),
        ("revoke {count} pending invitations", "revoke {0}", "more than a name"),
        ("revoke {count} pending invitations", "revoke {count.__class__}", "more than a name"),
        ("revoke {count} pending invitations", "revoke {count!r}", "more than a name"),
        ("revoke {count} pending invitations", "revoke {count", "unmatched brace"),
        ('link = "/projects/{name}/collaboration/"', 'link = "/projects/{nme}/"', "unknown placeholder {nme}; did you mean 'name'"),
        ('link = "/projects/{name}/"', 'link = "/{nam}/"', r"\[subject\].*unknown placeholder {nam}"),
        ("[subject]", "[sbject]", "unknown section 'sbject'; did you mean 'subject'"),
        ("[subject]\n", "[subject]\ncolour = 1\n", "unknown key 'colour'"),
        ('over = "downloads"', 'over = "download"', "no table 'download'; did you mean 'downloads'"),
        ('over = "downloads"', 'over = "tags"', "No foreign key leads from tags"),
        ("at > $now", "att > $now", r"\[\[rule\]\] 2 \(recently-downloaded\): downloads has no column 'att'; did you mean 'at'"),
        ("at_least = 2", "at_least = 0", "whole number from 1"),
        ("at_least = 2", "at_least = true", "whole number from 1"),
        ('when = "legal_hold"', 'when = "legal_hld"', "projects has no column 'legal_hld'; did you mean 'legal_hold'"),
        ('when = "legal_hold"', "at_least = 2", "needs when"),
        ('when = "legal_hold"', 'when = "legal_hold"\ncolumns = ["x"]', "need over"),
        ('name = "legal-hold"\n', "", "lacks name"),
        ('hint = "{name} is under legal hold: ask the lawyers"', "", "lacks hint"),
        ('name = "old-invitations"', 'name = "legal-hold"', "Two rules are named 'legal-hold'"),
        ("[[rule]]", "[rule]", "is not TOML"),
    ],
)  # fmt: skip
def test_a_wrong_pack_is_refused_with_the_place_and_the_nearest_name(
    old: str, new: str, message: str
) -> None:
    with pytest.raises(PolicyError, match=message) as caught:
        bound(replaced(old, new))

    assert "policy" in str(caught.value) or "Two rules" in str(caught.value)


_ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["{", "{count}", "name"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["en", "zh", "one", "other"]), inner, max_size=2)
    ),
    max_leaves=4,
)
_ENTRY = st.dictionaries(
    st.sampled_from(
        [
            "of",
            "table",
            "columns",
            "constraint",
            "name",
            "when",
            "hint",
            "link",
            "remedy",
            "automatic",
            "over",
            "at_least",
        ]
    ),
    _ANYTHING
    | st.sampled_from(["moves", "role_invitations", "Project.invitations", "delete", "status == null"]),
    max_size=5,
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["subject", "relation", "rule", "triggers"]),
        _ANYTHING | _ENTRY | st.lists(_ENTRY, max_size=2),
    )
)
def test_whatever_a_pack_holds_it_binds_or_is_refused_with_our_own_error(data: dict[str, Any]) -> None:
    with contextlib.suppress(PolicyError):
        bound(data)


def test_the_file_is_named_in_its_errors(tmp_path: Path) -> None:
    file = tmp_path / "deletion.toml"
    file.write_text(replaced('"detach"', '"detac"'), encoding="utf-8")

    with pytest.raises(PolicyError, match=r"deletion\.toml, \[\[relation\]\] 3 \(moves\): remedy 'detac'"):
        bound(file)


@pytest.mark.parametrize("source", ["nowhere.toml", Path("/nowhere/deletion.toml")])
def test_a_file_that_is_not_there_is_refused(source: Any) -> None:
    with pytest.raises(PolicyError, match="can't be read"):
        DeletionPolicy.load(source)


def test_a_relation_that_can_not_be_null_can_not_be_detached() -> None:
    with pytest.raises(PolicyError, match=r"role_invitations\.project_id is NOT NULL"):
        bound({"relation": [{"of": "Project.invitations", "remedy": "detach"}]})


def test_triggers_that_the_application_vouches_for_are_harmless() -> None:
    policy = bound({"triggers": {"harmless": ["count_rows", "releases.write_log"]}})

    assert policy.harmless("projects", "count_rows")
    assert policy.harmless("public.releases", "write_log")
    assert not policy.harmless("projects", "write_log")
    assert not bound().harmless("projects", "count_rows")
    with pytest.raises(PolicyError, match=r"\[triggers\].*unknown key 'harmles'; did you mean 'harmless'"):
        bound({"triggers": {"harmles": ["count_rows"]}})
    with pytest.raises(PolicyError, match=r"\[triggers\].*must be a list of names"):
        bound({"triggers": {"harmless": "count_rows"}})


def test_two_ways_to_the_subject_have_to_be_told_apart() -> None:
    rule = {"name": "moved", "over": "moves", "hint": "moved"}

    with pytest.raises(PolicyError, match="Several foreign keys lead from moves"):
        bound({"rule": [rule]})
    assert bound({"rule": [{**rule, "columns": ["new_id"]}]}).rules[0].path[0].columns == ("new_id",)


def test_of_without_mapped_classes_is_refused() -> None:
    with pytest.raises(PolicyError, match="needs mapped classes"):
        DeletionPolicy.load(PACK).bind(SCHEMA, SCHEMA.tables["projects"])


def test_a_column_attribute_is_no_relationship() -> None:
    with pytest.raises(PolicyError, match="is a column"):
        bound(DeletionPolicy([Relation(of=Project.name)]))


def test_nothing_in_a_pack_is_executed(tmp_path: Path) -> None:
    """The grammar has no door to Python or SQL: attributes, calls and quotes are refused or taken as text."""
    for text in ("status.__class__", "__import__('os')", "status == ''; drop table projects", "$random()"):
        with pytest.raises(PolicyError):
            bound({"relation": [{"table": "role_invitations", "when": text}]})


def _seed(session: Session) -> None:
    session.add_all(
        [Project(id=1, name="one", legal_hold=True), Project(id=2, name="two"), Project(id=3, name="three")]
    )
    session.flush()
    now = datetime.now(UTC).replace(tzinfo=None)
    session.add_all([Release(id=number, project_id=number) for number in (1, 2, 3)])
    session.flush()
    session.add_all([Download(release_id=2, at=now - timedelta(days=days)) for days in (1, 2, 40)])
    session.add_all([Download(release_id=3, at=now - timedelta(days=1))])
    session.add_all(
        [
            Invitation(project_id=3, status="expired", created=now - timedelta(days=100 + each))
            for each in range(2)
        ]
    )
    session.flush()


def test_rules_count_rows_behind_foreign_keys(session: Session) -> None:
    _seed(session)
    found = {}
    for rule in bound().rules:
        select = sa.select(
            Project.id, rule.condition(Project.__table__), rule.count(Project.__table__)
        ).order_by(Project.id)
        found[rule.name] = [(bool(applies), count) for _, applies, count in session.execute(select)]

    assert found == {
        "legal-hold": [(True, 1), (False, 0), (False, 0)],
        "recently-downloaded": [(False, 0), (True, 2), (False, 1)],
        "old-invitations": [(False, 0), (False, 0), (True, 2)],
    }


def test_rules_speak_in_a_verdict(session: Session) -> None:
    _seed(session)
    rules = DeletionRules(Project, PACK)

    held, busy, old = (rules.check(session.connection(), key, how="sql") for key in (1, 2, 3))

    assert held.outcome is Outcome.BLOCKED
    assert [(each.reason, each.hint, each.remedy.link) for each in held.blockers] == [
        (Reason.RULE, "one is under legal hold: ask the lawyers", "/legal/1")
    ]
    assert [each.hint for each in busy.blockers] == ["2 downloads in the last 30 days"]
    assert (old.outcome, old.warnings) == (Outcome.DELETABLE, ("2 invitations are older than 90 days",))


def test_rows_go_to_the_first_clause_that_they_meet(session: Session) -> None:
    _seed(session)
    now = datetime.now(UTC).replace(tzinfo=None)
    session.add_all([Invitation(project_id=3, status="pending", created=now) for _ in range(3)])
    session.flush()

    verdict = DeletionRules(Project, PACK).check(session.connection(), 3, how="orm")

    hints = {
        each.relation: (each.count, each.hint, each.remedy.action, each.remedy.link)
        for each in verdict.blockers
    }
    assert hints == {
        "pending invitations": (
            3,
            "revoke 3 pending invitations",
            RemedyAction.DELETE,
            "/projects/three/collaboration/",
        ),
        "expired invitations": (2, "delete 2 expired invitations", RemedyAction.DELETE, None),
    }


def test_python_policies_may_vouch_for_triggers() -> None:
    policy = DeletionPolicy(triggers=Triggers(harmless=("count_rows", "releases.write_log")))

    assert policy.harmless("releases", "write_log")
    assert policy.harmless("downloads", "count_rows")
    assert not policy.harmless("downloads", "write_log")
