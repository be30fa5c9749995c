"""A small application to diagnose: the mapping of 2025's bug, and a blocker that no relationship maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, request
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry
from sqlalchemy import CheckConstraint, Engine, ForeignKey, String, delete, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
from werkzeug.test import TestResponse

from diag_exporters import Incident
from diag_exporters.prometheus import prometheus
from flask_diag import Diagnostics


class Base(DeclarativeBase):
    """The shop's tables."""


class Project(Base):
    """The subject."""

    __tablename__ = "projects"
    __table_args__ = (CheckConstraint("stars >= 0", name="ck_stars"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)
    stars: Mapped[int] = mapped_column(default=0)
    invitations: Mapped[list[Invitation]] = relationship()
    badges: Mapped[list[Badge]] = relationship()


class Invitation(Base):
    """Blanked out by the ORM, though the database would delete it."""

    __tablename__ = "role_invitations"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))


class Badge(Base):
    """Its key is its parent's: the ORM refuses to blank it out, before any SQL."""

    __tablename__ = "badges"
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), primary_key=True)


class Invoice(Base):
    """Refers to a project that knows nothing of it."""

    __tablename__ = "invoices"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", name="fk_secret_invoices"))


@dataclass
class Shop:
    """An application with its diagnostics.

    Attributes:
        met: the incidents published, in order.
    """

    app: Flask
    engine: Engine
    diag: Diagnostics
    registry: CollectorRegistry
    met: list[Incident] = field(default_factory=list)

    @property
    def client(self) -> FlaskClient:
        """A client."""
        return self.app.test_client()

    def errors(self, category: str, kind: str) -> float | None:
        """Return how many were counted."""
        return self.registry.get_sample_value("diag_db_errors_total", {"category": category, "kind": kind})

    @property
    def outage(self) -> float | None:
        """The gauge."""
        return self.registry.get_sample_value("diag_outage_active")

    def run(self, *args: str) -> Any:
        """Run ``flask diag ...``."""
        return self.app.test_cli_runner().invoke(args=["diag", *args])


def body(answer: TestResponse) -> Any:
    """Return the answer's JSON."""
    return answer.get_json()


def fill(engine: Engine) -> None:
    """Make the tables: 1 ``sampleproject`` with 3 invitations, 2 ``empty``, 3 ``billed``, 4 ``badged``."""
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Project(id=1, name="sampleproject", invitations=[Invitation() for _ in range(3)]))
        session.add_all(
            [Project(id=2, name="empty"), Project(id=3, name="billed"), Project(id=4, name="badged")]
        )
        session.flush()
        session.add_all([Invoice(project_id=3), Invoice(project_id=3), Badge(project_id=4)])
        session.commit()


def make_shop(engine: Engine, *, config: dict[str, Any] | None = None, **options: Any) -> Shop:
    """Return the application on *engine*, whose tables must be there."""
    app, registry = Flask("shop"), CollectorRegistry()
    app.config.update(config or {})
    add_routes(app, engine)
    met: list[Incident] = []
    options = {"subject": Project, "authorize": lambda _: True, **options}
    diag = Diagnostics(
        app, options.pop("db", engine), exporters=[prometheus(registry), met.append], **options
    )
    return Shop(app, engine, diag, registry, met)


def add_routes(app: Flask, engine: Engine) -> None:
    """Add what the tests ask for."""

    @app.delete("/projects/<name>")
    def delete_project(name: str) -> tuple[str, int]:
        with Session(engine) as session:
            session.delete(session.scalars(select(Project).where(Project.name == name)).one())
            session.commit()
        return "", 204

    @app.delete("/sql/<int:project_id>")
    def delete_by_sql(project_id: int) -> tuple[str, int]:
        with Session(engine) as session:
            session.execute(delete(Project).where(Project.id == project_id))
            session.commit()
        return "", 204

    @app.post("/run")
    def run() -> str:
        """Run the statement that the test sends."""
        with engine.begin() as connection:
            connection.execute(text(request.form["sql"]), dict(request.form))
        return "done"


def view(shop: Shop, rule: str = "/view") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add a view of the test's own."""
    return shop.app.route(rule, methods=["GET", "POST", "DELETE"])
