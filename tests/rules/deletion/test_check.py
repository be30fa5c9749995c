"""The check of one subject: what it says, what it leaves alone, what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from conftest import Database
from diag_rules.deletion import DeletionRules, Effect, Outcome, Reason, UnknownSubject, _trial
from rules.deletion._made import Rows, checked, made


class Base(DeclarativeBase):
    """A small package index in the shape of PyPI's."""


class Project(Base):
    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(40))
    invitations: Mapped[list[Invitation]] = relationship()
    releases: Mapped[list[Release]] = relationship(cascade="all, delete-orphan", passive_deletes=True)


class Invitation(Base):
    __tablename__ = "role_invitations"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))


class Release(Base):
    __tablename__ = "releases"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    observations: Mapped[list[Observation]] = relationship()


class Observation(Base):
    __tablename__ = "release_observations"
    id: Mapped[int] = mapped_column(primary_key=True)
    related_id: Mapped[int | None] = mapped_column(ForeignKey("releases.id", name="observed_release"))


INVITED, OBSERVED, FREE = 1, 2, 3


@pytest.fixture
def engine(database: Database) -> sa.Engine:
    engine = database.engine()
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Project(id=INVITED, name="invited", invitations=[Invitation() for _ in range(3)]))
        observed = Release(observations=[Observation(), Observation()])
        session.add(Project(id=OBSERVED, name="observed", releases=[observed, Release()]))
        session.add(Project(id=FREE, name="free", releases=[Release()]))
        session.commit()
    return engine


def test_the_orm_is_blocked_by_rows_that_the_database_would_remove(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        verdict = DeletionRules(Project).check(connection, INVITED, "orm")

    assert verdict.outcome is Outcome.BLOCKED
    (blocker,) = verdict.blockers
    assert (blocker.table, blocker.columns, blocker.count) == ("role_invitations", ("project_id",), 3)
    assert (blocker.reason, blocker.relationship) == (Reason.NOT_NULL, "Project.invitations")


def test_plain_sql_removes_the_same_rows(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        verdict = DeletionRules(Project).check(connection, INVITED, "sql")

    assert verdict.deletable
    assert Effect(table="role_invitations", count=3) in verdict.deleted


@pytest.mark.parametrize("how", ["orm", "sql"])
def test_a_reference_without_action_blocks_behind_a_cascade(engine: sa.Engine, how: str) -> None:
    with engine.connect() as connection:
        verdict = DeletionRules(Project).check(connection, OBSERVED, how)

    (blocker,) = verdict.blockers
    assert (blocker.table, blocker.count, blocker.reason) == (
        "release_observations",
        2,
        Reason.FOREIGN_KEY,
    )
    assert blocker.path == ("projects", "releases", "release_observations")
    assert verdict.depends_on_loaded == (("Project.releases",) if how == "orm" else ())


def test_the_constraint_is_named_as_the_database_names_it(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        verdict = DeletionRules(Project).check(connection, OBSERVED, "sql")

    assert verdict.blockers[0].constraint == "observed_release"


@pytest.mark.parametrize("how", ["orm", "sql"])
def test_a_check_is_one_statement_after_the_catalogs_are_read(engine: sa.Engine, how: str) -> None:
    rules = DeletionRules(Project)
    sent: list[str] = []
    with engine.connect() as connection:
        rules.check(connection, FREE, how)
        sa.event.listen(connection, "before_cursor_execute", lambda *args: sent.append(args[2]))
        rules.check(connection, OBSERVED, how)
        rules.check(connection, INVITED, how)

    assert len(sent) == 2
    assert all(statement.startswith("SELECT") for statement in sent)


def test_a_capped_count_says_so(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        verdict = DeletionRules(Project).check(connection, INVITED, "orm", cap=2)

    assert (verdict.blockers[0].count, verdict.blockers[0].capped) == (2, True)


@pytest.mark.parametrize("how", ["orm", "sql"])
@pytest.mark.parametrize("key", [INVITED, OBSERVED, FREE])
def test_a_cap_that_nothing_reaches_changes_nothing(engine: sa.Engine, key: int, how: str) -> None:
    rules = DeletionRules(Project)
    with engine.connect() as connection:
        exact, capped = (rules.check(connection, key, how, cap=cap) for cap in (None, 100))

    assert capped == exact


def test_a_table_is_judged_by_its_catalogs_alone(engine: sa.Engine) -> None:
    table = sa.Table("projects", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
    with engine.connect() as connection:
        verdict = DeletionRules(table).check(connection, OBSERVED, "sql")

    assert verdict.outcome is Outcome.BLOCKED


def test_a_table_can_not_be_judged_the_orm_way(engine: sa.Engine) -> None:
    with engine.connect() as connection, pytest.raises(TypeError, match="no mapped class"):
        DeletionRules(Base.metadata.tables["projects"]).check(connection, FREE, "orm")


@pytest.mark.parametrize("how", ["orm", "sql"])
def test_an_unknown_subject_is_refused_by_name(engine: sa.Engine, how: str) -> None:
    with engine.connect() as connection, pytest.raises(UnknownSubject, match=r"no Project with the key 99"):
        DeletionRules(Project).check(connection, 99, how)


@pytest.mark.parametrize("key", [(1, 2), ()])
def test_a_key_of_the_wrong_shape_is_refused(engine: sa.Engine, key: Any) -> None:
    with engine.connect() as connection, pytest.raises(ValueError, match="is no key of Project"):
        DeletionRules(Project).check(connection, key)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(TypeError, match="neither a mapped class nor a Table"):
        DeletionRules(int)


def test_a_class_whose_table_has_no_key_is_told_so() -> None:
    class Base(DeclarativeBase):
        pass

    class Reading(Base):
        __table__ = sa.Table("readings", Base.metadata, sa.Column("at", sa.Integer))
        __mapper_args__ = {"primary_key": [__table__.c.at]}  # noqa: RUF012 - as mapped

    with pytest.raises(TypeError, match="readings has no primary key"):
        DeletionRules(Reading)


@pytest.mark.only("sqlite")
def test_switched_off_foreign_keys_block_nothing_and_are_told(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        verdict = DeletionRules(Project).check(connection, OBSERVED, "sql")

    assert verdict.deletable
    assert "foreign keys are not enforced" in verdict.warnings[0]


@pytest.mark.only("sqlite")
def test_a_changed_schema_is_noticed(engine: sa.Engine) -> None:
    rules = DeletionRules(Project)
    with engine.connect() as connection:
        assert rules.check(connection, FREE, "sql").deletable
        connection.exec_driver_sql("CREATE TABLE audits (project_id INT REFERENCES projects)")
        connection.exec_driver_sql(f"INSERT INTO audits VALUES ({FREE})")

        assert rules.check(connection, FREE, "sql").blockers[0].table == "audits"


@pytest.mark.only("postgresql", "postgresql15", "mariadb")
def test_a_changed_schema_is_noticed_when_the_catalogs_are_old(engine: sa.Engine) -> None:
    kept, renewed = DeletionRules(Project), DeletionRules(Project, catalog_lifetime=0)
    with engine.connect() as connection:
        for rules in (kept, renewed):
            assert rules.check(connection, FREE, "sql").deletable
        connection.exec_driver_sql(
            "CREATE TABLE audits (project_id INT, FOREIGN KEY (project_id) REFERENCES projects (id))"
        )
        connection.exec_driver_sql(f"INSERT INTO audits VALUES ({FREE})")

        assert renewed.check(connection, FREE, "sql").blockers[0].table == "audits"
        assert kept.check(connection, FREE, "sql").deletable
        kept.refresh()
        assert kept.check(connection, FREE, "sql").outcome is Outcome.BLOCKED


@pytest.mark.only("postgresql", "postgresql15", "mariadb")
def test_a_table_that_a_migration_takes_away_fails_one_check_only(engine: sa.Engine) -> None:
    rules = DeletionRules(Project)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        assert not rules.check(connection, OBSERVED, "sql").deletable
        connection.exec_driver_sql("DROP TABLE release_observations")
        with pytest.raises(sa.exc.DBAPIError):
            rules.check(connection, OBSERVED, "sql")

        assert rules.check(connection, OBSERVED, "sql").deletable


@pytest.mark.only("sqlite")
def test_a_parent_key_that_is_not_unique_fails_every_deletion(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE tags (name TEXT REFERENCES projects (name))")
        verdict = DeletionRules(Project).check(connection, FREE, "sql")
        with pytest.raises(sa.exc.DBAPIError, match="mismatch"):
            connection.exec_driver_sql(f"DELETE FROM projects WHERE id = {FREE}")

    assert verdict.outcome is Outcome.BLOCKED
    assert verdict.blockers[0].table == "tags"


@pytest.mark.only("sqlite", "postgresql", "postgresql15")
def test_a_trigger_makes_the_verdict_uncertain(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(
                "CREATE TRIGGER clean BEFORE DELETE ON releases BEGIN DELETE FROM release_observations; END"
            )
        else:
            connection.exec_driver_sql(
                "CREATE FUNCTION clean() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'"
            )
            connection.exec_driver_sql(
                "CREATE TRIGGER clean BEFORE DELETE ON releases FOR EACH ROW EXECUTE FUNCTION clean()"
            )
        rules = DeletionRules(Project)

        assert rules.check(connection, FREE, "sql").outcome is Outcome.UNCERTAIN
        assert "clean" in rules.check(connection, FREE, "sql").uncertain_because[0]
        assert rules.check(connection, INVITED, "sql").deletable  # it has no releases


@pytest.mark.only("postgresql", "postgresql15")
def test_hidden_rows_make_the_verdict_uncertain(engine: sa.Engine, database: Database) -> None:
    role = f"reader_{database.url.database}"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role}")
        connection.exec_driver_sql(f"GRANT ALL ON projects, releases, role_invitations TO {role}")
        connection.exec_driver_sql("ALTER TABLE role_invitations ENABLE ROW LEVEL SECURITY")
        connection.exec_driver_sql(f"SET LOCAL ROLE {role}")
        verdict = DeletionRules(Project).check(connection, OBSERVED, "sql")

    assert verdict.outcome is Outcome.UNCERTAIN
    reasons = " ".join(verdict.uncertain_because)
    assert "row-level security may hide rows of role_invitations" in reasons
    assert "may not read release_observations" in reasons


def test_joined_inheritance_takes_the_rows_of_both_tables(engine: sa.Engine) -> None:
    """Joined inheritance, a class of its own registry: both rows go."""

    class Own(DeclarativeBase):
        pass

    class Person(Own):
        __tablename__ = "people"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str] = mapped_column(sa.String(9))
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "person"}  # noqa: RUF012 - SQLAlchemy's form

    class Owner(Person):
        __tablename__ = "owners"
        id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
        __mapper_args__ = {"polymorphic_identity": "owner"}  # noqa: RUF012 - as above

    Own.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Owner(id=1))
        session.commit()
    with engine.connect() as connection:
        for how in ("orm", "sql"):
            verdict = DeletionRules(Owner).check(connection, 1, how)
            assert {(effect.table, effect.count) for effect in verdict.deleted} == {
                ("owners", 1),
                ("people", 1),
            }
        assert DeletionRules(Person).check(connection, 1, "sql").outcome is Outcome.BLOCKED
        assert DeletionRules(Person).check(connection, 1, "orm").deletable


@pytest.mark.parametrize("how", ["orm", "sql"])
def test_a_row_that_loses_two_references_is_detached_once(engine: sa.Engine, how: str) -> None:
    class Own(DeclarativeBase):
        pass

    class Person(Own):
        __tablename__ = "people"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Letter(Own):
        __tablename__ = "letters"
        id: Mapped[int] = mapped_column(primary_key=True)
        sender_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))
        reader_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))

    Own.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Person(id=1), Person(id=2)])
        session.flush()
        session.add_all([Letter(sender_id=1, reader_id=1), Letter(sender_id=1), Letter(sender_id=2)])
        session.commit()
    with engine.connect() as connection:
        rules = DeletionRules(Person)
        both, one = (rules.check(connection, key, how).detached for key in (1, 2))

    assert sorted((effect.columns, effect.count) for effect in both) == [
        (("sender_id",), 1),
        (("sender_id", "reader_id"), 1),
    ]
    assert [(effect.columns, effect.count) for effect in one] == [(("sender_id",), 1)]


@pytest.mark.parametrize("reason", [Reason.PRIMARY_KEY, Reason.ORM])
def test_a_row_that_stops_the_orm_and_the_database_is_told_once(engine: sa.Engine, reason: Reason) -> None:
    key = reason is Reason.PRIMARY_KEY  # a key can't be blanked; a write-only collection can't be loaded

    class Own(DeclarativeBase):
        pass

    class Activation(Own):
        __tablename__ = "activations"
        id: Mapped[int] = mapped_column(primary_key=True)
        organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id"), primary_key=key)

    class Organization(Own):
        __tablename__ = "organizations"
        id: Mapped[int] = mapped_column(primary_key=True)
        activations = relationship(Activation, lazy="select" if key else "write_only")

    Own.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(Own.metadata.tables["organizations"]).values(id=1))
        connection.execute(sa.insert(Own.metadata.tables["activations"]).values(id=2, organization_id=1))
        verdict = DeletionRules(Organization).check(connection, 1)

    (blocker,) = verdict.blockers
    assert (blocker.reason, blocker.table, blocker.count) == (reason, "activations", 1)


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
@pytest.mark.parametrize("observed", [(), (1,), (1, 2)], ids=str)
def test_a_scalar_relationship_with_several_rows_is_in_doubt_where_the_one_that_is_taken_decides(
    engine: sa.Engine, observed: tuple[int, ...]
) -> None:
    """The ORM nulls one application; the other goes by the database, unless it is observed."""

    class Own(DeclarativeBase):
        pass

    class Application(Own):
        __tablename__ = "applications"
        id: Mapped[int] = mapped_column(primary_key=True)
        organization_id: Mapped[int | None] = mapped_column(
            ForeignKey("organizations.id", ondelete="CASCADE")
        )

    class Watch(Own):
        __tablename__ = "watches"
        id: Mapped[int] = mapped_column(primary_key=True)
        application_id: Mapped[int] = mapped_column(ForeignKey("applications.id"))

    class Organization(Own):
        __tablename__ = "organizations"
        id: Mapped[int] = mapped_column(primary_key=True)
        application: Mapped[Application] = relationship(uselist=False)

    Own.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Organization(id=1))
        session.flush()
        session.add_all(Application(id=key, organization_id=1) for key in (1, 2))
        session.flush()
        session.add_all(Watch(application_id=key) for key in observed)
        session.commit()
    with engine.connect() as connection:
        verdict = DeletionRules(Organization).check(connection, 1)

    if len(observed) == 1:
        assert verdict.outcome is Outcome.UNCERTAIN
        (reason,) = verdict.uncertain_because
        assert "Organization.application holds one row and meets several" in reason
    else:
        assert verdict.outcome is (Outcome.BLOCKED if observed else Outcome.DELETABLE)
        assert not verdict.uncertain_because


def test_rows_that_are_too_many_to_play_are_named(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which table makes the deletion so large, and the way out."""
    monkeypatch.setattr(_trial, "LIMIT", 5)

    class Nodes(DeclarativeBase):
        pass

    class Node(Nodes):
        __tablename__ = "nodes"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str] = mapped_column(sa.String(9))
        above_id: Mapped[int | None] = mapped_column(ForeignKey("nodes.id", ondelete="CASCADE"))
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "node"}  # noqa: RUF012 - as mapped

    def below(number: int) -> Rows:
        return "nodes", {"id": number, "kind": "node", "above_id": number - 1}

    first: Rows = ("nodes", {"id": 1, "kind": "node"})
    with made(database, Nodes.metadata, first, *map(below, range(2, 9))) as engine:
        verdict = checked(engine, Node, 1, "orm")

    assert verdict.outcome is Outcome.UNCERTAIN
    (why,) = verdict.uncertain_because
    assert why.startswith(
        "the deletion reaches more than 5 rows in an order that matters, 6 of them in nodes,"
    )
    assert why.endswith("delete rows of nodes in batches first, then check again")
