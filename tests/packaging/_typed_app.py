"""An application as its developers would type it: what flask-diag offers them, in one file, for type checkers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar

from celery import Celery  # type: ignore[import-untyped] # it ships no types
from flask import Flask, Response, request
from flask_sqlalchemy import SQLAlchemy
from prometheus_client import CollectorRegistry
from sqlalchemy import ForeignKey, MetaData, Table, create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from diag_exporters import Incident, Recovery
from diag_exporters.log import log
from diag_exporters.prometheus import prometheus
from diag_exporters.sentry import sentry
from diag_rules.deletion import (
    Blocker,
    BusinessRule,
    DeletionPolicy,
    DeletionRefused,
    DeletionRules,
    Message,
    Relation,
    RemedyAction,
    SubjectWords,
    Verdict,
)
from diag_rules.errors import Category, Kind, Retry, classify, configure, explain, register
from flask_diag import Diagnostics
from flask_diag.celery import ScanTasks
from flask_diag.celery import register as register_scans
from flask_diag.gunicorn import child_exit, on_exit, on_starting, serve_metrics

__all__ = ["child_exit", "on_exit", "on_starting", "when_ready"]

P = ParamSpec("P")
R = TypeVar("R")
when_ready = serve_metrics(9100)
started: Callable[[Any], None] = on_starting


class Base(DeclarativeBase):
    """What Flask-SQLAlchemy makes models from."""


db = SQLAlchemy(model_class=Base)


class Project(Base):
    """What gets deleted."""

    __tablename__ = "project"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    invitations: Mapped[list[Invitation]] = relationship(cascade="all, delete-orphan", passive_deletes=True)


class Invitation(Base):
    """What goes with it."""

    __tablename__ = "invitation"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), index=True)


def login_required(view: Callable[P, R]) -> Callable[P, R]:
    """Let everybody in."""
    return view


def may(permission: str) -> bool | Response:
    """Tell who may enter."""
    return permission == "read" or Response("Log in first.", 401)


class Chat:
    """An exporter that is an object."""

    name = "chat"

    def __call__(self, incident: Incident) -> None:
        """Keep what an outage was about."""
        if incident.classification.category is Category.OUTAGE:
            self.last: str | None = incident.outage_id

    def recovered(self, recovery: Recovery) -> None:
        """Say how long it took."""
        self.length: timedelta = recovery.at - recovery.since


policy = DeletionPolicy(
    relations=[
        Relation(
            of=Project.invitations,
            name={"en": {"one": "pending invitation", "other": "pending invitations"}, "zh": "待接受的邀请"},
            remedy=RemedyAction.DELETE,
            automatic=True,
        )
    ],
    rules=[BusinessRule(name="protected", when="name == 'billing'", hint="ask the operations team")],
    subject=SubjectWords(name="project", link="/projects/{name}"),
    messages=[Message(text="That name is taken.", table="project", columns=("name",))],
)
registry = CollectorRegistry()
diag = Diagnostics(
    db=db,
    subject=Project,
    policy=policy,
    lookup=["name"],
    exporters=[prometheus(registry), sentry(business_sample_rate=0.1), log(), Chat()],
    registry=registry,
    authorize=may,
    login=login_required,
    actor=lambda: request.remote_addr,
)
configure(read_only="transaction")
register("postgresql", "P0042", Kind.RAISE_EXCEPTION, category="business_rule", retry=Retry.NO)


def create_app() -> Flask:
    """Make the application."""
    app = Flask("shop")
    db.init_app(app)
    diag.init_app(app)
    app.register_error_handler(SQLAlchemyError, answer)
    return app


def create_small_app() -> Flask:
    """Make one without Flask-SQLAlchemy."""
    app, engine = Flask("small"), create_engine("sqlite:///small.sqlite")
    reflected = Table("project", MetaData(), autoload_with=engine)
    Diagnostics(app, {"default": engine}, subject=reflected, policy="deletion.toml")
    return app


def create_celery(app: Flask) -> ScanTasks:
    """Make the workers' application."""
    return register_scans(Celery("shop"), app, every=timedelta(minutes=30), parts=4, how="orm")


def answer(error: SQLAlchemyError) -> Response | tuple[str, int]:
    """Answer as flask-diag would."""
    return diag.answer(error) or ("Something went wrong.", 500)


@diag.resolver
def project_of_request() -> str | None:
    """Say whose request it is."""
    return request.headers.get("X-Project")


def hints(project: Project) -> list[str]:
    """Return what is to be done before *project* can go."""
    rules = DeletionRules(Project, policy=policy)
    with db.engine.connect() as connection:
        verdict: Verdict = rules.check(connection, project.id, how="orm")
        blockers: tuple[Blocker, ...] = verdict.blockers
    return [blocker.hint for blocker in blockers if blocker.count]


def delete(session: Session, project: Project) -> str:
    """Delete *project*, or say why not."""
    diag.subject(project)
    try:
        done = DeletionRules(Project, policy=policy).delete(session, project)
        session.commit()
    except DeletionRefused as refused:
        return ", ".join(blocker.hint for blocker in refused.verdict.blockers)
    except SQLAlchemyError as error:
        found = classify(error)
        if found.violates(Project.name):
            return "That name is taken."
        return f"{found.category}: {found.constraint or found.kind}, {found.summary}"
    return f"{sum(effect.count for effect in done.deleted)} rows went"


def busiest() -> list[str]:
    """Return what the audit finds, what a scan finds, and what a code means."""
    rules = DeletionRules(Project)
    with db.engine.connect() as connection:
        blocked = [str(verdict.key) for verdict in rules.scan(connection, how="sql", timeout=30)]
    return [*(finding.fix for finding in rules.audit()), *blocked, explain("postgresql", "23503").advice]
