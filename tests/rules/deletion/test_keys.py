"""Keys as routes give them, and keys that no row can have."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from conftest import Database
from diag_rules.deletion import DeletionRefused, DeletionRules, Outcome, UnknownSubject

KNOWN = uuid.UUID("00501f36-0c2c-4f5e-8f0e-6a1b2c3d4e5f")
DAY = dt.date(2026, 11, 22)


class Base(DeclarativeBase):
    """Parents whose keys are of every type that a route could name, each with a child that blocks the ORM way."""


class Project(Base):
    __tablename__ = "projects"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    children: Mapped[list[Invitation]] = relationship()


class Invitation(Base):
    __tablename__ = "invitations"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))


class Written(Base):
    __tablename__ = "written"
    id: Mapped[str] = mapped_column(sa.Uuid(as_uuid=False), primary_key=True)
    children: Mapped[list[WrittenChild]] = relationship()


class WrittenChild(Base):
    __tablename__ = "written_children"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[str] = mapped_column(ForeignKey("written.id"))


class Numbered(Base):
    __tablename__ = "numbered"
    id: Mapped[int] = mapped_column(primary_key=True)
    children: Mapped[list[NumberedChild]] = relationship()


class NumberedChild(Base):
    __tablename__ = "numbered_children"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int] = mapped_column(ForeignKey("numbered.id"))


class Named(Base):
    __tablename__ = "named"
    name: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    children: Mapped[list[NamedChild]] = relationship()


class NamedChild(Base):
    __tablename__ = "named_children"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_name: Mapped[str] = mapped_column(sa.String(20), ForeignKey("named.name"))


class Daily(Base):
    __tablename__ = "daily"
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    children: Mapped[list[DailyChild]] = relationship()


class DailyChild(Base):
    __tablename__ = "daily_children"
    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[dt.date]
    number: Mapped[int]
    __table_args__ = (sa.ForeignKeyConstraint(["day", "number"], ["daily.day", "daily.number"]),)


@pytest.fixture
def engine(database: Database) -> sa.Engine:
    engine = database.engine()
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Project(id=KNOWN, children=[Invitation()]))
        session.add(Written(id=str(KNOWN), children=[WrittenChild()]))
        session.add(Numbered(id=7, children=[NumberedChild()]))
        session.add(Named(name="7", children=[NamedChild()]))
        session.add(Daily(day=DAY, number=7, children=[DailyChild()]))
        session.commit()
    return engine


AS_GIVEN: list[tuple[Any, Any, Any]] = [
    (Project, KNOWN, KNOWN),
    (Project, str(KNOWN), KNOWN),
    (Project, str(KNOWN).upper(), KNOWN),
    (Project, KNOWN.hex, KNOWN),
    (Written, KNOWN, str(KNOWN)),
    (Written, KNOWN.hex.upper(), str(KNOWN)),
    (Numbered, "7", 7),
    (Numbered, 7.0, 7),
    (Numbered, ["7"], 7),
    (Named, "7", "7"),
    (Named, 7, "7"),
    (Daily, ("2026-11-22", "7"), (DAY, 7)),
]


def test_a_key_is_read_as_its_column_holds_it(engine: sa.Engine) -> None:
    for model, given, key in AS_GIVEN:
        rules = DeletionRules(model)
        with engine.connect() as connection:
            orm, sql = rules.check(connection, given, "orm"), rules.check(connection, given, "sql")

        assert (orm.outcome, orm.key, sql.key) == (Outcome.BLOCKED, key, key), (model, given)


def test_a_key_is_read_alike_where_the_deletion_is_played(engine: sa.Engine) -> None:
    for model, given, key in AS_GIVEN:
        with Session(engine) as session:
            with pytest.raises(DeletionRefused) as refused:
                DeletionRules(model).delete(session, given)
            if model is Project:
                assert DeletionRules(model).delete(session, given, how="sql", dry_run=True).key == key

        assert refused.value.verdict.key == key, (model, given)


IMPOSSIBLE: list[tuple[Any, Any]] = [
    (Project, "not-a-uuid"),
    (Project, ""),
    (Project, 17),
    (Written, "00501f36"),
    (Numbered, "abc"),
    (Numbered, ""),
    (Numbered, "7_0"),
    (Numbered, "\N{ARABIC-INDIC DIGIT SEVEN}"),
    (Numbered, "7.5"),
    (Numbered, 7.5),
    (Numbered, float("nan")),
    (Numbered, float("inf")),
    (Numbered, 2**64),
    (Numbered, -(2**64)),
    (Numbered, "9" * 5000),
    (Numbered, 2**31),
    (Numbered, KNOWN),
    (Named, "\ud800"),
    (Named, "8"),
    (Daily, ("2026-11-31", 7)),
    (Daily, ("today", 7)),
]


@pytest.mark.parametrize("how", ["orm", "sql"])
def test_a_key_that_no_row_can_have_is_an_unknown_subject(engine: sa.Engine, how: str) -> None:
    for model, key in IMPOSSIBLE:
        rules = DeletionRules(model)
        with engine.connect() as connection:
            with pytest.raises(UnknownSubject):
                rules.check(connection, key, how)

            assert connection.scalar(sa.text("SELECT 1")) == 1, (model, key)  # the transaction goes on

        with Session(engine) as session:
            with pytest.raises(UnknownSubject):
                rules.delete(session, key, how=how)

            assert session.scalar(sa.text("SELECT 1")) == 1, (model, key)


@pytest.mark.only("postgresql", "postgresql15")
def test_text_that_postgresql_could_not_hold_is_an_unknown_subject(engine: sa.Engine) -> None:
    with engine.connect() as connection, pytest.raises(UnknownSubject):
        DeletionRules(Named).check(connection, "7\x00")


MISSHAPEN: list[tuple[Any, Any]] = [
    (Project, None),
    (Project, KNOWN.bytes),
    (Project, {"id": KNOWN}),
    (Project, [[KNOWN]]),
    (Numbered, b"7"),
    (Numbered, None),
    (Numbered, object()),
    (Numbered, {7}),
    (Named, b"7"),
    (Daily, DAY),
    (Daily, (DAY, None)),
]


def test_what_is_no_key_is_refused_with_its_columns(engine: sa.Engine) -> None:
    for model, key in MISSHAPEN:
        expected = f"is no key of {model.__name__}: give"
        with engine.connect() as connection, pytest.raises(ValueError, match=expected):
            DeletionRules(model).check(connection, key)


class Upper(sa.types.TypeDecorator[str]):
    """Names in capitals, and nothing but text."""

    impl = sa.String(20)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str:
        if not isinstance(value, str):
            raise TypeError(f"{value!r} is no text")
        return value.upper()


class Other(DeclarativeBase):
    """Parents whose keys come back otherwise than they were given."""


class Shouted(Other):
    __tablename__ = "shouted"
    name: Mapped[str] = mapped_column(Upper, primary_key=True)
    children: Mapped[list[ShoutedChild]] = relationship(cascade="all, delete")


class ShoutedChild(Other):
    __tablename__ = "shouted_children"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Upper, ForeignKey("shouted.name"))


@pytest.fixture
def shouted(database: Database) -> sa.Engine:
    engine = database.engine()
    Other.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Shouted(name="LOUD", children=[ShoutedChild()]))
        session.commit()
    return engine


def test_a_key_that_comes_back_otherwise_finds_its_rows(shouted: sa.Engine) -> None:
    with Session(shouted) as session:
        verdict = DeletionRules(Shouted).delete(session, "loud", dry_run=True)

    assert {effect.table: effect.count for effect in verdict.deleted} == {"shouted": 1, "shouted_children": 1}


def test_a_key_that_its_own_type_refuses_is_an_unknown_subject(shouted: sa.Engine) -> None:
    with shouted.connect() as connection, pytest.raises(UnknownSubject):
        DeletionRules(Shouted).check(connection, 7)
