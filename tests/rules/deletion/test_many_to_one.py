"""A release takes its description along: counted in one statement, and played only where a description is shared."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from conftest import Database
from diag_rules.deletion import DeletionRules, Effect, Outcome, Verdict


class Base(DeclarativeBase):
    """Projects, releases, and what describes them, as PyPI has it."""


class Project(Base):
    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    releases: Mapped[list[Release]] = relationship(cascade="all, delete-orphan", passive_deletes=True)


class Release(Base):
    __tablename__ = "releases"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    description_id: Mapped[int | None] = mapped_column(ForeignKey("descriptions.id"))
    description: Mapped[Description | None] = relationship(
        cascade="all, delete-orphan", single_parent=True, back_populates="releases"
    )


class Description(Base):
    __tablename__ = "descriptions"
    id: Mapped[int] = mapped_column(primary_key=True)
    releases: Mapped[list[Release]] = relationship(back_populates="description")


class Quote(Base):
    __tablename__ = "quotes"
    id: Mapped[int] = mapped_column(primary_key=True)
    description_id: Mapped[int] = mapped_column(ForeignKey("descriptions.id"))


OWN, SHARED, QUOTED, BARE, WITHIN = 1, 2, 3, 4, 5
DESCRIBED: dict[int, list[int | None]] = {
    OWN: [1, 2],
    SHARED: [3, 4],
    QUOTED: [5],
    BARE: [None],
    WITHIN: [6, 6],
    9: [4],
}


@pytest.fixture
def engine(database: Database) -> sa.Engine:
    engine = database.engine()
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(Description(id=each) for each in range(1, 7))
        session.add_all(Project(id=each) for each in DESCRIBED)
        session.flush()
        for project, found in DESCRIBED.items():
            session.add_all(Release(project_id=project, description_id=each) for each in found)
        session.add(Quote(description_id=5))
        session.commit()
    return engine


def judged(engine: sa.Engine, subject: type, key: int, cap: int | None = None) -> tuple[Verdict, int]:
    """The verdict, and the number of statements once the catalogs are read."""
    rules = DeletionRules(subject)
    sent: list[str] = []
    with engine.connect() as connection:
        rules.check(connection, key, cap=cap)
        sa.event.listen(connection, "before_cursor_execute", lambda *args: sent.append(args[2]))
        return rules.check(connection, key, cap=cap), len(sent)


def passes(engine: sa.Engine, subject: type[Any], key: int, loaded: str | None = None) -> bool:
    """Whether ``session.delete()`` passes; taken back in any case."""
    with Session(engine) as session:
        found = session.get_one(subject, key)
        if loaded is not None:
            list(getattr(found, loaded))
        try:
            session.delete(found)
            session.flush()
        except DBAPIError:
            return False
        return True


@pytest.mark.parametrize("cap", [None, 1, 100])
@pytest.mark.parametrize("key", [OWN, SHARED, QUOTED, BARE, WITHIN])
def test_a_project_whose_releases_take_descriptions_along(
    engine: sa.Engine, key: int, cap: int | None
) -> None:
    verdict, statements = judged(engine, Project, key, cap)

    plain = passes(engine, Project, key)
    assert verdict.outcome is (Outcome.DELETABLE if plain else Outcome.BLOCKED)
    turns = passes(engine, Project, key, "releases") is not plain
    assert verdict.depends_on_loaded == (("Project.releases",) if turns else ())
    if key in (OWN, QUOTED, BARE) and cap != 1:
        assert statements == 1


@pytest.mark.parametrize("key", [OWN, SHARED, QUOTED, BARE, WITHIN])
def test_a_release_takes_its_description_along(engine: sa.Engine, key: int) -> None:
    with Session(engine) as session:
        ids = session.scalars(sa.select(Release.id).where(Release.project_id == key)).all()
    for each in ids:
        verdict, statements = judged(engine, Release, each)

        wanted = Outcome.DELETABLE if passes(engine, Release, each) else Outcome.BLOCKED
        assert verdict.outcome is wanted
        assert statements == 1 or key in (SHARED, WITHIN)
        if key == OWN:
            assert Effect(table="descriptions", count=1) in verdict.deleted


def test_a_relationship_without_plan_matters_only_with_rows(database: Database) -> None:
    class Own(DeclarativeBase):
        """One more base, for a relationship over more than equal columns."""

    class Page(Own):
        __tablename__ = "pages"
        id: Mapped[int] = mapped_column(primary_key=True)
        notes: Mapped[list[Note]] = relationship(cascade="all, delete", passive_deletes=True)

    class Note(Own):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        page_id: Mapped[int] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"))
        replies: Mapped[list[Reply]] = relationship(
            primaryjoin="and_(Note.id == Reply.note_id, Reply.id > 0)", cascade="all, delete"
        )

    class Reply(Own):
        __tablename__ = "replies"
        id: Mapped[int] = mapped_column(primary_key=True)
        note_id: Mapped[int] = mapped_column(ForeignKey("notes.id"))

    engine = database.engine()
    Own.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Page(id=1), Page(id=2, notes=[Note(replies=[Reply(id=1)])])])
        session.commit()

    empty, statements = judged(engine, Page, 1)
    full, _ = judged(engine, Page, 2)

    assert (empty.outcome, statements) == (Outcome.DELETABLE, 1)
    assert (full.outcome, full.depends_on_loaded) == (Outcome.BLOCKED, ("Page.notes",))
    assert passes(engine, Page, 1)
    assert not passes(engine, Page, 2)
    assert passes(engine, Page, 2, "notes")
