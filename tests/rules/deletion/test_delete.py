"""The safe delete: all of it or nothing, also against a row that comes in between."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from conftest import Database
from diag_rules.deletion import (
    DeletionRefused,
    DeletionRules,
    Effect,
    LockDenied,
    Outcome,
    UnknownSubject,
    mark_of,
)
from diag_rules.errors import Category, classify


class Base(DeclarativeBase):
    """Projects with invitations."""


class Project(Base):
    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    held: Mapped[bool] = mapped_column(default=False)
    invitations: Mapped[list[Invitation]] = relationship()
    releases: Mapped[list[Release]] = relationship(cascade="all, delete-orphan", passive_deletes=True)


class Invitation(Base):
    __tablename__ = "invitations"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(sa.String(9), default="pending")


class Release(Base):
    __tablename__ = "releases"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))


CLEARS_PENDING = """
[[relation]]
of = "Project.invitations"
name = "pending invitation"
when = "status == 'pending'"
remedy = "delete"
automatic = true
"""
HOLD = """
[[rule]]
name = "legal hold"
when = "held == true"
hint = "ask the lawyers"
"""
TRAIL = "CREATE TABLE trail (project_id INTEGER REFERENCES projects (id) DEFERRABLE INITIALLY DEFERRED)"
PENDING, ACCEPTED, FREE = 1, 2, 3


@pytest.fixture
def engine(database: Database) -> sa.Engine:
    engine = database.engine()
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Project(id=PENDING, invitations=[Invitation(), Invitation()]))
        session.add(Project(id=ACCEPTED, invitations=[Invitation(), Invitation(status="accepted")]))
        session.add(Project(id=FREE, releases=[Release(), Release()]))
        session.commit()
    return engine


@pytest.fixture
def session(engine: sa.Engine) -> Iterator[Session]:
    with Session(engine) as session:
        yield session


def count(session: Session, cls: type) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(cls)) or 0


@pytest.mark.parametrize("how", ["orm", "sql"])
def test_a_free_subject_goes_and_the_report_says_with_what(session: Session, how: str) -> None:
    verdict = DeletionRules(Project).delete(session, FREE, how=how)
    session.commit()

    assert verdict.done == (Effect(table="projects", count=1), Effect(table="releases", count=2))
    assert (count(session, Project), count(session, Release)) == (2, 0)


def test_an_object_is_as_good_as_its_key(session: Session) -> None:
    project = session.get(Project, FREE)
    DeletionRules(Project).delete(session, project)

    assert project in session.deleted or sa.inspect(project).was_deleted
    assert session.get(Project, FREE) is None


def test_a_refusal_changes_nothing_and_carries_the_verdict(session: Session) -> None:
    with pytest.raises(DeletionRefused, match="2 rows of invitations") as refused:
        DeletionRules(Project).delete(session, PENDING)
    session.commit()

    assert refused.value.verdict.outcome is Outcome.BLOCKED
    assert (count(session, Project), count(session, Invitation)) == (3, 4)


def test_what_the_policy_clears_is_cleared_first(session: Session) -> None:
    verdict = DeletionRules(Project, policy=CLEARS_PENDING).delete(session, PENDING)
    session.commit()

    assert verdict.done[:2] == (Effect(table="invitations", count=2), Effect(table="projects", count=1))
    assert (count(session, Project), count(session, Invitation)) == (2, 2)


def test_nothing_is_cleared_where_something_else_stays_in_the_way(session: Session) -> None:
    with pytest.raises(DeletionRefused) as refused:
        DeletionRules(Project, policy=CLEARS_PENDING).delete(session, ACCEPTED)
    session.commit()

    assert [blocker.count for blocker in refused.value.verdict.blockers] == [1, 1]
    assert count(session, Invitation) == 4


def test_a_dry_run_reports_the_same_and_takes_it_back(session: Session) -> None:
    rules = DeletionRules(Project, policy=CLEARS_PENDING)
    verdict = rules.delete(session, PENDING, dry_run=True)
    session.commit()

    assert (count(session, Project), count(session, Invitation)) == (3, 4)
    assert rules.delete(session, PENDING).done == verdict.done


def test_a_rule_of_the_business_stands_before_any_clearing(session: Session) -> None:
    session.get_one(Project, PENDING).held = True
    with pytest.raises(DeletionRefused, match="ask the lawyers"):
        DeletionRules(Project, policy=CLEARS_PENDING + HOLD).delete(session, PENDING)

    assert count(session, Invitation) == 4


def test_a_second_deletion_finds_nothing(session: Session) -> None:
    rules = DeletionRules(Project)
    rules.delete(session, FREE)

    with pytest.raises(UnknownSubject):
        rules.delete(session, FREE)


def test_the_callers_rollback_takes_the_deletion_back(session: Session) -> None:
    DeletionRules(Project).delete(session, FREE)
    session.rollback()

    assert count(session, Project) == 3


def test_what_the_session_had_loaded_does_not_turn_the_deletion(session: Session) -> None:
    """Loaded releases would be deleted one by one; the deletion is the one that was judged all the same."""
    assert len(session.get_one(Project, FREE).releases) == 2

    assert DeletionRules(Project).delete(session, FREE).done[1] == Effect(table="releases", count=2)


@pytest.mark.only("postgresql", "postgresql15", "mariadb")
def test_an_invitation_that_comes_in_between_waits_and_is_refused(engine: sa.Engine) -> None:
    """The subject is locked: a concurrent INSERT waits for COMMIT, and then finds no project."""
    refused: list[BaseException] = []
    waiting = threading.Event()

    def invite() -> None:
        try:
            with engine.begin() as other:
                sa.event.listen(other, "before_cursor_execute", lambda *_: waiting.set())
                other.execute(sa.insert(Invitation).values(id=99, project_id=PENDING, status="pending"))
        except sa.exc.IntegrityError as error:
            refused.append(error)

    with Session(engine) as session:
        DeletionRules(Project, policy=CLEARS_PENDING).delete(session, PENDING)
        thread = threading.Thread(target=invite)
        thread.start()
        assert waiting.wait(20)
        session.commit()
        thread.join(20)

    assert not thread.is_alive()
    assert len(refused) == 1
    with Session(engine) as session:
        assert (count(session, Project), count(session, Invitation)) == (2, 2)


@pytest.mark.only("postgresql", "postgresql15", "mariadb")
def test_racing_invitations_never_break_a_deletion(engine: sa.Engine) -> None:
    """Whoever comes first wins; the loser is told in our own words, and nobody meets a bare IntegrityError.

    InnoDB may find a deadlock between the two, and either of them tries again.
    """
    rules = DeletionRules(Project, policy=CLEARS_PENDING)
    outcomes: list[str] = []
    start = threading.Barrier(2)

    def invite() -> None:
        start.wait(20)
        for number in range(100, 120):
            try:
                with contended(), engine.begin() as other:
                    other.execute(
                        sa.insert(Invitation).values(id=number, project_id=PENDING, status="pending")
                    )
            except sa.exc.IntegrityError:
                return

    thread = threading.Thread(target=invite)
    thread.start()
    start.wait(20)
    while not outcomes:
        with contended(), Session(engine) as session:
            try:
                rules.delete(session, PENDING)
                session.commit()
                outcomes.append("deleted")
            except DeletionRefused:
                session.rollback()
                outcomes.append("refused")
    thread.join(60)

    with Session(engine) as session:
        left = session.scalar(
            sa.select(sa.func.count()).select_from(Invitation).where(Invitation.project_id == PENDING)
        )
        assert (session.get(Project, PENDING) is None) == (outcomes == ["deleted"])
        assert outcomes == ["refused"] or left == 0


@contextmanager
def contended() -> Iterator[None]:
    """Let a deadlock or a lock that was waited for too long pass: another attempt may do."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        if classify(error).category is not Category.CONTENTION:
            raise


def marks(rules: DeletionRules, session: Session, key: int) -> list[str]:
    """Return what names the blockers of *key*."""
    return [mark_of(one) for one in rules.check(session.connection(), key).blockers]


def test_one_relation_is_cleared_and_the_subject_stays(engine: sa.Engine) -> None:
    rules = DeletionRules(Project, policy=CLEARS_PENDING)
    with Session(engine) as session:
        verdict = rules.clear(session, ACCEPTED, marks(rules, session, ACCEPTED)[0])
        session.commit()

        assert verdict.done == (Effect(table="invitations", count=1),)
        assert [one.count for one in verdict.blockers] == [
            1
        ]  # the accepted one, which the policy leaves to people
        assert session.get(Project, ACCEPTED) is not None


def test_clearing_can_be_tried(engine: sa.Engine) -> None:
    rules = DeletionRules(Project, policy=CLEARS_PENDING)
    with Session(engine) as session:
        verdict = rules.clear(session, PENDING, marks(rules, session, PENDING)[0], dry_run=True)
        session.commit()

        assert (verdict.outcome, verdict.done) == (
            Outcome.DELETABLE,
            (Effect(table="invitations", count=2),),
        )
        assert session.scalar(sa.select(sa.func.count()).select_from(Invitation)) == 4


def test_what_the_policy_leaves_to_people_is_not_cleared(engine: sa.Engine) -> None:
    rules = DeletionRules(Project, policy=CLEARS_PENDING)
    with Session(engine) as session:
        pending, accepted = marks(rules, session, ACCEPTED)

        with pytest.raises(DeletionRefused):
            rules.clear(session, ACCEPTED, accepted)
        assert marks(rules, session, ACCEPTED) == [pending, accepted]


def test_a_blocker_that_has_changed_since_is_not_cleared(engine: sa.Engine) -> None:
    """Whoever saw two invitations did not agree to lose a third."""
    rules = DeletionRules(Project, policy=CLEARS_PENDING)
    with Session(engine) as session:
        (seen,) = marks(rules, session, PENDING)
        session.add(Invitation(project_id=PENDING))

        with pytest.raises(DeletionRefused) as refused:
            rules.clear(session, PENDING, seen)
        assert [one.count for one in refused.value.verdict.blockers] == [3]


@pytest.mark.only("postgresql", "postgresql15")
def test_a_role_that_may_not_lock_is_told_what_it_lacks(engine: sa.Engine) -> None:
    """PostgreSQL asks for UPDATE where a row is locked, which a role that deletes need not have."""
    with engine.begin() as connection:
        role = f"janitor_{connection.scalar(sa.text('SELECT current_database()'))}"
        connection.exec_driver_sql(f"CREATE ROLE {role}")
        connection.exec_driver_sql(f"GRANT SELECT, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
    try:
        with Session(engine) as session:
            session.execute(sa.text(f"SET ROLE {role}"))
            with pytest.raises(LockDenied, match="GRANT UPDATE ON projects"):
                DeletionRules(Project).delete(session, FREE)

            assert session.scalar(sa.text("SELECT count(*) FROM projects")) == 3, "the transaction goes on"
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {role}")
            connection.exec_driver_sql(f"DROP ROLE {role}")


@pytest.mark.only("postgresql", "postgresql15")
def test_a_trigger_that_waits_for_commit_is_heard_before(engine: sa.Engine) -> None:
    """A constraint trigger says no at COMMIT, when there would be nobody left to tell."""
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'kept'; END $$"
        )
        connection.exec_driver_sql(
            "CREATE CONSTRAINT TRIGGER keeps AFTER DELETE ON projects DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION keep()"
        )
    with Session(engine) as session:
        with pytest.raises(DeletionRefused, match="the database refused"):
            DeletionRules(Project).delete(session, FREE)
        session.commit()

        assert count(session, Project) == 3


@pytest.mark.only("sqlite")
@pytest.mark.parametrize(
    ("table", "policy", "key"), [("projects", None, FREE), ("invitations", CLEARS_PENDING, PENDING)]
)
def test_what_sqlite_would_refuse_at_commit_is_found_before(
    engine: sa.Engine, table: str, policy: str | None, key: int
) -> None:
    """A trigger may write anything: here a row whose reference waits for COMMIT, and leads nowhere."""
    with engine.begin() as connection:
        connection.exec_driver_sql(TRAIL)
        connection.exec_driver_sql(
            f"CREATE TRIGGER trails AFTER DELETE ON {table} BEGIN INSERT INTO trail VALUES (77); END"
        )
    with Session(engine) as session:
        with pytest.raises(DeletionRefused, match="COMMIT would refuse it: rows of trail") as refused:
            DeletionRules(Project, policy).delete(session, key)
        session.commit()

        assert (count(session, Project), count(session, Invitation)) == (3, 4)
    assert refused.value.verdict.outcome is Outcome.UNCERTAIN


@pytest.mark.only("sqlite")
def test_what_led_nowhere_before_is_no_reason_to_refuse(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql(TRAIL)
        connection.exec_driver_sql("INSERT INTO trail VALUES (77)")
        connection.exec_driver_sql(
            "CREATE TRIGGER trails AFTER DELETE ON projects BEGIN UPDATE projects SET held = held; END"
        )
        connection.commit()
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
    with Session(engine) as session:
        report = DeletionRules(Project).delete(session, FREE)
        session.commit()

        assert count(session, Project) == 2
    assert report.outcome is Outcome.UNCERTAIN
