"""An index whose packages are known by a name that anybody may choose: the name is the key, so it goes everywhere."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, request
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import Engine, ForeignKey, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from diag_exporters import Incident
from diag_exporters.log import log
from diag_exporters.prometheus import prometheus
from diag_exporters.sentry import sentry
from flask_diag import Diagnostics


class Base(DeclarativeBase):
    """The index's tables."""


class Package(Base):
    """The subject."""

    __tablename__ = "packages"
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    mail: Mapped[str | None] = mapped_column(Text, unique=True)
    files: Mapped[list[File]] = relationship(passive_deletes="all")


class File(Base):
    """Blocks the deletion of its package."""

    __tablename__ = "files"
    id: Mapped[int] = mapped_column(primary_key=True)
    package: Mapped[str] = mapped_column(ForeignKey("packages.name"))


POLICY: dict[str, Any] = {
    "relation": [
        {
            "table": "files",
            "name": "files",
            "hint": "Delete {count} files of {name} first.",
            "link": "https://index.example/manage/{name}",
        }
    ]
}


@dataclass
class Index:
    """The application.

    Attributes:
        met: the incidents that were published.
    """

    app: Flask
    registry: CollectorRegistry
    met: list[Incident] = field(default_factory=list)

    @property
    def client(self) -> FlaskClient:
        """A client."""
        return self.app.test_client()

    @property
    def scrape(self) -> str:
        """What Prometheus reads."""
        return generate_latest(self.registry).decode()

    def run(self, *args: str) -> Any:
        """Run ``flask diag ...``."""
        return self.app.test_cli_runner().invoke(args=["diag", *args])


def fill(engine: Engine, names: Iterable[str]) -> None:
    """Make the tables and a package of each name, each with two files."""
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(Package(name=name, files=[File(), File()]) for name in names)
        session.commit()


def make_index(engine: Engine, policy: dict[str, Any] | None = None, **config: Any) -> Index:
    """Return the application, with every exporter; its pages are open. *policy* instead of `POLICY`."""
    app, registry, met = Flask("index"), CollectorRegistry(), list[Incident]()
    app.config.update(config)
    exporters = [prometheus(registry), sentry(business_sample_rate=1.0), log(), met.append]
    options: dict[str, Any] = {
        "authorize": lambda _: True,
        "policy": policy or POLICY,
        "exporters": exporters,
    }
    diag = Diagnostics(app, engine, subject=Package, actor=lambda: request.headers.get("X-User"), **options)
    logging.getLogger("flask_diag.trail").setLevel(logging.INFO)

    @app.post("/delete")
    def delete() -> str:
        with Session(engine) as session:
            session.delete(session.get_one(Package, request.form["name"]))
            session.commit()
        return "gone"

    @app.post("/told")
    def told() -> str:
        """Fail about whomever the client's JSON names."""
        diag.subject(request.get_json()["name"])
        return run("SELECT * FROM nowhere", {})

    @app.post("/run")
    def ask() -> str:
        return run(request.form["sql"], request.form.to_dict())

    def run(sql: str, parameters: dict[str, str]) -> str:
        with engine.begin() as connection:
            connection.execute(text(sql), parameters)
        return "done"

    return Index(app, registry, met)
