"""Verdicts beside triggers: what is certain all the same, each held against really deleting."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from conftest import Database
from diag_rules.deletion import DeletionRules, Outcome, Reason, Verdict


class Base(DeclarativeBase):
    """Projects, with every way to be held."""


class Project(Base):
    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(20), default="")
    invitations: Mapped[list[Invitation]] = relationship()


class Invitation(Base):
    __tablename__ = "invitations"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    note: Mapped[str | None] = mapped_column(sa.String(20))


class Mention(Base):
    __tablename__ = "mentions"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))


class Release(Base):
    __tablename__ = "releases"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))


class Observation(Base):
    __tablename__ = "observations"
    id: Mapped[int] = mapped_column(primary_key=True)
    release_id: Mapped[int] = mapped_column(ForeignKey("releases.id"))


class Deletions(Base):
    __tablename__ = "deletions"
    id: Mapped[int] = mapped_column(primary_key=True)


INVITED, MENTIONED, OBSERVED, FREE = 1, 2, 3, 4
CLEARS = ("DELETE FROM observations", "DELETE FROM mentions", "DELETE FROM invitations")
COUNTS = ("INSERT INTO deletions (id) SELECT coalesce(max(id), 0) + 1 FROM deletions",)


@pytest.fixture
def engine(database: Database) -> sa.Engine:
    engine = database.engine()
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(Project(id=key) for key in (INVITED, MENTIONED, OBSERVED, FREE))
        session.flush()
        session.add_all([Invitation(project_id=INVITED), Mention(project_id=MENTIONED)])
        session.add(Release(id=1, project_id=OBSERVED))
        session.flush()
        session.add(Observation(release_id=1))
        session.commit()
    return engine


def trigger(
    engine: sa.Engine, when: str, table: str, does: Sequence[str], name: str = "update_row_count"
) -> None:
    """Make a trigger that runs *does* for each row; on PostgreSQL by a function."""
    body = "; ".join(does) + ";"
    with engine.begin() as connection:
        if engine.dialect.name != "postgresql":
            connection.exec_driver_sql(
                f"CREATE TRIGGER {name} {when} ON {table} FOR EACH ROW BEGIN {body} END"
            )
            return
        back = "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW;"
        connection.exec_driver_sql(
            f"CREATE FUNCTION does_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} {back} END $$"
        )
        connection.exec_driver_sql(
            f"CREATE TRIGGER {name} {when} ON {table} FOR EACH ROW EXECUTE FUNCTION does_{name}()"
        )


def judged(engine: sa.Engine, key: int, how: str, policy: str | None = None) -> Verdict:
    with engine.connect() as connection:
        return DeletionRules(Project, policy).check(connection, key, how)


def passes(engine: sa.Engine, key: int, how: str) -> bool:
    """Whether really deleting passes; taken back in any case."""
    with Session(engine) as session:
        try:
            if how == "orm":
                session.delete(session.get_one(Project, key))
                session.flush()
            else:
                session.execute(
                    sa.delete(sa.table("projects", sa.column("id"))).where(sa.column("id") == key)
                )
        except DBAPIError:
            return False
        return True


def test_an_orm_nulling_is_refused_before_a_trigger_on_delete_could_help(engine: sa.Engine) -> None:
    trigger(engine, "AFTER DELETE", "projects", CLEARS[2:])

    verdict = judged(engine, INVITED, "orm")

    assert (verdict.outcome, verdict.uncertain_because) == (Outcome.BLOCKED, ())
    assert [item.reason for item in verdict.blockers] == [Reason.NOT_NULL]
    assert not passes(engine, INVITED, "orm")


def test_a_trigger_before_the_update_may_clear_what_blocks(engine: sa.Engine) -> None:
    trigger(engine, "BEFORE UPDATE", "invitations", COUNTS)

    assert judged(engine, INVITED, "orm").outcome is Outcome.UNCERTAIN


@pytest.mark.only("sqlite", "postgresql", "postgresql15")
def test_a_trigger_on_another_column_puts_nothing_in_doubt(engine: sa.Engine) -> None:
    trigger(engine, "BEFORE UPDATE OF note", "invitations", COUNTS)

    assert judged(engine, INVITED, "orm").outcome is Outcome.BLOCKED
    assert not passes(engine, INVITED, "orm")


def test_a_trigger_on_insert_puts_nothing_in_doubt(engine: sa.Engine) -> None:
    trigger(engine, "AFTER INSERT", "projects", CLEARS)

    for key, how in ((INVITED, "sql"), (MENTIONED, "sql"), (OBSERVED, "sql"), (INVITED, "orm")):
        verdict = judged(engine, key, how)
        assert verdict.outcome is (Outcome.DELETABLE if passes(engine, key, how) else Outcome.BLOCKED)


@pytest.mark.only("postgresql", "postgresql15", "mariadb")
@pytest.mark.parametrize("how", ["orm", "sql"])
def test_a_direct_reference_is_met_before_a_later_trigger(engine: sa.Engine, how: str) -> None:
    trigger(engine, "AFTER DELETE", "projects", CLEARS[1:2])

    assert judged(engine, MENTIONED, how).outcome is Outcome.BLOCKED
    assert not passes(engine, MENTIONED, how)


@pytest.mark.only("postgresql", "postgresql15")
def test_a_trigger_that_sorts_before_the_checks_may_clear(engine: sa.Engine) -> None:
    trigger(engine, "AFTER DELETE", "projects", CLEARS[1:2], name='"A_clean"'.strip('"'))
    with engine.begin() as connection:
        connection.exec_driver_sql('ALTER TRIGGER a_clean ON projects RENAME TO "A_clean"')

    assert judged(engine, MENTIONED, "sql").outcome is Outcome.UNCERTAIN
    assert passes(engine, MENTIONED, "sql")


def test_a_trigger_before_the_delete_may_clear(engine: sa.Engine) -> None:
    trigger(engine, "BEFORE DELETE", "projects", CLEARS[:2])

    for key in (MENTIONED, OBSERVED):
        assert judged(engine, key, "sql").outcome is Outcome.UNCERTAIN
        assert passes(engine, key, "sql")


def test_what_is_behind_a_cascade_is_certain_only_where_it_is_met_first(engine: sa.Engine) -> None:
    trigger(engine, "AFTER DELETE", "projects", CLEARS[:1])

    verdict = judged(engine, OBSERVED, "sql")

    innodb = engine.dialect.name in ("mysql", "mariadb")
    assert verdict.outcome is (Outcome.BLOCKED if innodb else Outcome.UNCERTAIN)
    assert passes(engine, OBSERVED, "sql") is not innodb


@pytest.mark.only("sqlite")
def test_sqlite_counts_no_action_at_the_end_and_meets_restrict_at_once(database: Database) -> None:
    metadata = sa.MetaData()
    key = sa.Column("id", sa.Integer, primary_key=True)
    parent = sa.Table("p", metadata, key)
    for name, action in (("late", None), ("early", "RESTRICT")):
        own = sa.Column("id", sa.Integer, primary_key=True)
        sa.Table(name, metadata, own, sa.Column("p_id", ForeignKey("p.id", ondelete=action)))
    engine = database.engine()
    metadata.create_all(engine)
    with engine.begin() as connection:
        for text in ("p VALUES (1), (2)", "late VALUES (1, 1)", "early VALUES (1, 2)"):
            connection.exec_driver_sql(f"INSERT INTO {text}")
    trigger(engine, "AFTER DELETE", "p", ("DELETE FROM late", "DELETE FROM early"))

    with engine.connect() as connection:
        found = {each: DeletionRules(parent).check(connection, each, "sql").outcome for each in (1, 2)}
        with pytest.raises(DBAPIError):
            connection.exec_driver_sql("DELETE FROM p WHERE id = 2")
        connection.exec_driver_sql("DELETE FROM p WHERE id = 1")

    assert found == {1: Outcome.UNCERTAIN, 2: Outcome.BLOCKED}


@pytest.mark.only("postgresql", "postgresql15")
def test_a_trigger_of_statements_fires_in_a_cascade_without_rows(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$"
        )
        connection.exec_driver_sql(
            "CREATE TRIGGER never AFTER DELETE ON releases FOR EACH STATEMENT EXECUTE FUNCTION no()"
        )

    verdict = judged(engine, FREE, "sql")

    assert verdict.outcome is Outcome.UNCERTAIN
    assert "never" in verdict.uncertain_because[0]
    assert not passes(engine, FREE, "sql")


@pytest.mark.only("postgresql", "postgresql15")
def test_a_disabled_trigger_puts_nothing_in_doubt(engine: sa.Engine) -> None:
    trigger(engine, "AFTER DELETE", "projects", CLEARS)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE projects DISABLE TRIGGER update_row_count")

    assert judged(engine, OBSERVED, "sql").outcome is Outcome.BLOCKED
    assert not passes(engine, OBSERVED, "sql")


def test_triggers_of_tables_without_rows_of_the_subject_do_not_fire(engine: sa.Engine) -> None:
    trigger(engine, "AFTER DELETE", "releases", COUNTS)

    assert judged(engine, FREE, "sql").outcome is Outcome.DELETABLE
    assert passes(engine, FREE, "sql")


@pytest.mark.parametrize("how", ["orm", "sql"])
@pytest.mark.parametrize("named", ["update_row_count", "projects.update_row_count"])
def test_a_trigger_that_the_policy_calls_harmless_is_left_out(
    engine: sa.Engine, how: str, named: str
) -> None:
    trigger(engine, "AFTER DELETE", "projects", COUNTS)
    policy = f'[triggers]\nharmless = ["{named}"]\n'

    for key in (INVITED, MENTIONED, OBSERVED, FREE):
        wanted = Outcome.DELETABLE if passes(engine, key, how) else Outcome.BLOCKED
        assert judged(engine, key, how, policy).outcome is wanted
    assert judged(engine, FREE, how).outcome is Outcome.UNCERTAIN


def test_a_trigger_of_another_name_stays_in_doubt(engine: sa.Engine) -> None:
    trigger(engine, "AFTER DELETE", "projects", COUNTS)

    verdict = judged(engine, FREE, "sql", '[triggers]\nharmless = ["releases.update_row_count"]\n')

    assert verdict.outcome is Outcome.UNCERTAIN
