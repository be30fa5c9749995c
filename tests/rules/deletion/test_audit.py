"""The audit as a whole: real mappings, the place in the source, and no noise."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.ext.declarative import AbstractConcreteBase
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column, relationship

from diag_rules.deletion import Finding, Severity
from diag_rules.deletion.audit import REGISTRY, Model, audit, read_schema
from diag_rules.deletion.audit._rule import Hazard, rule


class Base(DeclarativeBase):
    pass


class Project(Base):
    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    releases: Mapped[list[Release]] = relationship(cascade="all, delete-orphan", passive_deletes=True)
    invitations: Mapped[list[Invitation]] = relationship(back_populates="project")


class Release(Base):
    __tablename__ = "releases"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)


class Invitation(Base):
    __tablename__ = "role_invitations"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    project: Mapped[Project] = relationship(back_populates="invitations")


class Observation(Base):
    __tablename__ = "release_observations"
    id: Mapped[int] = mapped_column(primary_key=True)
    related_id: Mapped[int | None] = mapped_column(ForeignKey("releases.id"), index=True)


class Corrected(DeclarativeBase):
    pass


class CleanProject(Corrected):
    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    releases: Mapped[list[CleanRelease]] = relationship(cascade="all, delete-orphan", passive_deletes=True)
    invitations: Mapped[list[CleanInvitation]] = relationship(back_populates="project", passive_deletes=True)


class CleanRelease(Corrected):
    __tablename__ = "releases"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)


class CleanInvitation(Corrected):
    __tablename__ = "role_invitations"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    project: Mapped[CleanProject] = relationship(back_populates="invitations")


class CleanObservation(Corrected):
    __tablename__ = "release_observations"
    id: Mapped[int] = mapped_column(primary_key=True)
    related_id: Mapped[int | None] = mapped_column(ForeignKey("releases.id", ondelete="SET NULL"), index=True)


class Places(DeclarativeBase):
    pass


class Team(Places):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)


class OfATeam:
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"), index=True)

    @declared_attr
    def team(self) -> Mapped[Team]:
        return relationship(Team, backref=f"{self.__tablename__}_of")  # type: ignore[attr-defined]  # of the mapped class


class Badge(OfATeam, Places):
    __tablename__ = "badges"
    id: Mapped[int] = mapped_column(primary_key=True)


class Seat(Places):
    __tablename__ = "seats"
    __table_args__ = (
        ForeignKeyConstraint(["team_id", "row"], ["rows.team_id", "rows.id"]),
        Index("seats_row", "team_id", "row"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int]
    row: Mapped[int]


class Row(Places):
    __tablename__ = "rows"
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[int] = mapped_column(primary_key=True)


class Concrete(DeclarativeBase):
    pass


class Observer(Concrete):
    __tablename__ = "observers"
    id: Mapped[int] = mapped_column(primary_key=True)
    seen: Mapped[list[Seen]] = relationship("Seen")


class Seen(AbstractConcreteBase, Concrete):
    strict_attrs = True
    id: Mapped[int] = mapped_column(primary_key=True)

    @declared_attr
    def observer_id(self) -> Mapped[int]:
        return mapped_column(ForeignKey("observers.id"), index=True)


class SeenHere(Seen):
    __tablename__ = "seen_here"
    __mapper_args__ = {"polymorphic_identity": "here", "concrete": True}  # noqa: RUF012  SQLAlchemy's spelling


class SeenThere(Seen):
    __tablename__ = "seen_there"
    __mapper_args__ = {"polymorphic_identity": "there", "concrete": True}  # noqa: RUF012  SQLAlchemy's spelling


class Parent(Concrete):
    __tablename__ = "parents"
    id: Mapped[int] = mapped_column(primary_key=True)
    reports: Mapped[list[Any]] = relationship("Report")


Report = type(
    "Report",
    (Concrete,),
    {
        "__tablename__": "reports",
        "id": mapped_column(sa.Integer, primary_key=True),
        "parent_id": mapped_column(ForeignKey("parents.id", ondelete="SET NULL")),
    },
)


def _line(of: type, text: str) -> int:
    """Return the line of this file that holds *text* first within a class."""
    source, start = inspect.getsourcelines(of)
    return start + next(number for number, line in enumerate(source) if text in line)


def _by_where(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.where: finding for finding in findings}


def test_the_bug_of_2025_is_named_with_file_line_and_fix() -> None:
    finding = _by_where(audit(Model.of(Project)))["Project.invitations"]

    assert (finding.code, finding.severity) == ("DEL001", Severity.ERROR)
    assert finding.file is not None
    assert Path(finding.file).samefile(__file__)
    assert finding.line == _line(Project, "invitations: Mapped")
    assert "passive_deletes=True" in finding.fix
    assert "role_invitations.project_id" in finding.message


def test_the_observations_behind_the_cascade_are_named_with_the_chain() -> None:
    finding = _by_where(audit(Model.of(Project)))["release_observations.related_id"]

    assert finding.code == "DEL004"
    assert "projects -> releases -> release_observations" in finding.message
    assert 'ForeignKey("releases.id", ondelete="SET NULL")' not in finding.message
    assert 'ondelete="SET NULL"' in finding.fix
    assert finding.line == _line(Observation, "related_id")


def test_nothing_else_is_said_of_the_buggy_models() -> None:
    assert {finding.code for finding in audit(Model.of(Project))} == {"DEL001", "DEL004"}


def test_the_corrected_models_are_clean() -> None:
    assert audit(Model.of(CleanProject)) == []
    assert audit(Model.of(base=Corrected)) == []


def test_without_a_subject_every_class_is_one() -> None:
    found = audit(Model.of(base=Base))

    assert {(finding.code, finding.where) for finding in found} == {
        ("DEL001", "Project.invitations"),
        ("DEL003", "release_observations.related_id"),
        ("DEL004", "release_observations.related_id"),
    } - {("DEL003", "release_observations.related_id")}


def test_a_reflected_table_has_no_place_and_no_relationships() -> None:
    found = audit(Model.of(Project.__table__))

    assert [(each.code, each.file, each.line) for each in found] == [("DEL004", None, None)]


def test_a_metadata_alone_is_audited_table_by_table() -> None:
    assert [each.code for each in audit(Model.of(base=Base.metadata))] == ["DEL004"]


def test_a_backref_is_found_where_it_is_written_even_in_a_mixin() -> None:
    finding = _by_where(audit(Model.of(Team)))["Team.badges_of"]

    assert finding.line == _line(OfATeam, "def team") or finding.line == _line(OfATeam, "@declared_attr")
    assert "backref() in Badge.team" in finding.fix


def test_a_relationship_to_concrete_classes_is_told_for_each_of_their_tables() -> None:
    found = [each for each in audit(Model.of(Observer)) if each.code == "DEL001"]

    assert [each.where for each in found] == ["Observer.seen (seen_here)", "Observer.seen (seen_there)"]
    assert "seen_here.observer_id" in found[0].message


def test_a_class_without_source_is_found_by_the_relationship_to_it() -> None:
    finding = _by_where(audit(Model.of(Parent)))["reports.parent_id"]

    assert (finding.code, finding.line) == ("DEL009", _line(Parent, "reports: Mapped"))


def test_a_composite_key_is_found_at_its_table_args() -> None:
    finding = _by_where(audit(Model.of(Team)))["seats(team_id, row)"]

    assert finding.code == "DEL004"
    assert finding.line == _line(Seat, "__table_args__")
    assert (
        'ForeignKeyConstraint(["team_id", "row"], ["rows.team_id", "rows.id"], ondelete="CASCADE")'
        in finding.fix
    )


def test_a_subject_that_is_not_mapped_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="neither a mapped class nor a Table"):
        Model.of(int)


def test_an_audit_is_the_same_twice() -> None:
    assert audit(Model.of(base=Places)) == audit(Model.of(base=Places))


def test_codes_choose_rules_and_an_unknown_one_is_refused() -> None:
    assert [each.code for each in audit(Model.of(Project), codes=["DEL004"])] == ["DEL004"]
    with pytest.raises(KeyError):
        audit(Model.of(Project), codes=["DEL999"])


def test_a_rule_without_its_headings_or_with_a_used_code_is_refused() -> None:
    def bare(model: Model) -> Iterator[Hazard]:
        """Say nothing of why."""
        yield from ()

    with pytest.raises(ValueError, match="headings"):
        rule("DEL998", "bare", Severity.NOTE)(bare)
    with pytest.raises(ValueError, match="in use"):
        rule("DEL001", "other", Severity.NOTE)(REGISTRY["DEL001"].check)
    assert "DEL998" not in REGISTRY


def test_what_a_database_says_beats_what_the_mapping_says(database: Any) -> None:
    """A mapping that promises ON DELETE CASCADE is no help where the table was made without it."""
    truth = sa.MetaData()
    sa.Table("projects", truth, sa.Column("id", sa.Integer, primary_key=True))
    for name, parent in (
        ("releases", "projects"),
        ("role_invitations", "projects"),
        ("release_observations", "releases"),
    ):
        column = "related_id" if name == "release_observations" else "project_id"
        sa.Table(
            name,
            truth,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column(column, sa.ForeignKey(f"{parent}.id"), index=True),
        )
    engine = database.engine()
    truth.create_all(engine)

    with engine.connect() as connection:
        schema = read_schema(connection)
    found = _by_where(audit(Model.of(CleanProject, schema=schema)))

    assert found["CleanProject.invitations"].code == "DEL005"
    assert found["CleanProject.releases"].code == "DEL005"
    assert found["role_invitations.project_id"].code == "DEL016"


@pytest.mark.only("sqlite")
def test_foreign_keys_that_are_off_are_said_once(database: Any) -> None:
    engine = sa.create_engine(database.url)
    Corrected.metadata.create_all(engine)
    with engine.connect() as connection:
        schema = read_schema(connection)
    engine.dispose()

    assert [each.code for each in audit(Model.of(CleanProject, schema=schema))] == ["DEL014"]


def test_a_schema_of_77_tables_takes_less_than_a_second() -> None:
    metadata = sa.MetaData()
    sa.Table("t0", metadata, sa.Column("id", sa.Integer, primary_key=True))
    for number in range(1, 77):
        parents = {number // 2, number // 3, number - 1}
        columns: list[sa.Column[Any]] = [
            sa.Column(
                f"up{parent}", sa.ForeignKey(f"t{parent}.id", ondelete="CASCADE" if parent % 2 else None)
            )
            for parent in sorted(parents)
        ]
        sa.Table(f"t{number}", metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)

    start = time.perf_counter()
    found = audit(Model.of(metadata.tables["t0"]))
    duration = time.perf_counter() - start

    assert found
    assert duration < 1


def test_the_dialect_decides_what_a_diamond_is_worth() -> None:
    model = Model.of(Team)
    by_dialect = {
        dialect: [each.code for each in audit(replace(model, schema=replace(model.schema, dialect=dialect)))]
        for dialect in ("postgresql", "sqlite", "mysql")
    }

    assert by_dialect["postgresql"] == by_dialect["sqlite"]
