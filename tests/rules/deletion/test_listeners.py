"""Verdicts beside listeners of the mappings: what they do is not known, so what they could turn is uncertain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import ForeignKey, event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from conftest import Database
from diag_rules.deletion import DeletionRules, Outcome

pytestmark = pytest.mark.only("sqlite", "postgresql")


class Base(DeclarativeBase):
    """A project with what blocks each way, before and after its own DELETE is sent."""


class Project(Base):
    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    invitations: Mapped[list[Invitation]] = relationship()
    releases: Mapped[list[Release]] = relationship(cascade="all, delete-orphan")
    notes: Mapped[list[Note]] = relationship()


class Invitation(Base):
    __tablename__ = "invitations"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))


class Release(Base):
    __tablename__ = "releases"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int | None] = mapped_column(ForeignKey("projects.id"))


class Mention(Base):
    __tablename__ = "mentions"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))


FREE, INVITED, RELEASED, NOTED, MENTIONED = 1, 2, 3, 4, 5


@pytest.fixture
def engine(database: Database) -> sa.Engine:
    engine = database.engine()
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(Project(id=key) for key in (FREE, INVITED, RELEASED, NOTED, MENTIONED))
        session.flush()
        session.add_all([Invitation(project_id=INVITED), Release(project_id=RELEASED)])
        session.add_all([Note(project_id=NOTED), Mention(project_id=MENTIONED)])
        session.commit()
    return engine


@pytest.fixture
def listening() -> Iterator[Callable[[type, str, Any], None]]:
    """Listens for one test."""
    added: list[tuple[type, str, Any]] = []

    def listen(cls: type, name: str, listener: Any) -> None:
        event.listen(cls, name, listener)
        added.append((cls, name, listener))

    yield listen
    for each in added:
        event.remove(*each)


def clear(_mapper: Any, connection: sa.Connection, _target: Any) -> None:
    """Remove what blocks, as applications do."""
    connection.execute(sa.delete(Mention))


def really(engine: sa.Engine, key: int) -> bool:
    """Whether session.delete() passes; taken back."""
    with Session(engine) as session:
        session.delete(session.get_one(Project, key))
        try:
            session.flush()
        except IntegrityError:
            return False
        finally:
            session.rollback()
    return True


def test_a_listener_before_the_deletion_may_clear_what_blocks(
    engine: sa.Engine, listening: Callable[..., None]
) -> None:
    """By the rows alone it would be blocked, and it passes."""
    listening(Project, "before_delete", clear)
    with engine.connect() as connection:
        verdict = DeletionRules(Project).check(connection, MENTIONED)

    assert really(engine, MENTIONED)
    assert verdict.outcome is Outcome.UNCERTAIN
    assert verdict.uncertain_because == ("what the before_delete listener of Project does is not known",)


def test_what_is_refused_before_the_listener_runs_is_certain(
    engine: sa.Engine, listening: Callable[..., None]
) -> None:
    listening(Project, "before_delete", clear)
    with engine.connect() as connection:
        verdict = DeletionRules(Project).check(connection, INVITED)

    assert not really(engine, INVITED)
    assert verdict.outcome is Outcome.BLOCKED


def test_a_listener_after_a_deletion_that_is_refused_never_runs(
    engine: sa.Engine, listening: Callable[..., None]
) -> None:
    """As in applications with SQLAlchemy-Continuum, which listens to the deletion of everything that has a history."""
    listening(Project, "after_delete", clear)
    with engine.connect() as connection:
        rules = DeletionRules(Project)
        refused, passes = rules.check(connection, MENTIONED), rules.check(connection, FREE)

    assert not really(engine, MENTIONED)
    assert (refused.outcome, refused.uncertain_because) == (Outcome.BLOCKED, ())
    assert passes.uncertain_because == ("what the after_delete listener of Project does is not known",)


@pytest.mark.only("sqlite")
def test_a_listener_runs_where_the_refusal_waits_for_the_commit(
    engine: sa.Engine, listening: Callable[..., None]
) -> None:
    listening(Project, "after_delete", clear)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        verdict = DeletionRules(Project).check(connection, MENTIONED)

    assert verdict.outcome is Outcome.UNCERTAIN


@pytest.mark.parametrize(
    ("cls", "name", "key"), [(Release, "after_delete", RELEASED), (Note, "before_update", NOTED)]
)
def test_a_listener_of_related_rows_matters_only_where_there_are_rows(
    engine: sa.Engine, listening: Callable[..., None], cls: type, name: str, key: int
) -> None:
    listening(cls, name, clear)
    with engine.connect() as connection:
        rules = DeletionRules(Project)
        outcomes = {each: rules.check(connection, each).outcome for each in (FREE, key)}

    assert outcomes == {FREE: Outcome.DELETABLE, key: Outcome.UNCERTAIN}


def test_plain_sql_runs_no_listener(engine: sa.Engine, listening: Callable[..., None]) -> None:
    listening(Project, "before_delete", clear)
    with engine.connect() as connection:
        outcome = DeletionRules(Project).check(connection, MENTIONED, "sql").outcome

    assert outcome is Outcome.BLOCKED


def test_a_listener_that_the_policy_calls_harmless_puts_nothing_in_doubt(
    engine: sa.Engine, listening: Callable[..., None]
) -> None:
    listening(Project, "after_delete", lambda *_: None)
    rules = DeletionRules(Project, policy={"triggers": {"harmless": ["Project.after_delete"]}})
    with engine.connect() as connection:
        outcome = rules.check(connection, FREE).outcome

    assert outcome is Outcome.DELETABLE
