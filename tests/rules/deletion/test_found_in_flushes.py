"""What random mappings have found about the order of a flush and what it has loaded, each as the smallest that shows it."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, column_property, mapped_column, relationship

from conftest import Database
from diag_rules.deletion import Outcome, Reason
from diag_rules.deletion._trial import LEFT_OPEN
from rules.deletion._made import Rows, checked, deletes, made, passes


@pytest.mark.only("sqlite")
def test_a_refused_reference_makes_up_for_no_other(database: Database) -> None:
    """The second statement deletes a row whose own reference dangles since the first, and another row that refers to it."""

    class Base(DeclarativeBase):
        pass

    class Item(Base):
        __tablename__ = "items"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str] = mapped_column(sa.String(9))
        special_id: Mapped[int | None] = mapped_column(ForeignKey("specials.id", ondelete="RESTRICT"))
        item_id: Mapped[int | None] = mapped_column(ForeignKey("items.id"))
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "item"}  # noqa: RUF012 - as mapped

    class Special(Item):
        __tablename__ = "specials"
        id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
        __mapper_args__ = {  # noqa: RUF012
            "polymorphic_identity": "special",
            "inherit_condition": id == Item.id,  # noqa: A003 - the column
        }

    rows: list[Rows] = [
        ("items", {"id": 1, "kind": "special"}),
        ("specials", {"id": 1}),
        ("items", {"id": 2, "kind": "item", "item_id": 1}),
    ]
    with made(database, Base.metadata, *rows) as engine:
        with engine.begin() as connection:
            connection.execute(
                sa.update(Base.metadata.tables["items"]).where(Item.id == 1).values(special_id=1)
            )
        verdict = checked(engine, Special, 1, "orm")

    assert {blocker.columns for blocker in verdict.blockers} == {("special_id",), ("item_id",)}


def test_whether_post_update_of_rows_that_stay_is_sent_is_left_open(database: Database) -> None:
    """Object by object, SQLAlchemy may come to the UPDATE before it knows of any row."""

    class Base(DeclarativeBase):
        pass

    class Node(Base):
        __tablename__ = "nodes"
        id: Mapped[int] = mapped_column(primary_key=True)
        lead_id: Mapped[int | None] = mapped_column(ForeignKey("nodes.id"))
        lead = relationship("Node", remote_side="Node.id")
        followers = relationship("Node", foreign_keys=lead_id, post_update=True, overlaps="lead")

    rows = [("nodes", {"id": 1}), ("nodes", {"id": 2, "lead_id": 1}), ("nodes", {"id": 3})]
    with made(database, Base.metadata, *rows) as engine:
        verdict = checked(engine, Node, 1, "orm")
        alone = checked(engine, Node, 3, "orm")

    assert verdict.outcome is Outcome.UNCERTAIN
    assert "order of statements" in verdict.uncertain_because[0]
    assert alone.deletable


def test_a_reference_that_raises_is_looked_up_where_classes_go_in_a_circle(database: Database) -> None:
    """Rows alone don't tell: the classes refer to each other, so objects are sorted one by one."""

    class Base(DeclarativeBase):
        pass

    class Team(Base):
        __tablename__ = "teams"
        id: Mapped[int] = mapped_column(primary_key=True)
        captain_id: Mapped[int | None] = mapped_column(ForeignKey("players.id", use_alter=True))
        captain = relationship("Player", foreign_keys=captain_id, lazy="raise")
        players = relationship("Player", foreign_keys="Player.team_id", cascade="all, delete-orphan")

    class Player(Base):
        __tablename__ = "players"
        id: Mapped[int] = mapped_column(primary_key=True)
        team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
        team = relationship("Team", foreign_keys=team_id, lazy="raise", overlaps="players")

    rows = [("teams", {"id": 1}), ("players", {"id": 1, "team_id": 1}), ("players", {"id": 2, "team_id": 1})]
    with made(database, Base.metadata, *rows) as engine:
        verdict = checked(engine, Team, 1, "orm")

        assert not deletes(engine, Team, 1)
        assert verdict.outcome is Outcome.BLOCKED


@pytest.mark.parametrize("first", ["captain", "players"])
def test_a_reference_that_raises_counts_once_the_flush_knows_its_class(
    database: Database, first: str
) -> None:
    """The players are known from where their collection is looked at: before the captain, or after."""

    class Base(DeclarativeBase):
        pass

    captain = relationship("Player", foreign_keys="Team.captain_id", lazy="raise")
    players = relationship("Player", foreign_keys="Player.team_id")
    both = {"captain": captain, "players": players}

    class Team(Base):
        __tablename__ = "teams"
        id: Mapped[int] = mapped_column(primary_key=True)
        captain_id: Mapped[int | None] = mapped_column(ForeignKey("players.id", use_alter=True))
        locals().update(both if first == "captain" else dict(reversed(both.items())))

    class Player(Base):
        __tablename__ = "players"
        id: Mapped[int] = mapped_column(primary_key=True)
        team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))

    rows = [("teams", {"id": 1}), ("players", {"id": 1}), ("players", {"id": 2, "team_id": 1})]
    with made(database, Base.metadata, *rows) as engine:
        with engine.begin() as connection:
            connection.execute(sa.update(Base.metadata.tables["teams"]).values(captain_id=1))
        verdict = checked(engine, Team, 1, "orm")

        assert verdict.deletable == (first == "captain")
        assert deletes(engine, Team, 1) == verdict.deletable


def test_what_is_joined_to_a_subclass_is_not_loaded_by_a_query_for_its_base(database: Database) -> None:
    """The ORM blanks the notes that it has loaded, so the class that was asked for decides."""

    class Base(DeclarativeBase):
        pass

    class Item(Base):
        __tablename__ = "items"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str] = mapped_column(sa.String(9))
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "item"}  # noqa: RUF012 - as mapped

    class Special(Item):
        __tablename__ = "specials"
        id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
        notes = relationship("Note", lazy="joined", passive_deletes=True)
        __mapper_args__ = {"polymorphic_identity": "special"}  # noqa: RUF012

    class Note(Base):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        special_id: Mapped[int] = mapped_column(ForeignKey("specials.id", ondelete="CASCADE"))

    rows: list[Rows] = [
        ("items", {"id": 1, "kind": "special"}),
        ("specials", {"id": 1}),
        ("notes", {"id": 1, "special_id": 1}),
    ]
    with made(database, Base.metadata, *rows) as engine:
        for cls, goes in ((Item, True), (Special, False)):
            verdict = checked(engine, cls, 1, "orm")

            assert verdict.deletable == goes, cls
            assert deletes(engine, cls, 1) == goes


def test_an_object_that_was_not_loaded_closes_no_circle(database: Database) -> None:
    """The team goes with its project, and the project that it is joined to is not looked at from there."""

    class Base(DeclarativeBase):
        pass

    class Project(Base):
        __tablename__ = "projects"
        id: Mapped[int] = mapped_column(primary_key=True)
        special_id: Mapped[int | None] = mapped_column(
            ForeignKey("specials.id", ondelete="SET NULL", use_alter=True)
        )
        teams = relationship("Team", foreign_keys="Team.project_id", cascade="all, delete-orphan")

    class Team(Base):
        __tablename__ = "teams"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str] = mapped_column(sa.String(9))
        project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "team"}  # noqa: RUF012 - as mapped

    class Special(Team):
        __tablename__ = "specials"
        id: Mapped[int] = mapped_column(ForeignKey("teams.id"), primary_key=True)
        projects = relationship(
            Project, foreign_keys=Project.special_id, cascade="all", lazy="joined", passive_deletes=True
        )
        __mapper_args__ = {"polymorphic_identity": "special"}  # noqa: RUF012

    rows: list[Rows] = [
        ("projects", {"id": 1}),
        ("teams", {"id": 1, "kind": "special", "project_id": 1}),
        ("specials", {"id": 1}),
    ]
    with made(database, Base.metadata, *rows) as engine:
        with engine.begin() as connection:
            connection.execute(sa.update(Base.metadata.tables["projects"]).values(special_id=1))
        verdict = checked(engine, Project, 1, "orm")

        assert deletes(engine, Project, 1)
        assert verdict.deletable


@pytest.mark.parametrize("lazy", ["select", "selectin"])
def test_links_that_are_twice_there_are_counted_as_they_were_loaded(database: Database, lazy: Any) -> None:
    """A lazy load takes the tag once and then finds two rows deleted; a select-in load of SQLAlchemy 2.1 takes it twice."""

    class Base(DeclarativeBase):
        pass

    links = sa.Table(
        "links",
        Base.metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("project_id", ForeignKey("projects.id")),
        sa.Column("tag_id", ForeignKey("tags.id")),
    )

    class Project(Base):
        __tablename__ = "projects"
        id: Mapped[int] = mapped_column(primary_key=True)
        tags = relationship("Tag", secondary=links, lazy=lazy)

    class Tag(Base):
        __tablename__ = "tags"
        id: Mapped[int] = mapped_column(primary_key=True)

    twice = [("links", {"id": number, "project_id": 1, "tag_id": 1}) for number in (1, 2)]
    with made(database, Base.metadata, ("projects", {"id": 1}), ("tags", {"id": 1}), *twice) as engine:
        verdict = checked(engine, Project, 1, "orm")

        assert deletes(engine, Project, 1) == verdict.deletable
        assert verdict.deletable or lazy == "select"


@pytest.mark.only("sqlite")
def test_a_link_in_other_letters_is_found_by_a_join_and_not_by_its_value(database: Database) -> None:
    """The tag's column takes Red for red, the link's does not: the DELETE meets no row, and the ORM expects one."""

    class Base(DeclarativeBase):
        pass

    links = sa.Table(
        "links",
        Base.metadata,
        sa.Column("project_id", ForeignKey("projects.id"), primary_key=True),
        sa.Column("tag", sa.String(9), ForeignKey("tags.name", ondelete="CASCADE"), primary_key=True),
    )

    class Tag(Base):
        __tablename__ = "tags"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(sa.String(9, collation="NOCASE"), unique=True)

    class Project(Base):
        __tablename__ = "projects"
        id: Mapped[int] = mapped_column(primary_key=True)
        tags = relationship(Tag, secondary=links, secondaryjoin=Tag.name == links.c.tag)

    rows: list[Rows] = [
        *(("projects", {"id": key}) for key in (1, 2)),
        ("tags", {"id": 1, "name": "red"}),
        ("links", {"project_id": 1, "tag": "Red"}),
        ("links", {"project_id": 2, "tag": "red"}),
    ]
    with made(database, Base.metadata, *rows) as engine:
        other, same = (checked(engine, Project, key, "orm") for key in (1, 2))
        truths = [
            deletes(engine, Project, 1),
            deletes(engine, Project, 2),
        ]

    assert [other.deletable, same.deletable] == truths == [False, True]


def test_a_link_to_nothing_is_no_link_to_the_orm(database: Database) -> None:
    """No foreign key holds the tag: the ORM joins to it, finds none, and leaves the link in the way."""

    class Base(DeclarativeBase):
        pass

    links = sa.Table(
        "links",
        Base.metadata,
        sa.Column("project_id", ForeignKey("projects.id"), primary_key=True),
        sa.Column("tag_id", sa.Integer, primary_key=True),
    )

    class Tag(Base):
        __tablename__ = "tags"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Project(Base):
        __tablename__ = "projects"
        id: Mapped[int] = mapped_column(primary_key=True)
        tags = relationship(Tag, secondary=links, secondaryjoin=Tag.id == sa.orm.foreign(links.c.tag_id))

    rows: list[Rows] = [
        *(("projects", {"id": key}) for key in (1, 2)),
        ("tags", {"id": 1}),
        ("links", {"project_id": 1, "tag_id": 77}),
        ("links", {"project_id": 2, "tag_id": 1}),
    ]
    with made(database, Base.metadata, *rows) as engine:
        verdicts = [checked(engine, Project, key, "orm").deletable for key in (1, 2)]
        truths = [
            deletes(engine, Project, 1),
            deletes(engine, Project, 2),
        ]

    assert verdicts == truths == [False, True]


def test_a_link_to_an_object_of_another_class_is_no_link_to_the_orm(database: Database) -> None:
    class Base(DeclarativeBase):
        pass

    links = sa.Table(
        "links",
        Base.metadata,
        sa.Column("project_id", ForeignKey("projects.id"), primary_key=True),
        sa.Column("tag_id", ForeignKey("tags.id"), primary_key=True),
    )

    class Tag(Base):
        __tablename__ = "tags"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str] = mapped_column(sa.String(9))
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "tag"}  # noqa: RUF012 - as mapped

    class Topic(Tag):
        __mapper_args__ = {"polymorphic_identity": "topic"}  # noqa: RUF012

    class Project(Base):
        __tablename__ = "projects"
        id: Mapped[int] = mapped_column(primary_key=True)
        topics = relationship(Topic, secondary=links)

    rows: list[Rows] = [
        *(("projects", {"id": key}) for key in (1, 2)),
        ("tags", {"id": 1, "kind": "tag"}),
        ("tags", {"id": 2, "kind": "topic"}),
        ("links", {"project_id": 1, "tag_id": 1}),
        ("links", {"project_id": 2, "tag_id": 2}),
    ]
    with made(database, Base.metadata, *rows) as engine:
        verdicts = [checked(engine, Project, key, "orm").deletable for key in (1, 2)]
        truths = [
            deletes(engine, Project, 1),
            deletes(engine, Project, 2),
        ]

    assert verdicts == truths == [False, True]


@pytest.mark.parametrize("cascade", ["all", "save-update"])
@pytest.mark.parametrize("passive", [False, True])
def test_a_subclass_is_referred_by_its_base_table(database: Database, cascade: str, passive: bool) -> None:  # noqa: FBT001
    """The reference stands in the base's table, and a row of the base alone is none of the relationship's."""

    class Base(DeclarativeBase):
        pass

    class Owner(Base):
        __tablename__ = "owners"
        id: Mapped[int] = mapped_column(primary_key=True)
        specials = relationship("Special", cascade=cascade, passive_deletes=passive)

    class Item(Base):
        __tablename__ = "items"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str] = mapped_column(sa.String(9))
        owner_id: Mapped[int | None] = mapped_column(ForeignKey("owners.id"))
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "item"}  # noqa: RUF012 - as mapped

    class Special(Item):
        __tablename__ = "specials"
        id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
        __mapper_args__ = {"polymorphic_identity": "special"}  # noqa: RUF012

    keys = (1, 2, 3)
    rows: list[Rows] = [
        *(("owners", {"id": key}) for key in keys),
        ("items", {"id": 1, "kind": "item", "owner_id": 1}),
        ("items", {"id": 2, "kind": "special", "owner_id": 2}),
        ("specials", {"id": 2}),
    ]
    with made(database, Base.metadata, *rows) as engine:
        verdicts = [checked(engine, Owner, key, "orm").deletable for key in keys]
        truths = [deletes(engine, Owner, key) for key in keys]

    assert verdicts == truths == [False, not passive, True]


@pytest.mark.parametrize("lazy", ["joined", "selectin", "subquery"])
def test_eager_loading_stops_at_its_join_depth(database: Database, lazy: Any) -> None:
    """What lies deeper is left to the database: its notes go along instead of losing their page."""

    class Base(DeclarativeBase):
        pass

    class Page(Base):
        __tablename__ = "pages"
        id: Mapped[int] = mapped_column(primary_key=True)
        above_id: Mapped[int | None] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"))
        below = relationship("Page", cascade="all", passive_deletes=True, lazy=lazy, join_depth=2)
        notes = relationship("Note")

    class Note(Base):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        page_id: Mapped[int] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"))

    depths = range(1, 5)  # of the page that has the note
    rows: list[Rows] = []
    for note in depths:
        keys = [10 * note + depth for depth in depths]
        rows += [
            ("pages", {"id": key, "above_id": above}) for above, key in zip([None, *keys], keys, strict=False)
        ]
        rows.append(("notes", {"id": note, "page_id": 10 * note + note}))
    with made(database, Base.metadata, *rows) as engine:
        verdicts = [checked(engine, Page, 10 * note + 1, "orm").deletable for note in depths]
        truths = [deletes(engine, Page, 10 * note + 1) for note in depths]

    assert verdicts == truths == [False, False, False, True]


def test_an_object_is_as_it_was_loaded_first(database: Database) -> None:
    """Its JOIN loads the owner without its collection; the cascade that comes to the owner later finds it so."""

    class Base(DeclarativeBase):
        pass

    class Owner(Base):
        __tablename__ = "owners"
        id: Mapped[int] = mapped_column(primary_key=True)
        items = relationship(
            "Item", foreign_keys="Item.held_id", cascade="all", passive_deletes=True, lazy="joined"
        )

    class Item(Base):
        __tablename__ = "items"
        id: Mapped[int] = mapped_column(primary_key=True)
        held_id: Mapped[int | None] = mapped_column(ForeignKey("owners.id", ondelete="SET NULL"))
        owner_id: Mapped[int | None] = mapped_column(ForeignKey("owners.id"))
        holder = relationship(Owner, foreign_keys=held_id, lazy="joined", overlaps="items")
        owner = relationship(Owner, foreign_keys=owner_id, cascade="all")

    rows: list[Rows] = [
        ("owners", {"id": 1}),
        ("items", {"id": 1, "held_id": 1, "owner_id": 1}),
        ("items", {"id": 2, "held_id": 1}),
    ]
    with made(database, Base.metadata, *rows) as engine:
        verdict = checked(engine, Item, 1, "orm")
        with sa.orm.Session(engine) as session:
            session.delete(session.get_one(Item, 1))
            session.flush()
            left = session.scalar(sa.select(sa.func.count()).select_from(Item))
            session.rollback()

    assert verdict.deletable
    assert left == 1
    assert {(effect.table, effect.count) for effect in verdict.deleted} == {("owners", 1), ("items", 1)}


@pytest.mark.parametrize("lazy", ["dynamic", "select"])
def test_a_dynamic_collection_knows_nothing_of_its_parent(database: Database, lazy: Any) -> None:
    """Its query loads the way back eagerly, which closes a circle; a lazy load of the same would stop there."""

    class Base(DeclarativeBase):
        pass

    class Page(Base):
        __tablename__ = "pages"
        id: Mapped[int] = mapped_column(primary_key=True)
        note_id: Mapped[int | None] = mapped_column(
            ForeignKey("notes.id", ondelete="CASCADE", use_alter=True, name="of_note")
        )
        notes = relationship("Note", foreign_keys="Note.page_id", cascade="all", lazy=lazy)
        __mapper_args__ = {"confirm_deleted_rows": False}  # noqa: RUF012 - the database takes it along

    class Note(Base):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        page_id: Mapped[int | None] = mapped_column(ForeignKey("pages.id"))
        pages = relationship(Page, foreign_keys=Page.note_id, passive_deletes="all", lazy="selectin")

    rows: list[Rows] = [("pages", {"id": 1}), ("notes", {"id": 1, "page_id": 1})]
    with made(database, Base.metadata, *rows) as engine:
        with engine.begin() as connection:
            connection.execute(sa.update(Page).values(note_id=1))
        verdict = checked(engine, Page, 1, "orm")
        truth = deletes(engine, Page, 1)
        with engine.begin() as connection:
            connection.execute(sa.update(Page).values(note_id=None))

    assert verdict.deletable is truth
    # InnoDB refuses either way: it deletes the page by way of its note
    assert truth is (lazy == "select" and database.dialect != "mysql")


def test_objects_before_a_circle_are_no_part_of_it(database: Database) -> None:
    """The first row only leads to the two that refer to each other, and its DELETE is sent before the ORM gives up."""

    class Base(DeclarativeBase):
        pass

    class Person(Base):
        __tablename__ = "persons"
        id: Mapped[int] = mapped_column(primary_key=True)
        home_id: Mapped[int | None] = mapped_column(ForeignKey("homes.id", use_alter=True))
        home = relationship("Home", foreign_keys=home_id, cascade="all")

    class Home(Base):
        __tablename__ = "homes"
        id: Mapped[int] = mapped_column(primary_key=True)
        owner_id: Mapped[int | None] = mapped_column(ForeignKey("persons.id"))
        owner = relationship("Person", foreign_keys=owner_id, cascade="all")

    rows = [("persons", {"id": 1}), ("persons", {"id": 2}), ("homes", {"id": 1, "owner_id": 2})]
    with made(database, Base.metadata, *rows) as engine:
        with engine.begin() as connection:
            connection.execute(sa.update(Base.metadata.tables["persons"]).values(home_id=1))
        verdict = checked(engine, Person, 1, "orm")

        assert not deletes(engine, Person, 1)
        assert {(item.table, item.count) for item in verdict.blockers} == {("persons", 1), ("homes", 1)}


def test_a_reference_that_is_blanked_only_in_company_is_told(database: Database) -> None:
    """post_update nulls a many-to-one where the session holds its target, and only there."""

    class Base(DeclarativeBase):
        pass

    class Parent(Base):
        __tablename__ = "parents"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Child(Base):
        __tablename__ = "children"
        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int] = mapped_column(ForeignKey("parents.id"))
        parent = relationship("Parent", post_update=True)

    def in_company(session: Session) -> None:
        parent = session.get_one(Parent, 1)
        session.delete(session.get_one(Child, 1))
        session.flush()
        del parent

    rows = [("parents", {"id": 1}), ("children", {"id": 1, "parent_id": 1})]
    with made(database, Base.metadata, *rows) as engine:
        verdict = checked(engine, Child, 1, "orm")

        assert deletes(engine, Child, 1)
        assert not passes(engine, in_company)
        assert verdict.deletable
        assert verdict.depends_on_loaded == ("Child.parent",)


@pytest.mark.parametrize("how", ["orm", "sql"])
def test_a_third_level_goes_before_the_levels_above_it(database: Database, how: str) -> None:
    """Mapper.tables names the third level first, a flush deletes from it first."""

    class Base(DeclarativeBase):
        pass

    class Item(Base):
        __tablename__ = "items"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str] = mapped_column(sa.String(9))
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "item"}  # noqa: RUF012 - as mapped

    class Special(Item):
        __tablename__ = "specials"
        id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
        __mapper_args__ = {"polymorphic_identity": "special"}  # noqa: RUF012

    class Rare(Special):
        __tablename__ = "rares"
        id: Mapped[int] = mapped_column(ForeignKey("specials.id"), primary_key=True)
        __mapper_args__ = {"polymorphic_identity": "rare"}  # noqa: RUF012

    rows: list[Rows] = [("items", {"id": 1, "kind": "rare"}), ("specials", {"id": 1}), ("rares", {"id": 1})]
    with made(database, Base.metadata, *rows) as engine:
        verdict = checked(engine, Rare, 1, how)

        assert deletes(engine, Rare, 1)
        assert verdict.deletable
        assert [effect.table for effect in verdict.deleted] == ["rares", "specials", "items"]


def test_an_attribute_of_two_tables_is_nulled_in_both(database: Database) -> None:
    """The tenant of a joined subclass stands in its base's table as well, where it may not be null."""

    class Base(DeclarativeBase):
        pass

    class Project(Base):
        __tablename__ = "projects"
        id: Mapped[int] = mapped_column(primary_key=True)
        tenant_id: Mapped[int]
        specials = relationship("Special")
        __table_args__ = (sa.UniqueConstraint("tenant_id", "id"),)

    class Item(Base):
        __tablename__ = "items"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str] = mapped_column(sa.String(9))
        tenant_id: Mapped[int]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "item"}  # noqa: RUF012 - as mapped

    class Special(Item):
        __tablename__ = "specials"
        id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
        tenant_id = column_property(mapped_column("tenant_id", sa.Integer, nullable=True), Item.tenant_id)
        project_id: Mapped[int | None] = mapped_column(sa.Integer)
        __table_args__ = (
            sa.ForeignKeyConstraint(["tenant_id", "project_id"], ["projects.tenant_id", "projects.id"]),
        )
        __mapper_args__ = {"polymorphic_identity": "special"}  # noqa: RUF012

    rows: list[Rows] = [
        ("projects", {"id": 1, "tenant_id": 7}),
        ("items", {"id": 1, "kind": "special", "tenant_id": 7}),
        ("specials", {"id": 1, "tenant_id": 7, "project_id": 1}),
    ]
    with made(database, Base.metadata, *rows) as engine:
        verdict = checked(engine, Project, 1, "orm")

        assert not deletes(engine, Project, 1)

    assert [(one.table, one.columns, one.reason) for one in verdict.blockers] == [
        ("items", ("tenant_id",), Reason.NOT_NULL)
    ]


@pytest.mark.parametrize("lazy", ["selectin", "subquery", "immediate"])
def test_what_only_a_subclass_loads_at_once_is_not_loaded_by_its_base(database: Database, lazy: Any) -> None:
    """A query for the base class leaves out what takes a query of its own; immediate loading asks for each object."""

    class Base(DeclarativeBase):
        pass

    class Item(Base):
        __tablename__ = "items"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str] = mapped_column(sa.String(9))
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "item"}  # noqa: RUF012 - as mapped

    class Special(Item):
        notes = relationship("Note", lazy=lazy, passive_deletes=True)
        __mapper_args__ = {"polymorphic_identity": "special"}  # noqa: RUF012

    class Note(Base):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        item_id: Mapped[int] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"))

    rows: list[Rows] = [("items", {"id": 1, "kind": "special"}), ("notes", {"id": 1, "item_id": 1})]
    with made(database, Base.metadata, *rows) as engine:
        verdicts = [checked(engine, cls, 1, "orm").deletable for cls in (Item, Special)]
        truths = [
            deletes(engine, Item, 1),
            deletes(engine, Special, 1),
        ]

    assert verdicts == truths
    assert truths == [lazy != "immediate", False]


def test_a_query_that_meets_an_object_again_may_load_what_it_was_loaded_without(database: Database) -> None:
    """The base class's query leaves the subclass's notes out; the owner's, which joins the items, brings them along."""

    class Base(DeclarativeBase):
        pass

    class Owner(Base):
        __tablename__ = "owners"
        id: Mapped[int] = mapped_column(primary_key=True)
        items: Mapped[list[Special]] = relationship(
            cascade="all", lazy="joined", back_populates="owner", foreign_keys="Special.owner_id"
        )

    class Item(Base):
        __tablename__ = "items"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str] = mapped_column(sa.String(9))
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "item"}  # noqa: RUF012 - as mapped

    class Special(Item):
        __tablename__ = "specials"
        id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
        owner_id: Mapped[int | None] = mapped_column(ForeignKey("owners.id"))
        owner: Mapped[Owner | None] = relationship(cascade="all", back_populates="items")
        notes = relationship("Note", lazy="joined", passive_deletes=True)
        __mapper_args__ = {"polymorphic_identity": "special"}  # noqa: RUF012

    class Note(Base):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        special_id: Mapped[int | None] = mapped_column(ForeignKey("specials.id", ondelete="RESTRICT"))

    rows: list[Rows] = [
        ("owners", {"id": 1}),
        *(("items", {"id": key, "kind": "special"}) for key in (1, 2)),
        ("specials", {"id": 1, "owner_id": 1}),
        ("specials", {"id": 2}),
        *(("notes", {"id": key, "special_id": key}) for key in (1, 2)),
    ]
    with made(database, Base.metadata, *rows) as engine:
        met, alone = (checked(engine, Item, key, "orm") for key in (1, 2))
        truths = [
            deletes(engine, Item, 1),
            deletes(engine, Item, 2),
        ]

    assert truths == [True, False]
    assert met.outcome is Outcome.UNCERTAIN
    assert "Special.notes" in met.uncertain_because[0]
    assert alone.outcome is Outcome.BLOCKED


def test_an_object_that_refers_to_itself_by_less_than_the_foreign_key_is_a_circle(database: Database) -> None:
    """A key of two columns of which one is NULL refers to nothing; the mapping goes by the other alone."""

    class Base(DeclarativeBase):
        pass

    class Node(Base):
        __tablename__ = "nodes"
        id: Mapped[int] = mapped_column(primary_key=True)
        tenant: Mapped[int] = mapped_column()
        top_tenant: Mapped[int | None] = mapped_column()
        top_id: Mapped[int | None] = mapped_column()
        top = relationship("Node", primaryjoin="foreign(Node.top_id) == remote(Node.id)")
        __table_args__ = (
            sa.UniqueConstraint("tenant", "id"),
            sa.ForeignKeyConstraint(["top_tenant", "top_id"], ["nodes.tenant", "nodes.id"]),
        )

    rows: list[Rows] = [
        ("nodes", {"id": 1, "tenant": 1, "top_id": 1}),
        ("nodes", {"id": 2, "tenant": 1, "top_id": 1}),
    ]
    with made(database, Base.metadata, *rows) as engine:
        verdicts = [checked(engine, Node, key, "orm").deletable for key in (1, 2)]
        truths = [
            deletes(engine, Node, 1),
            deletes(engine, Node, 2),
        ]

    assert verdicts == truths == [False, True]


def test_a_row_may_go_with_another_before_it_loses_its_reference(database: Database) -> None:
    """Where classes go in a circle, chance decides whether an object is updated before another is deleted."""

    class Base(DeclarativeBase):
        pass

    class Page(Base):
        __tablename__ = "pages"
        id: Mapped[int] = mapped_column(primary_key=True)
        above_id: Mapped[int | None] = mapped_column(ForeignKey("pages.id"))
        note_id: Mapped[int | None] = mapped_column(ForeignKey("notes.id"))
        below = relationship("Page", cascade="all")
        notes = relationship("Note", foreign_keys="Note.page_id")

    class Note(Base):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        page_id: Mapped[int | None] = mapped_column(ForeignKey("pages.id"))
        about_id: Mapped[int | None] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"))
        pages = relationship("Page", foreign_keys="Page.note_id")

    rows: list[Rows] = [
        ("pages", {"id": 1}),
        ("pages", {"id": 2, "above_id": 1}),
        ("notes", {"id": 1, "page_id": 1, "about_id": 2}),
        ("pages", {"id": 3}),
        ("pages", {"id": 4, "above_id": 3}),
        ("notes", {"id": 2, "page_id": 3, "about_id": 3}),
    ]
    with made(database, Base.metadata, *rows) as engine:
        by_chance, certain = (checked(engine, Page, key, "orm") for key in (1, 3))
        always = [deletes(engine, Page, 3) for _ in range(20)]

    assert by_chance.uncertain_because == (LEFT_OPEN,)
    assert certain.outcome is Outcome.DELETABLE
    assert all(always)
