"""PostgreSQL through each of its drivers: they read arrays, "char" and UUIDs otherwise."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from conftest import Database
from diag_rules.deletion import DeletionRefused, DeletionRules, Outcome, Reason, UnknownSubject

DRIVERS = ("psycopg", "psycopg2", "pg8000")
KEY = uuid.UUID("00501f36-0c2c-4f5e-8f0e-6a1b2c3d4e5f")

pytestmark = pytest.mark.only("postgresql", "postgresql15")


class Base(DeclarativeBase):
    """Projects, what refers to them, and what a catalog has to show: several columns, indexes, triggers."""


class Project(Base):
    __tablename__ = "projects"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(unique=True)
    invitations: Mapped[list[Invitation]] = relationship()
    releases: Mapped[list[Release]] = relationship(passive_deletes=True)
    __table_args__ = (sa.UniqueConstraint("id", "number"),)


class Invitation(Base):
    __tablename__ = "invitations"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)


class Release(Base):
    __tablename__ = "releases"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[uuid.UUID]
    number: Mapped[int]
    __table_args__ = (
        sa.ForeignKeyConstraint(["project_id", "number"], ["projects.id", "projects.number"], name="whose"),
        sa.Index("latest", "project_id", sa.text("(number + 1)"), unique=True),
    )


@pytest.fixture(params=DRIVERS)
def engine(database: Database, request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    first = database.engine()
    Base.metadata.create_all(first)
    with Session(first) as session:
        session.add(Project(id=KEY, number=1, invitations=[Invitation()], releases=[Release(number=1)]))
        session.commit()
    engine = sa.create_engine(database.url.set(drivername=f"postgresql+{request.param}"))
    yield engine
    engine.dispose()


@pytest.mark.parametrize("key", [KEY, str(KEY)])
def test_every_driver_comes_to_the_same_verdict(engine: sa.Engine, key: Any) -> None:
    rules = DeletionRules(Project)
    with engine.connect() as connection:
        orm, sql = rules.check(connection, key, "orm"), rules.check(connection, key, "sql")

    assert (orm.outcome, sql.outcome) == (Outcome.BLOCKED, Outcome.BLOCKED)
    assert {(each.reason, each.table, each.constraint) for each in orm.blockers} == {
        (Reason.NOT_NULL, "invitations", None),
        (Reason.FOREIGN_KEY, "releases", "whose"),
    }
    assert [(each.table, each.columns) for each in sql.blockers] == [("releases", ("project_id", "number"))]


def test_every_driver_reads_indexes_and_triggers_alike(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$"
        )
        connection.exec_driver_sql(
            "CREATE TRIGGER noted AFTER UPDATE OF number ON releases FOR EACH ROW EXECUTE FUNCTION note()"
        )
        releases = DeletionRules(Project).catalog(connection).tables["releases"]

    assert [trigger.columns for trigger in releases.triggers] == [("number",)]
    assert {index.name: index.columns for index in releases.indexes}["latest"] == ("project_id",)


def test_every_driver_deletes_and_refuses_alike(engine: sa.Engine) -> None:
    rules = DeletionRules(Project)
    with Session(engine) as session:
        with pytest.raises(DeletionRefused):
            rules.delete(session, str(KEY))
        session.execute(sa.delete(Release))
        assert rules.delete(session, str(KEY), how="sql").deletable
        with pytest.raises(UnknownSubject):
            rules.delete(session, KEY)
        session.rollback()
