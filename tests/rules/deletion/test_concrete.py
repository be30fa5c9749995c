"""Relationships to the base of concrete classes, each with a table of its own, against what really happens."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.declarative import AbstractConcreteBase, ConcreteBase
from sqlalchemy.orm import DeclarativeBase, Session, configure_mappers, relationship

from conftest import Database
from diag_rules.deletion import DeletionRules, Outcome, Reason

ACTIONS = (None, "CASCADE")
LOOSE: dict[str, Any] = {}
OWNED: dict[str, Any] = {"cascade": "all, delete"}
LEFT: dict[str, Any] = {"passive_deletes": True}
CONFIGURATIONS = [
    (abstract, nullable, action, options)
    for abstract in (True, False)
    for nullable in (True, False)
    for action in ACTIONS
    for options in (LOOSE, OWNED, LEFT)
]
ROWS = {
    "observers": [{"id": key} for key in (1, 2, 3, 4)],
    "observations": [{"id": 1, "observer_id": 4}],
    "project_observations": [{"id": 1, "observer_id": 1}, {"id": 2, "observer_id": 2}],
    "release_observations": [{"id": 1, "observer_id": 1}, {"id": 3, "observer_id": 1}],
}


def mapped(*, abstract: bool, nullable: bool, action: str | None, options: dict[str, Any]) -> Any:
    """Observers, and observations of projects and releases; the tables share keys."""

    class Base(DeclarativeBase):
        pass

    def columns() -> dict[str, Any]:
        return {
            "id": sa.Column(sa.Integer, primary_key=True, autoincrement=False),
            "observer_id": sa.Column(sa.ForeignKey("observers.id", ondelete=action), nullable=nullable),
        }

    kind: Any = AbstractConcreteBase if abstract else ConcreteBase
    body: dict[str, Any] = {"__mapper_args__": {"polymorphic_identity": "any"}}
    if abstract:
        body["observer_id"] = columns()["observer_id"]
    else:
        body |= {"__tablename__": "observations", **columns()}
    observation = type("Observation", (kind, Base), body)
    kept = [observation]
    for name in ("project", "release"):
        own = {"__tablename__": f"{name}_observations", **columns()}
        own["__mapper_args__"] = {"polymorphic_identity": name, "concrete": True}
        kept.append(type(f"{name.title()}Observation", (observation,), own))

    class Observer(Base):
        __tablename__ = "observers"
        id = sa.Column(sa.Integer, primary_key=True, autoincrement=False)
        observations = relationship(observation, **options)

    Observer.kept = kept  # a class that nobody holds is forgotten by its registry
    configure_mappers()
    return Observer


@pytest.fixture(params=CONFIGURATIONS, ids=str)
def observer(request: pytest.FixtureRequest) -> Any:
    abstract, nullable, action, options = request.param
    return mapped(abstract=abstract, nullable=nullable, action=action, options=options)


def filled(engine: sa.Engine, observer: Any) -> None:
    observer.metadata.create_all(engine)
    with engine.begin() as connection:
        for table in observer.metadata.sorted_tables:
            connection.execute(table.insert(), ROWS[table.name])


@pytest.mark.only("sqlite", "postgresql")
@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
def test_a_relationship_to_concrete_classes_is_followed_into_each_table(
    database: Database, observer: Any
) -> None:
    engine = database.engine()
    filled(engine, observer)
    rules = DeletionRules(observer)
    for row in ROWS["observers"]:
        with engine.connect() as connection:
            verdict = rules.check(connection, row["id"])
        with Session(engine) as session:
            session.delete(session.get_one(observer, row["id"]))
            try:
                session.flush()
                expected = Outcome.DELETABLE
            except (sa.exc.IntegrityError, AssertionError):
                expected = Outcome.BLOCKED
        assert (verdict.outcome, verdict.uncertain_because) == (expected, ()), row


def test_the_rows_of_each_table_are_blockers_of_their_own(database: Database) -> None:
    engine = database.engine()
    observer = mapped(abstract=True, nullable=False, action=None, options=LOOSE)
    filled(engine, observer)
    with engine.connect() as connection:
        verdict = DeletionRules(observer).check(connection, 1)

    assert {(each.table, each.count, each.reason, each.relationship) for each in verdict.blockers} == {
        ("project_observations", 1, Reason.NOT_NULL, "Observer.observations"),
        ("release_observations", 2, Reason.NOT_NULL, "Observer.observations"),
    }
