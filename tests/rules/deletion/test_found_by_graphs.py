"""What random graphs have found, each as the smallest schema that shows the rule."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from conftest import Database
from diag_rules.deletion import Outcome
from rules.deletion._made import Rows, checked, deletes, made, passes


@pytest.mark.only("sqlite", "postgresql", "postgresql15")
def test_a_change_that_is_refused_reaches_no_third_table(database: Database) -> None:
    """SET NULL fails on the tenant of a file, so what refers to the file's key is in nobody's way."""
    metadata = sa.MetaData()
    projects = sa.Table(
        "projects",
        metadata,
        sa.Column("tenant", sa.Integer, primary_key=True),
        sa.Column("id", sa.Integer, primary_key=True),
    )
    sa.Table(
        "files",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("tenant", sa.Integer, nullable=False),
        sa.Column("project", sa.Integer),
        sa.UniqueConstraint("tenant", "id"),
        sa.ForeignKeyConstraint(
            ["tenant", "project"], ["projects.tenant", "projects.id"], "of", ondelete="SET NULL"
        ),
    )
    sa.Table(
        "copies",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("tenant", sa.Integer, nullable=False),
        sa.Column("file", sa.Integer),
        sa.ForeignKeyConstraint(["tenant", "file"], ["files.tenant", "files.id"], "copied"),
    )

    with made(
        database,
        metadata,
        ("projects", {"tenant": 1, "id": 1}),
        ("files", {"id": 5, "tenant": 1, "project": 1}),
        ("copies", {"id": 7, "tenant": 1, "file": 5}),
    ) as engine:
        verdict = checked(engine, projects, (1, 1), "sql")

        assert not passes(engine, lambda session: session.execute(sa.delete(projects)))
        assert [(item.table, item.count) for item in verdict.blockers] == [("files", 1)]


def test_immediate_loading_goes_on_where_other_eager_loading_stops(database: Database) -> None:
    """A folder's folders are loaded with it, level by level, so that the ORM deletes all of them."""

    class Base(DeclarativeBase):
        pass

    class Folder(Base):
        __tablename__ = "folders"
        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int | None] = mapped_column(ForeignKey("folders.id"))
        folders = relationship("Folder", cascade="all, delete-orphan", passive_deletes=True, lazy="immediate")

    rows = [("folders", {"id": number, "parent_id": number - 1 or None}) for number in (1, 2, 3)]
    with made(database, Base.metadata, *rows) as engine:
        verdict = checked(engine, Folder, 1, "orm")

        assert deletes(engine, Folder, 1)
        assert verdict.deletable
        assert [(effect.table, effect.count) for effect in verdict.deleted] == [("folders", 3)]


@pytest.mark.parametrize(("lazy", "blocked"), [("joined", False), ("selectin", True), ("select", True)])
def test_a_lazy_load_begins_joined_loading_anew_but_no_other(
    database: Database, lazy: Any, *, blocked: bool
) -> None:
    """The author is loaded by a page: a JOIN brings the author's pages all the same, which are nulled then."""

    class Base(DeclarativeBase):
        pass

    class Page(Base):
        __tablename__ = "pages"
        id: Mapped[int] = mapped_column(primary_key=True)
        author_id: Mapped[int | None] = mapped_column(ForeignKey("authors.id"))
        author = relationship("Author", cascade="all, delete-orphan", single_parent=True)

    class Author(Base):
        __tablename__ = "authors"
        id: Mapped[int] = mapped_column(primary_key=True)
        pages = relationship("Page", lazy=lazy, passive_deletes=True, overlaps="author")

    pages = [("pages", {"id": number, "author_id": 1}) for number in (1, 2)]
    with made(database, Base.metadata, ("authors", {"id": 1}), *pages) as engine:
        verdict = checked(engine, Page, 1, "orm")

        assert deletes(engine, Page, 1) is not blocked
        assert (verdict.outcome is Outcome.BLOCKED) is blocked


@pytest.mark.parametrize(("lazy", "blocked"), [("select", False), ("joined", True)])
def test_post_update_nulls_a_reference_only_to_what_is_loaded(
    database: Database, lazy: Any, *, blocked: bool
) -> None:
    """A favourite that no one has loaded is not looked up, so its column is not nulled before the deletion."""

    class Base(DeclarativeBase):
        pass

    class Song(Base):
        __tablename__ = "songs"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Listener(Base):
        __tablename__ = "listeners"
        id: Mapped[int] = mapped_column(primary_key=True)
        song_id: Mapped[int] = mapped_column(ForeignKey("songs.id"))
        song = relationship(Song, post_update=True, lazy=lazy)

    with made(
        database, Base.metadata, ("songs", {"id": 1}), ("listeners", {"id": 1, "song_id": 1})
    ) as engine:
        verdict = checked(engine, Listener, 1, "orm")

        assert deletes(engine, Listener, 1) is not blocked
        assert (verdict.outcome is Outcome.BLOCKED) is blocked


def test_loading_an_empty_collection_turns_nothing(database: Database) -> None:
    """The cascade behind it can't be counted, but there is nobody to cascade to: other rows block all the same."""

    class Base(DeclarativeBase):
        pass

    class Album(Base):
        __tablename__ = "albums"
        id: Mapped[int] = mapped_column(primary_key=True)
        tracks = relationship("Track", cascade="all", passive_deletes=True)

    class Track(Base):
        __tablename__ = "tracks"
        id: Mapped[int] = mapped_column(primary_key=True)
        album_id: Mapped[int | None] = mapped_column(ForeignKey("albums.id"))
        loops = relationship(
            "Loop", primaryjoin="and_(Loop.track_id == Track.id, Loop.id > 0)", cascade="all"
        )

    class Loop(Base):
        __tablename__ = "loops"
        id: Mapped[int] = mapped_column(primary_key=True)
        track_id: Mapped[int | None] = mapped_column(ForeignKey("tracks.id"))
        album_id: Mapped[int | None] = mapped_column(ForeignKey("albums.id"))

    with made(database, Base.metadata, ("albums", {"id": 1}), ("loops", {"id": 1, "album_id": 1})) as engine:
        verdict = checked(engine, Album, 1, "orm")

        assert verdict.outcome is Outcome.BLOCKED
        assert verdict.depends_on_loaded == ()


@pytest.mark.only("mariadb", "sqlite")
@pytest.mark.parametrize(("first", "second"), [(1, 2), (2, 1)])
def test_innodb_cascades_in_the_order_of_an_index_and_sqlite_by_row_number(
    database: Database, first: int, second: int
) -> None:
    """Step 2 refers to step 1, so the plan can go only where step 2 goes first."""
    metadata = sa.MetaData()
    plans = sa.Table("plans", metadata, sa.Column("id", sa.Integer, primary_key=True))
    sa.Table(
        "steps",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("plan_id", sa.ForeignKey("plans.id", name="of", ondelete="CASCADE")),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("after_id", sa.ForeignKey("steps.id", name="after", ondelete="RESTRICT")),
        sa.UniqueConstraint("plan_id", "place"),
    )

    with made(
        database,
        metadata,
        ("plans", {"id": 1}),
        ("steps", {"id": 1, "plan_id": 1, "place": first}),
        ("steps", {"id": 2, "plan_id": 1, "place": second, "after_id": 1}),
    ) as engine:
        verdict = checked(engine, plans, 1, "sql")

        really = passes(engine, lambda session: session.execute(sa.delete(plans)))
        assert really is (database.dialect == "mysql" and second < first)
        assert verdict.deletable is really


@pytest.mark.parametrize(("author", "passing"), [(None, False), (1, True)])
def test_lazy_raise_fails_where_objects_are_sorted_one_by_one(
    database: Database, author: int | None, *, passing: bool
) -> None:
    """A thread goes with its replies: the flush looks up the authors of all as soon as it knows that one has none."""

    class Base(DeclarativeBase):
        pass

    class Author(Base):
        __tablename__ = "authors"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Comment(Base):
        __tablename__ = "comments"
        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int | None] = mapped_column(ForeignKey("comments.id"))
        author_id: Mapped[int | None] = mapped_column(ForeignKey("authors.id"))
        replies = relationship("Comment", cascade="all, delete-orphan")
        author = relationship(Author, lazy="raise")

    with made(
        database,
        Base.metadata,
        ("authors", {"id": 1}),
        ("comments", {"id": 1, "author_id": 1}),
        ("comments", {"id": 2, "parent_id": 1, "author_id": author}),
    ) as engine:
        verdict = checked(engine, Comment, 1, "orm")

        assert deletes(engine, Comment, 1) is passing
        assert verdict.deletable is passing


def test_lazy_raise_among_objects_of_several_classes_is_not_judged(database: Database) -> None:
    """Whether the flush looks it up depends on the objects of each class; this deletion fails, so it is never called deletable."""

    class Base(DeclarativeBase):
        pass

    class Author(Base):
        __tablename__ = "authors"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Comment(Base):
        __tablename__ = "comments"
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "comment"}  # noqa: RUF012 - SQLAlchemy reads it
        kind: Mapped[str] = mapped_column(sa.String(9))
        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int | None] = mapped_column(ForeignKey("comments.id"))
        author_id: Mapped[int | None] = mapped_column(ForeignKey("authors.id"))
        replies = relationship("Comment", cascade="all, delete-orphan")
        author = relationship(Author, lazy="raise")

    class Reply(Comment):
        __mapper_args__ = {"polymorphic_identity": "reply"}  # noqa: RUF012 - SQLAlchemy reads it

    with made(
        database,
        Base.metadata,
        ("authors", {"id": 1}),
        ("comments", {"id": 1, "kind": "comment", "author_id": 1}),
        ("comments", {"id": 2, "kind": "reply", "parent_id": 1, "author_id": None}),
    ) as engine:
        verdict = checked(engine, Comment, 1, "orm")

        assert not deletes(engine, Comment, 1)
        assert verdict.outcome is Outcome.UNCERTAIN
        assert 'lazy="raise"' in verdict.uncertain_because[0]


@pytest.mark.only("sqlite")
def test_a_relationship_over_columns_of_two_collations_is_not_judged(
    database: Database,
) -> None:
    """SQLite's key compares as the parent's column does, the ORM's SELECT as the child's: the row is not found, and stays."""

    class Base(DeclarativeBase):
        pass

    class Author(Base):
        __tablename__ = "authors"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(sa.String(collation="NOCASE"), unique=True)
        books = relationship("Book", cascade="all, delete-orphan")

    class Book(Base):
        __tablename__ = "books"
        id: Mapped[int] = mapped_column(primary_key=True)
        author: Mapped[str] = mapped_column(sa.String(), ForeignKey("authors.name"))

    rows = (("authors", {"id": 1, "name": "ada"}), ("books", {"id": 1, "author": "ADA"}))
    with made(database, Base.metadata, *rows) as engine:
        verdict = checked(engine, Author, 1, "orm")

        assert not deletes(engine, Author, 1)
        assert verdict.outcome is Outcome.UNCERTAIN
        assert "letters" in verdict.uncertain_because[0]


def test_updates_of_objects_that_load_their_own_class_at_once_are_not_judged(database: Database) -> None:
    """Whether the flush meets a cycle hangs on what was loaded, so the deletion is not called deletable."""

    class Base(DeclarativeBase):
        pass

    class Node(Base):
        __tablename__ = "nodes"
        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int | None] = mapped_column(ForeignKey("nodes.id"))
        friend_id: Mapped[int | None] = mapped_column(ForeignKey("nodes.id"))
        children = relationship("Node", foreign_keys=parent_id, lazy="immediate", passive_deletes=True)
        friends = relationship("Node", foreign_keys=friend_id)

    rows = [("nodes", {"id": 1}), ("nodes", {"id": 2, "friend_id": 1}), ("nodes", {"id": 3, "parent_id": 2})]
    with made(database, Base.metadata, *rows) as engine:
        verdict = checked(engine, Node, 1, "orm")

    assert verdict.outcome is Outcome.UNCERTAIN
    assert "its own class eagerly" in verdict.uncertain_because[0]


@pytest.mark.parametrize("late", [False, True], ids=["made with its table", "made last"])
@pytest.mark.parametrize("how", ["sql", "orm"])
def test_a_row_that_is_written_twice_is_checked_as_a_whole(database: Database, how: str, late: bool) -> None:  # noqa: FBT001
    """PostgreSQL checks every key of a row that its own transaction has written before, though the parent's event is yet to come."""

    class Base(DeclarativeBase):
        pass

    class Project(Base):
        __tablename__ = "projects"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Release(Base):
        __tablename__ = "releases"
        id: Mapped[int] = mapped_column(primary_key=True)
        project_id: Mapped[int] = mapped_column(
            ForeignKey("projects.id", ondelete="CASCADE", name="of_project", use_alter=late)
        )

    class Link(Base):
        __tablename__ = "links"
        id: Mapped[int] = mapped_column(primary_key=True)
        one_id: Mapped[int | None] = mapped_column(ForeignKey("projects.id", ondelete="SET NULL"))
        other_id: Mapped[int | None] = mapped_column(ForeignKey("projects.id", ondelete="SET NULL"))
        release_id: Mapped[int] = mapped_column(
            ForeignKey("releases.id", ondelete="CASCADE", name="of_release")
        )

    rows: list[Rows] = [
        *(("projects", {"id": key}) for key in (1, 2)),
        *(("releases", {"id": key, "project_id": key}) for key in (1, 2)),
        ("links", {"id": 1, "one_id": 1, "other_id": 1, "release_id": 1}),
        ("links", {"id": 2, "one_id": 2, "other_id": None, "release_id": 2}),
    ]
    with made(database, Base.metadata, *rows) as engine:
        twice, once = (checked(engine, Project, key, how) for key in (1, 2))
        truths = [
            deletes(engine, Project, 1),
            deletes(engine, Project, 2),
        ]

    refuses = late and database.dialect == "postgresql"
    assert [twice.deletable, once.deletable] == truths == [not refuses, True]
    assert [blocker.constraint for blocker in twice.blockers] == (["of_release"] if refuses else [])


@pytest.mark.only("sqlite", "postgresql", "postgresql15")
def test_a_default_that_no_row_has_is_met_though_the_row_is_written_again(database: Database) -> None:
    class Base(DeclarativeBase):
        pass

    class Project(Base):
        __tablename__ = "projects"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Link(Base):
        __tablename__ = "links"
        id: Mapped[int] = mapped_column(primary_key=True)
        one_id: Mapped[int | None] = mapped_column(
            ForeignKey("projects.id", ondelete="SET DEFAULT", name="one"), server_default="99"
        )
        other_id: Mapped[int | None] = mapped_column(ForeignKey("projects.id", ondelete="SET NULL"))

    rows: list[Rows] = [
        *(("projects", {"id": key}) for key in (1, 2)),
        ("links", {"id": 1, "one_id": 1, "other_id": 1}),
        ("links", {"id": 2, "one_id": None, "other_id": 2}),
    ]
    with made(database, Base.metadata, *rows) as engine:
        twice, once = (checked(engine, Project, key, "orm") for key in (1, 2))
        truths = [
            deletes(engine, Project, 1),
            deletes(engine, Project, 2),
        ]

    assert [twice.deletable, once.deletable] == truths == [False, True]
    assert [blocker.columns for blocker in twice.blockers] == [("one_id",)]
