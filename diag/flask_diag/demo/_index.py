"""What the pages ask the index for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from .models import Project, Release, ReleaseObservation, RoleInvitation

PAGE = 25


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the projects that match a search.

    Attributes:
        rows: name, summary and version of the latest release; at most `PAGE`.
        total: how many match in all.
        number: this page's number, from 1.
        pages: how many pages there are, at least 1.
    """

    rows: tuple[Any, ...]
    total: int
    number: int
    pages: int


def normalize(name: str) -> str:
    """Spell a project's name as PEP 503 does: ``Sample_Project`` is ``sample-project``."""
    return re.sub(r"[-_.]+", "-", name).lower()


def find_project(session: Session, name: str) -> Project | None:
    """Load a project by its name, in any spelling; its collections stay unloaded."""
    return session.scalar(select(Project).where(Project.normalized_name == normalize(name)))


def list_projects(session: Session, search: str, number: int) -> Listing:
    """List the projects whose name holds *search*; a page out of range becomes the nearest one."""
    match = Project.normalized_name.contains(normalize(search.strip()), autoescape=True)
    total = session.scalar(select(func.count()).where(match)) or 0
    pages = max(1, -(-total // PAGE))
    number = min(max(number, 1), pages)
    statement = select(Project.name, _latest(Release.summary), _latest(Release.version)).where(match)
    statement = statement.order_by(Project.normalized_name).offset((number - 1) * PAGE).limit(PAGE)
    return Listing(tuple(session.execute(statement)), total, number, pages)


def _latest(column: Any) -> ColumnElement[str]:
    """*column* of a project's latest release."""
    newest: Select[tuple[str]] = select(column).where(Release.project_id == Project.id)
    return (
        newest.order_by(Release.created.desc())
        .limit(1)
        .correlate(Project)
        .scalar_subquery()
        .label(column.key)
    )


def find_invitation(session: Session, project: Project, key: UUID) -> RoleInvitation | None:
    """Load one of *project*'s invitations."""
    mine = RoleInvitation.project_id == project.id
    return session.scalar(select(RoleInvitation).where(RoleInvitation.id == key, mine))


def open_reports(session: Session, project: Project) -> list[ReleaseObservation]:
    """Load the reports about *project*'s releases, the latest first."""
    statement = select(ReleaseObservation).join(Release, ReleaseObservation.related_id == Release.id)
    statement = statement.where(Release.project_id == project.id)
    return list(session.scalars(statement.order_by(ReleaseObservation.created.desc())))
