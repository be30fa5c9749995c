"""A package index in the shape of PyPI's, with the two mistakes that broke its deletions.

Tables, keys and actions follow pypi/warehouse at 6b6215712 (read 2026-08-21), cut to what a deletion meets. Its two mistakes
are kept on purpose, and everything else is clean:

* ``Project.invitations`` lacks ``passive_deletes=True``, so the ORM nulls a NOT NULL column (pypi/warehouse#17751);
* ``release_observations.related_id`` has no ON DELETE, behind the cascade that removes a project's releases.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID, uuid4

from sqlalchemy import Enum, ForeignKey, MetaData, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

Key = Annotated[UUID, mapped_column(primary_key=True, default=uuid4)]
Name = Annotated[str, mapped_column(String(100))]
Line = Annotated[str, mapped_column(String(300))]


class Base(DeclarativeBase):
    """Names each constraint as PostgreSQL would, on every database."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "fk": "%(table_name)s_%(column_0_name)s_fkey",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ix": "%(table_name)s_%(column_0_name)s_idx",
        }
    )


class InvitationStatus(StrEnum):
    """Where an invitation stands; an accepted one becomes a role."""

    PENDING = "pending"
    EXPIRED = "expired"


def _status() -> Enum:
    """The status as plain text in every database."""
    return Enum(
        InvitationStatus,
        native_enum=False,
        create_constraint=False,
        length=10,
        values_callable=lambda status: [member.value for member in status],
    )


class User(Base):
    """Somebody with an account."""

    __tablename__ = "users"

    id: Mapped[Key]
    username: Mapped[Name] = mapped_column(unique=True)
    name: Mapped[Name]
    date_joined: Mapped[datetime]


class Project(Base):
    """A project, which owns everything that is published under its name."""

    __tablename__ = "projects"

    id: Mapped[Key]
    name: Mapped[Name]
    normalized_name: Mapped[Name] = mapped_column(unique=True)
    created: Mapped[datetime]

    releases: Mapped[list[Release]] = relationship(
        back_populates="project",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="Release.created.desc()",
    )
    roles: Mapped[list[Role]] = relationship(
        back_populates="project", cascade="all, delete-orphan", passive_deletes=True
    )
    # As it was until pypi/warehouse#17819, which added passive_deletes=True.
    invitations: Mapped[list[RoleInvitation]] = relationship(back_populates="project")
    organization: Mapped[OrganizationProject | None] = relationship(
        back_populates="project", cascade="all, delete-orphan", passive_deletes=True
    )
    team_roles: Mapped[list[TeamProjectRole]] = relationship(
        back_populates="project", cascade="all, delete-orphan", passive_deletes=True
    )
    observations: Mapped[list[ProjectObservation]] = relationship(
        back_populates="related", passive_deletes=True
    )
    events: Mapped[list[ProjectEvent]] = relationship(
        back_populates="source", cascade="all, delete-orphan", passive_deletes=True
    )


class Release(Base):
    """One version of a project."""

    __tablename__ = "releases"
    __table_args__ = (UniqueConstraint("project_id", "version"),)

    id: Mapped[Key]
    project_id: Mapped[UUID] = mapped_column(
        ForeignKey("projects.id", onupdate="CASCADE", ondelete="CASCADE")
    )
    uploader_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    version: Mapped[Name]
    summary: Mapped[Line]
    created: Mapped[datetime]

    project: Mapped[Project] = relationship(back_populates="releases")
    files: Mapped[list[File]] = relationship(
        back_populates="release", cascade="all, delete-orphan", passive_deletes=True
    )
    observations: Mapped[list[ReleaseObservation]] = relationship(back_populates="related")


class File(Base):
    """A file that was uploaded for a release."""

    __tablename__ = "release_files"

    id: Mapped[Key]
    release_id: Mapped[UUID] = mapped_column(ForeignKey("releases.id", ondelete="CASCADE"), index=True)
    filename: Mapped[Line] = mapped_column(unique=True)
    packagetype: Mapped[Name]
    size: Mapped[int]
    upload_time: Mapped[datetime]

    release: Mapped[Release] = relationship(back_populates="files")


class Role(Base):
    """What a collaborator may do: ``Owner`` or ``Maintainer``."""

    __tablename__ = "roles"
    __table_args__ = (UniqueConstraint("user_id", "project_id"),)

    id: Mapped[Key]
    role_name: Mapped[Name]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)
    project: Mapped[Project] = relationship(back_populates="roles")


class RoleInvitation(Base):
    """An invitation to collaborate that was not accepted, or not yet."""

    __tablename__ = "role_invitations"
    __table_args__ = (UniqueConstraint("user_id", "project_id"),)

    id: Mapped[Key]
    invite_status: Mapped[InvitationStatus] = mapped_column(_status())
    invited: Mapped[datetime]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)
    project: Mapped[Project] = relationship(back_populates="invitations")


class Organization(Base):
    """A company or a community that holds projects."""

    __tablename__ = "organizations"

    id: Mapped[Key]
    name: Mapped[Name] = mapped_column(unique=True)
    display_name: Mapped[Name]

    projects: Mapped[list[OrganizationProject]] = relationship(
        back_populates="organization", cascade="all, delete-orphan", passive_deletes=True
    )
    teams: Mapped[list[Team]] = relationship(
        back_populates="organization", cascade="all, delete-orphan", passive_deletes=True
    )


class OrganizationProject(Base):
    """That a project belongs to an organization; to one at most."""

    __tablename__ = "organization_projects"

    id: Mapped[Key]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE"), index=True
    )
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), unique=True)

    organization: Mapped[Organization] = relationship(
        back_populates="projects", lazy="joined", innerjoin=True
    )
    project: Mapped[Project] = relationship(back_populates="organization")


class Team(Base):
    """Some members of an organization."""

    __tablename__ = "teams"
    __table_args__ = (UniqueConstraint("organization_id", "name"),)

    id: Mapped[Key]
    name: Mapped[Name]
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))

    organization: Mapped[Organization] = relationship(back_populates="teams", lazy="joined", innerjoin=True)
    project_roles: Mapped[list[TeamProjectRole]] = relationship(
        back_populates="team", cascade="all, delete-orphan", passive_deletes=True
    )


class TeamProjectRole(Base):
    """What a team may do in a project."""

    __tablename__ = "team_project_roles"
    __table_args__ = (UniqueConstraint("team_id", "project_id"),)

    id: Mapped[Key]
    role_name: Mapped[Name]
    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"))
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)

    team: Mapped[Team] = relationship(back_populates="project_roles", lazy="joined", innerjoin=True)
    project: Mapped[Project] = relationship(back_populates="team_roles")


class ProjectObservation(Base):
    """What somebody reported about a project; the report outlives the project."""

    __tablename__ = "project_observations"

    id: Mapped[Key]
    related_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("projects.id", ondelete="SET NULL"), index=True
    )
    related_name: Mapped[Line]
    kind: Mapped[Name]
    summary: Mapped[Line]
    created: Mapped[datetime]

    related: Mapped[Project | None] = relationship(back_populates="observations")


class ReleaseObservation(Base):
    """What somebody reported about a release; the report outlives the release."""

    __tablename__ = "release_observations"

    id: Mapped[Key]
    # As it is at pypi/warehouse: no ON DELETE, though the database itself deletes releases with their project.
    related_id: Mapped[UUID | None] = mapped_column(ForeignKey("releases.id"), index=True)
    related_name: Mapped[Line]
    kind: Mapped[Name]
    summary: Mapped[Line]
    created: Mapped[datetime]

    related: Mapped[Release | None] = relationship(back_populates="observations")


class ProjectEvent(Base):
    """Something that happened to a project."""

    __tablename__ = "project_events"

    id: Mapped[Key]
    source_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    tag: Mapped[Name]
    time: Mapped[datetime]

    source: Mapped[Project] = relationship(back_populates="events")
