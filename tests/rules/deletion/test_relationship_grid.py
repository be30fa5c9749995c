"""Every way to configure a relationship, against what ``session.delete()`` then really does."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.orm import DeclarativeBase, Session, relationship

from conftest import Database
from diag_rules.deletion import DeletionRules, Outcome

FEW = int(os.environ.get("DIAG_CONFIGURATIONS", "60"))  # on servers; SQLite takes them all
ACTIONS = (None, "CASCADE", "SET NULL", "RESTRICT")
CASCADE = "all, delete"
PARENT_SIDE: tuple[dict[str, Any] | None, ...] = (
    None,
    {},
    {"passive_deletes": True},
    {"passive_deletes": "all"},
    {"cascade": CASCADE},
    {"cascade": "all, delete-orphan"},
    {"cascade": "save-update, merge, expunge"},
    {"cascade": CASCADE, "passive_deletes": True},
    {"cascade": "all, delete-orphan", "passive_deletes": True},
    {"viewonly": True},
    {"uselist": False},
    {"uselist": False, "cascade": CASCADE},
    {"uselist": False, "passive_deletes": True},
    {"backref": "parent"},
    {"backref": "parent", "cascade": CASCADE},
    {"lazy": "dynamic"},
    {"lazy": "dynamic", "cascade": "all, delete-orphan", "passive_deletes": True},
    {"lazy": "write_only"},
    {"lazy": "write_only", "passive_deletes": True},
    {"lazy": "write_only", "cascade": "all, delete-orphan", "passive_deletes": True},
    {"lazy": "selectin", "passive_deletes": True},
    {"lazy": "selectin", "cascade": CASCADE, "passive_deletes": True},
    {"lazy": "joined", "passive_deletes": True},
    {"lazy": "raise"},
    {"lazy": "raise", "cascade": CASCADE},
    {"post_update": True},
    {"post_update": True, "cascade": CASCADE},
)
CHILD_SIDE: tuple[dict[str, Any], ...] = ({}, {"cascade": CASCADE}, {"passive_deletes": True})
COLUMNS = ("nullable", "not null", "primary key")

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # odd configurations warn


@dataclass(frozen=True)
class Configuration:
    """One foreign key and the relationships over it."""

    action: str | None
    column: str
    parent: dict[str, Any] | None
    child: dict[str, Any] | None = None


def configurations() -> Iterator[Configuration]:
    for action, column in itertools.product(ACTIONS, COLUMNS):
        for parent in PARENT_SIDE:
            yield Configuration(action, column, parent)
        for child in CHILD_SIDE:
            yield Configuration(action, column, None, child)


GRID = tuple(configurations())


def test_there_are_more_than_three_hundred() -> None:
    assert len(GRID) >= 300


@pytest.mark.timeout(600)
def test_a_session_delete_does_what_was_predicted(database: Database) -> None:
    chosen = GRID if database.name == "sqlite" else random.Random(FEW).sample(GRID, FEW)

    wrong = [problem for each in chosen for problem in problems(database, each)]

    assert wrong == []


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_session_delete_does_what_was_predicted_everywhere(database: Database) -> None:
    assert [problem for each in GRID for problem in problems(database, each)] == []


def problems(database: Database, configuration: Configuration) -> Iterator[str]:
    """Where prediction and outcome differ: for parents of two children, of one, and of none."""
    if unheard_of(database.dialect, configuration):
        return
    engine = database.engine()
    parent = mapped(configuration)
    with engine.begin() as connection:
        parent.metadata.create_all(connection)
        for table in parent.metadata.sorted_tables:
            connection.execute(table.insert(), ROWS[table.name])
    try:
        yield from compared(engine, configuration, parent)
    finally:
        with engine.begin() as connection:
            parent.metadata.drop_all(connection)
        engine.dispose()
        parent.registry.dispose()


def unheard_of(dialect: str, configuration: Configuration) -> bool:
    """InnoDB refuses SET NULL over a column that can't be null when the table is made."""
    return dialect == "mysql" and configuration.action == "SET NULL" and configuration.column != "nullable"


ROWS = {
    "parent": [{"id": 1}, {"id": 2}, {"id": 3}],
    "child": [{"id": 1, "parent_id": 1}, {"id": 2, "parent_id": 1}, {"id": 3, "parent_id": 2}],
}


def mapped(configuration: Configuration) -> Any:
    """The parent's class."""

    class Base(DeclarativeBase):
        pass

    key = configuration.column == "primary key"
    child: dict[str, Any] = {
        "__tablename__": "child",
        "id": sa.Column(sa.Integer, primary_key=True, autoincrement=False),
        "parent_id": sa.Column(
            sa.ForeignKey("parent.id", ondelete=configuration.action, name="child_parent_id_fkey"),
            primary_key=key,
            nullable=configuration.column == "nullable",
        ),
    }
    if configuration.child is not None:
        child["parent"] = relationship("Parent", **configuration.child)
    parent: dict[str, Any] = {
        "__tablename__": "parent",
        "id": sa.Column(sa.Integer, primary_key=True, autoincrement=False),
    }
    child_class = type("Child", (Base,), child)
    if configuration.parent is not None:
        parent["children"] = relationship(child_class, **configuration.parent)
    made = type("Parent", (Base,), parent)
    made.kept = child_class  # type: ignore[attr-defined]  # a class that nobody holds is forgotten by its registry
    return made


def compared(engine: Engine, configuration: Configuration, parent: Any) -> Iterator[str]:
    rules = DeletionRules(parent)
    for row in ROWS["parent"]:
        with engine.connect() as connection:
            verdict = rules.check(connection, row["id"], how="orm")
        refusal, children_left = really_deleted(engine, parent, row["id"])
        expected = Outcome.BLOCKED if refusal else Outcome.DELETABLE
        if verdict.outcome is not expected:
            yield f"{configuration}, parent {row['id']}: said {verdict.outcome}, but {refusal or 'it passed'}"
        elif not refusal and goes(verdict.deleted) != children(row["id"]) - children_left:
            yield f"{configuration}, parent {row['id']}: said {verdict.deleted}, but {children_left} children are left"


def goes(effects: Any) -> int:
    return sum(effect.count for effect in effects if effect.table == "child")


def children(key: int) -> int:
    return sum(row["parent_id"] == key for row in ROWS["child"])


def really_deleted(engine: Engine, parent: Any, key: int) -> tuple[str, int]:
    """What refused, or nothing, and how many of the key's children are left; all of it is rolled back."""
    with Session(engine) as session:
        gone = len(ROWS["child"]) - children(key)
        try:
            session.delete(session.get_one(parent, key))
            session.flush()
            if engine.dialect.name == "postgresql":
                session.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
            return "", session.scalar(sa.text("SELECT count(*) FROM child")) - gone
        except Exception as refused:  # noqa: BLE001 - whatever refuses, the prediction has to say so
            return f"{type(refused).__name__}: {str(refused)[:120]}", 0
        finally:
            session.rollback()
