"""What the ORM refuses or notices by itself, provoked with models that are made wrong for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import ForeignKey, create_engine, delete, exc
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    WriteOnlyMapped,
    mapped_column,
    relationship,
)
from sqlalchemy.orm import exc as orm_exc

from diag_rules.errors import Category, Classification, Kind, Retry, classify
from rules.errors._stand_ins import stand_in


class Base(DeclarativeBase):
    pass


class Parent(Base):
    __tablename__ = "parent"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    parts: Mapped[list[Part]] = relationship()


class Part(Base):
    __tablename__ = "part"
    parent_id: Mapped[int] = mapped_column(ForeignKey("parent.id"), primary_key=True)


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    notes: WriteOnlyMapped[Note] = relationship(cascade="all, delete-orphan")


class Note(Base):
    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"))


class Node(Base):
    __tablename__ = "node"
    id: Mapped[int] = mapped_column(primary_key=True)
    up_id: Mapped[int | None] = mapped_column(ForeignKey("node.id"))
    up: Mapped[Node | None] = relationship(remote_side="Node.id")


class Coded(Base):
    __tablename__ = "coded"
    code: Mapped[str] = mapped_column(primary_key=True)


@pytest.fixture
def session() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as opened:
        yield opened
    engine.dispose()


def flushed(session: Session) -> Classification:
    """Return what the next flush raises, classified."""
    with pytest.raises(Exception) as found:  # noqa: PT011 - whatever it is, it is the result
        session.flush()
    return classify(found.value)


def test_blanking_a_primary_key_is_a_defect_of_the_mapping_and_names_the_column(session: Session) -> None:
    session.add(Parent(id=1, parts=[Part()]))
    session.commit()
    session.delete(session.get_one(Parent, 1))

    answer = flushed(session)

    assert (answer.category, answer.kind) == (Category.DEFECT, Kind.ORM_MISUSE)
    assert (answer.table, answer.columns) == ("part", ("parent_id",))
    assert "passive_deletes" in answer.advice


def test_a_write_only_collection_that_a_deletion_would_load_is_a_defect(session: Session) -> None:
    session.add(Book(id=1))
    session.commit()
    with pytest.raises(exc.InvalidRequestError) as found:
        session.delete(session.get_one(Book, 1))

    answer = classify(found.value)

    assert (answer.category, answer.kind) == (Category.DEFECT, Kind.ORM_MISUSE)
    assert "passive_deletes=True" in answer.advice


def test_rows_in_a_circle_are_a_defect(session: Session) -> None:
    one, two = Node(id=1), Node(id=2)
    one.up, two.up = two, one
    session.add_all([one, two])

    answer = flushed(session)

    assert (answer.category, answer.kind) == (Category.DEFECT, Kind.ORM_MISUSE)
    assert "post_update" in answer.advice


def test_an_object_without_identity_is_a_defect(session: Session) -> None:
    session.add(Coded())

    answer = flushed(session)

    assert (answer.category, answer.kind) == (Category.DEFECT, Kind.ORM_MISUSE)


def test_a_row_that_somebody_else_deleted_is_contention_and_may_be_repeated(session: Session) -> None:
    session.add(Node(id=1))
    session.commit()
    node = session.get_one(Node, 1)
    session.execute(delete(Node), execution_options={"synchronize_session": False})
    node.up_id = 1

    answer = flushed(session)

    assert (answer.category, answer.kind) == (Category.CONTENTION, Kind.STALE_DATA)
    assert answer.retry is Retry.TRANSACTION


@pytest.mark.parametrize("error", [orm_exc.FlushError("x"), exc.CircularDependencyError("x", set(), set())])
def test_a_refusal_of_the_orm_is_not_taken_for_the_error_that_was_handled_before(error: Exception) -> None:
    error.__context__ = stand_in("psycopg.errors.UniqueViolation", "duplicate key", sqlstate="23505")

    assert classify(error).kind is Kind.ORM_MISUSE


@pytest.mark.parametrize(
    "text",
    [
        "Dependency rule tried to blank-out primary key column 'part.parent_id' on instance '<Part at 0x1>'",
        "Dependency rule on column 'parent.id' tried to blank-out primary key column 'part.parent_id' on instance '<P>'",
    ],
)
@pytest.mark.parametrize("module", ["builtins", "sqlalchemy.orm.sync"])
def test_a_blanked_key_is_known_by_the_texts_of_old_and_new_releases(text: str, module: str) -> None:
    answer = classify(stand_in(f"{module}.AssertionError", text))

    assert (answer.kind, answer.columns) == (Kind.ORM_MISUSE, ("parent_id",))


def test_an_assertion_of_the_application_says_nothing_about_the_database() -> None:
    error = AssertionError(
        "x: Dependency rule tried to blank-out primary key column 'part.parent_id' on instance"
    )

    assert classify(error).category is Category.UNKNOWN
