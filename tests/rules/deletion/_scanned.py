"""Projects to scan: two relations block at once, one behind a cascade, and business rules block and warn."""

from __future__ import annotations

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

MADE = dt.datetime(2026, 1, 1, 12, 0, 0)  # noqa: DTZ001 - the column has no zone
POLICY = """
[[relation]]
of = "Project.invitations"
when = "status == 'pending'"
name = { en = { one = "pending invitation", other = "pending invitations" }, zh = "待处理邀请" }
link = "/projects/{name}/collaboration/{key}"
remedy = "delete"

[[relation]]
table = "moves"
hint = "cancel {count} moves of {name}"

[[rule]]
name = "legal-hold"
when = "hold"
hint = "{name} is under legal hold"

[[rule]]
name = "many-releases"
over = "releases"
at_least = 3
hint = "{count} releases are too many"

[[rule]]
name = "has-releases"
over = "releases"
blocks = false
hint = "{count} releases go with {name}"
"""


class Base(DeclarativeBase):
    pass


class Project(Base):
    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(sa.String(50))
    hold: Mapped[bool | None]
    invitations: Mapped[list[Invitation]] = relationship()
    releases: Mapped[list[Release]] = relationship(cascade="all, delete-orphan", passive_deletes=True)


class Invitation(Base):
    __tablename__ = "invitations"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    status: Mapped[str] = mapped_column(sa.String(10))
    created: Mapped[dt.datetime]


class Release(Base):
    __tablename__ = "releases"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    reports: Mapped[list[Report]] = relationship()


class Report(Base):
    __tablename__ = "reports"
    id: Mapped[int] = mapped_column(primary_key=True)
    release_id: Mapped[int | None] = mapped_column(ForeignKey("releases.id"), index=True)


class Move(Base):
    __tablename__ = "moves"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int | None] = mapped_column(ForeignKey("projects.id"), index=True)


class Tenanted(Base):
    """A subject with a composite key."""

    __tablename__ = "tenanted"
    tenant: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class Part(Base):
    __tablename__ = "parts"
    __table_args__ = (sa.ForeignKeyConstraint(["tenant", "number"], ["tenanted.tenant", "tenanted.number"]),)
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str | None] = mapped_column(sa.String(20))
    number: Mapped[int | None]


class Unique(Base):
    """A subject whose key is a UUID."""

    __tablename__ = "uniques"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)


class Use(Base):
    __tablename__ = "uses"
    id: Mapped[int] = mapped_column(primary_key=True)
    unique_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("uniques.id"), index=True)


class Account(Base):
    """A subject whose key is a text."""

    __tablename__ = "accounts"
    login: Mapped[str] = mapped_column(sa.String(40), primary_key=True)


class Badge(Base):
    __tablename__ = "badges"
    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str | None] = mapped_column(ForeignKey("accounts.login"), index=True)


def filled(engine: sa.Engine, count: int = 60) -> None:
    """Make the tables and rows: of *count* projects some thirds are blocked, by one relation or by several."""
    Base.metadata.create_all(engine)
    numbers = range(1, count + 1)
    with engine.begin() as connection:
        insert = connection.execute
        insert(
            sa.insert(Project),
            [{"id": n, "name": None if n % 7 == 0 else f"p/{n}", "hold": n % 11 == 0} for n in numbers],
        )
        insert(
            sa.insert(Invitation),
            [
                {"project_id": n, "status": status, "created": MADE + dt.timedelta(days=n)}
                for n in numbers
                for status in ["pending", "expired", "pending"][: n % 4]
            ],
        )
        insert(
            sa.insert(Release), [{"id": 10 * n + m, "project_id": n} for n in numbers for m in range(n % 5)]
        )
        insert(sa.insert(Report), [{"release_id": 10 * n + 1} for n in numbers if n % 5 > 1 and n % 3 == 0])
        insert(sa.insert(Report), [{"release_id": None} for _ in range(5)])
        insert(sa.insert(Move), [{"project_id": n if n % 9 == 0 else None} for n in numbers])
        _fill_other_keys(connection)


def _fill_other_keys(connection: sa.Connection) -> None:
    tenants = [{"tenant": tenant, "number": number} for tenant in ("a", "b", "c") for number in range(1, 8)]
    connection.execute(sa.insert(Tenanted), tenants)
    connection.execute(sa.insert(Part), [each for each in tenants if each["number"] != 4])
    connection.execute(sa.insert(Part), [{"tenant": "a", "number": None}, {"tenant": None, "number": 4}])
    keys = [uuid.UUID(int=(n * 2654435761) % 2**128 << 64) for n in range(1, 20)]
    connection.execute(sa.insert(Unique), [{"id": key} for key in keys])
    connection.execute(sa.insert(Use), [{"unique_id": key} for key in (*keys[::2], None)])
    logins = [f"user {n:02}" for n in range(1, 20)]
    connection.execute(sa.insert(Account), [{"login": login} for login in logins])
    connection.execute(sa.insert(Badge), [{"login": login} for login in (*logins[::3], None)])
