"""What holds the rows that block is named as well, in the order in which it can be cleared, and cleared where policy lets it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from conftest import Database
from diag_rules.deletion import DeletionRefused, DeletionRules
from diag_rules.deletion._verdict import mark_of

METADATA = sa.MetaData()


def child(name: str, parent: str, ondelete: str | None = None) -> sa.Table:
    return sa.Table(
        name,
        METADATA,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("up", sa.Integer, sa.ForeignKey(f"{parent}.id", ondelete=ondelete), nullable=False),
    )


PROJECTS = sa.Table("projects", METADATA, sa.Column("id", sa.Integer, primary_key=True, autoincrement=False))
AUDITS = child("audits", "projects")
NOTES = child("notes", "audits")
READERS = child("readers", "notes")
PAGES = child("pages", "notes", "CASCADE")
MARKS = child("marks", "pages")
CLEARS = {
    "relation": [
        {"table": name, "columns": ["up"], "remedy": "delete", "automatic": True}
        for name in ("audits", "notes", "readers", "marks")
    ]
}
ROWS: dict[sa.Table, list[tuple[int, int]]] = {
    AUDITS: [(1, 1), (2, 1), (3, 2)],
    NOTES: [(1, 1), (2, 1), (3, 3)],
    READERS: [(1, 2), (2, 3)],
    PAGES: [(1, 1), (2, 3)],
    MARKS: [(1, 1), (2, 1), (3, 2)],
}


@pytest.fixture
def engine(database: Database) -> sa.Engine:
    engine = database.engine()
    METADATA.create_all(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(PROJECTS), [{"id": 1}, {"id": 2}, {"id": 3}])
        for table, rows in ROWS.items():
            connection.execute(sa.insert(table), [{"id": key, "up": up} for key, up in rows])
    return engine


@pytest.mark.parametrize("cap", [None, 1_000])
def test_what_holds_a_blocker_is_named_in_the_order_of_clearing(engine: sa.Engine, cap: int | None) -> None:
    """Deleting the rows in that order, and the blockers then, lets the subject go; each of them is needed."""
    with engine.connect() as connection:
        verdict = DeletionRules(PROJECTS).check(connection, 1, "sql", cap=cap)

    assert [(each.table, each.count) for each in verdict.blockers] == [("audits", 2)]
    assert {(each.table, each.count, each.path) for each in verdict.clear_first} == {
        ("readers", 1, ("projects", "audits", "notes", "readers")),
        ("marks", 2, ("projects", "audits", "notes", "pages", "marks")),
        ("notes", 2, ("projects", "audits", "notes")),
    }
    assert verdict.clear_first[-1].table == "notes"
    assert all(str(each.count) in each.hint for each in verdict.clear_first)


def test_a_subject_that_nothing_blocks_has_nothing_to_clear_first(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        verdict = DeletionRules(PROJECTS).check(connection, 3, "sql")

    assert verdict.deletable
    assert verdict.clear_first == ()


def test_the_safe_delete_clears_blockers_from_the_far_end(engine: sa.Engine) -> None:
    """Other subjects' rows stay."""
    with Session(engine) as session:
        verdict = DeletionRules(PROJECTS, CLEARS).delete(session, 1, how="sql")
        session.commit()
        left = {table.name: session.scalars(sa.select(table.c.id)).all() for table in ROWS}

    assert [(each.table, each.count) for each in verdict.done[:5]] in (
        [("readers", 1), ("marks", 2), ("notes", 2), ("pages", 1), ("audits", 2)],
        [("marks", 2), ("readers", 1), ("notes", 2), ("pages", 1), ("audits", 2)],
    )
    assert left == {"audits": [3], "notes": [3], "readers": [2], "pages": [2], "marks": [3]}


def test_a_policy_that_clears_the_blocker_alone_is_refused_with_what_holds_it(engine: sa.Engine) -> None:
    """Nothing is lost, and the refusal says what to clear first."""
    policy = {"relation": CLEARS["relation"][:1]}
    with Session(engine) as session:
        with pytest.raises(DeletionRefused) as refused:
            DeletionRules(PROJECTS, policy).delete(session, 1, how="sql")
        kept = session.scalar(sa.select(sa.func.count()).select_from(AUDITS))

    assert [each.table for each in refused.value.verdict.clear_first][-1] == "notes"
    assert kept == 3


def test_a_blocker_that_is_only_detached_is_held_by_nobody(database: Database) -> None:
    """Its rows stay where they are, so what refers to them may stay as well."""
    metadata = sa.MetaData()
    subjects = sa.Table("subjects", metadata, sa.Column("id", sa.Integer, primary_key=True))
    loose = sa.Table(
        "loose",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("up", sa.Integer, sa.ForeignKey("subjects.id")),
    )
    below = sa.Table(
        "below",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("up", sa.Integer, sa.ForeignKey("loose.id")),
    )
    policy = {"relation": [{"table": "loose", "columns": ["up"], "remedy": "detach", "automatic": True}]}
    engine = database.engine()
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(subjects), {"id": 1})
        connection.execute(sa.insert(loose), {"id": 1, "up": 1})
        connection.execute(sa.insert(below), {"id": 1, "up": 1})

    with engine.connect() as connection:
        verdict = DeletionRules(subjects, policy).check(connection, 1, "sql")
    with Session(engine) as session:
        DeletionRules(subjects, policy).delete(session, 1, how="sql")

    assert [each.table for each in verdict.blockers] == ["loose"]
    assert verdict.clear_first == ()


@pytest.fixture
def mutual(database: Database) -> DeletionRules:
    """Owner 1 prefers project 1, and a project goes with its owner."""
    metadata = sa.MetaData()
    projects = sa.Table(
        "projects",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("owner_id", sa.ForeignKey("owners.id", ondelete="CASCADE", name="owned", use_alter=True)),
    )
    owners = sa.Table(
        "owners",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("project_id", sa.ForeignKey("projects.id")),
    )
    engine = database.engine()
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(projects), [{"id": 1}, {"id": 2}])
        connection.execute(sa.insert(owners), [{"id": 1, "project_id": 1}])
        connection.execute(sa.update(projects).values(owner_id=1))
    return DeletionRules(projects, {"relation": [{"table": "owners", "remedy": "delete", "automatic": True}]})


@pytest.mark.only("sqlite", "postgresql", "postgresql15")  # InnoDB refuses to come back to the first table
def test_a_subject_that_goes_with_what_was_in_its_way_is_deleted(
    mutual: DeletionRules, database: Database
) -> None:
    """The report names what else went with it."""
    with Session(database.engine()) as session:
        verdict = mutual.delete(session, 1, how="sql")

    assert verdict.deletable
    assert {(each.table, each.count) for each in verdict.done} == {("owners", 1), ("projects", 2)}


@pytest.mark.only("sqlite", "postgresql", "postgresql15")
def test_what_would_take_the_subject_along_is_not_cleared_alone(
    mutual: DeletionRules, database: Database
) -> None:
    with Session(database.engine()) as session:
        (blocker,) = mutual.check(session.connection(), 1, "sql").blockers
        with pytest.raises(DeletionRefused, match="takes its own rows along"):
            mutual.clear(session, 1, mark_of(blocker), how="sql")

        assert mutual.check(session.connection(), 1, "sql").blockers == (blocker,)


def test_a_row_that_another_of_its_own_table_holds_is_cleared_after_it(database: Database) -> None:
    """A reply blocks nothing itself, and may wait for COMMIT: nothing would tell of it before."""
    metadata = sa.MetaData()
    projects = sa.Table("projects", metadata, sa.Column("id", sa.Integer, primary_key=True))
    late = None if database.dialect == "mysql" else True
    comments = sa.Table(
        "comments",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("project_id", sa.ForeignKey("projects.id")),
        sa.Column(
            "reply_to", sa.ForeignKey("comments.id", deferrable=late, initially="DEFERRED" if late else None)
        ),
    )
    engine = database.engine()
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(projects), [{"id": 1}])
        connection.execute(sa.insert(comments), [{"id": 1, "project_id": 1, "reply_to": None}])
        connection.execute(sa.insert(comments), [{"id": 2, "project_id": None, "reply_to": 1}])

    with engine.connect() as connection:
        verdict = DeletionRules(projects).check(connection, 1, "sql")
    own = {"table": "comments", "columns": ["project_id"], "remedy": "delete", "automatic": True}
    replies = {"table": "comments", "columns": ["reply_to"], "remedy": "delete", "automatic": True}
    with Session(engine) as session, pytest.raises(DeletionRefused) as refused:
        DeletionRules(projects, {"relation": [own]}).delete(session, 1, how="sql")
    with Session(engine) as session:
        DeletionRules(projects, {"relation": [own, replies]}).delete(session, 1, how="sql")
        session.commit()
    with engine.connect() as connection:
        left = [
            connection.scalar(sa.select(sa.func.count()).select_from(each)) for each in (projects, comments)
        ]

    assert [(each.columns, each.count) for each in verdict.clear_first] == [(("reply_to",), 1)]
    assert [each.columns for each in refused.value.verdict.clear_first] == [("reply_to",)]
    assert left == [0, 0]


def test_clearing_leaves_no_half_of_an_object_behind(database: Database) -> None:
    """What refers is a subclass's row; without it no session could load what the base's table has."""

    class Base(DeclarativeBase):
        pass

    class Item(Base):
        __tablename__ = "items"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str] = mapped_column(sa.String(9))
        top_id: Mapped[int | None] = mapped_column(sa.ForeignKey("items.id"))
        below = relationship("Item")
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "item"}  # noqa: RUF012 - as mapped

    class Special(Item):
        __tablename__ = "specials"
        id: Mapped[int] = mapped_column(sa.ForeignKey("items.id"), primary_key=True)
        item_id: Mapped[int] = mapped_column(sa.ForeignKey("items.id"))
        item = relationship(Item, foreign_keys=item_id)
        __mapper_args__ = {  # noqa: RUF012
            "polymorphic_identity": "special",
            "inherit_condition": id == Item.id,  # noqa: A003 - the column
        }

    engine = database.engine()
    Base.metadata.create_all(engine)
    tables = Base.metadata.tables
    with engine.begin() as connection:
        connection.execute(sa.insert(tables["items"]), [{"id": 1, "kind": "item", "top_id": None}])
        connection.execute(sa.insert(tables["items"]), [{"id": 2, "kind": "special", "top_id": 1}])
        connection.execute(sa.insert(tables["specials"]), [{"id": 2, "item_id": 1}])
    policy = {
        "relation": [{"table": "specials", "columns": ["item_id"], "remedy": "delete", "automatic": True}]
    }

    with Session(engine) as session:
        report = DeletionRules(Item, policy).delete(session, 1, how="orm")
        session.commit()
    with engine.connect() as connection:
        left = [connection.scalar(sa.select(sa.func.count()).select_from(each)) for each in tables.values()]

    assert [(each.table, each.count) for each in report.done] == [("specials", 1), ("items", 1), ("items", 1)]
    assert left == [0, 0]
