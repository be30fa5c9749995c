"""The models of the examples: a project, and releases that keep it."""

from __future__ import annotations

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The base of the models."""


db = SQLAlchemy(model_class=Base)


class Project(db.Model):
    """What is deleted. Its constraint has words of its own for whoever breaks it."""

    __tablename__ = "projects"
    __table_args__ = (
        UniqueConstraint(
            "name", name="uq_projects_name", info={"diag_message": "That project name is taken."}
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))


class Release(db.Model):
    """What keeps it: a release has a project, and the database insists."""

    __tablename__ = "releases"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))


def make_tables() -> None:
    """Make the tables, and a project with two releases."""
    db.create_all()
    db.session.add(Project(id=1, name="sampleproject"))
    db.session.flush()
    db.session.add_all([Release(project_id=1), Release(project_id=1)])
    db.session.commit()
