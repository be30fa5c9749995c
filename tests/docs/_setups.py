"""What some pages take for granted: the tutorial's application, models and a session, codes that are forgotten again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from prometheus_client import CollectorRegistry
from sqlalchemy import ForeignKey, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from conftest import enforce_foreign_keys
from diag_rules.errors import _registry, _settings
from docs._blocks import ROOT, blocks
from docs._story import Story
from flask_diag import Diagnostics

Setup = Callable[[Story], AbstractContextManager[None]]
ATTACHED = 2  # the tutorial's changes that attach flask-diag; those after them mend the bug


@contextmanager
def nothing(_story: Story) -> Iterator[None]:
    """Start from an empty page."""
    yield


@contextmanager
def shop(story: Story) -> Iterator[None]:
    """Start with the tutorial's ``shop.py``, attached and filled, and its bug in it."""
    changes = 0
    for block in blocks(ROOT / "docs" / "tutorial.md"):
        changes += block.language == "diff"
        if block.title == "shop.py" and changes <= ATTACHED:
            story.run(block)
    story.command("flask --app shop fill")
    yield


@contextmanager
def models(story: Story) -> Iterator[None]:
    """Start with models, a session on their database, and an application with nothing attached."""
    db, names = _models()
    app = Flask("shop", instance_path=str(story.folder))
    app.config.update(SQLALCHEMY_DATABASE_URI=f"sqlite:///{story.folder}/models.sqlite", TESTING=True)
    db.init_app(app)
    engine = create_engine(app.config["SQLALCHEMY_DATABASE_URI"])
    event.listen(engine, "connect", enforce_foreign_keys)
    db.metadata.create_all(engine)
    project = names["Project"]
    with Session(engine) as session:
        session.add(
            project(id=1, name="sampleproject", invitations=[names["Invitation"]() for _ in range(3)])
        )
        session.add(project(id=2, name="other"))
        session.commit()
        story.names.update(names, __name__="shop", db=db, app=app, engine=engine, session=session)
        story.names.update(project=session.get(project, 1), other_project=session.get(project, 2))
        yield
    engine.dispose()
    with app.app_context():
        db.engine.dispose()


@contextmanager
def models_and_shop(story: Story) -> Iterator[None]:
    """Start with both: for pages whose Python and whose commands are about the same application."""
    with models(story), shop(story):
        yield


@contextmanager
def readme(story: Story) -> Iterator[None]:
    """Start with both, a login, and the policy that the README leaves to the reader."""
    with models_and_shop(story):
        (story.folder / "deletion.toml").write_text("", "utf-8")
        story.names["login_required"] = lambda view: view
        yield


@contextmanager
def attached(story: Story) -> Iterator[None]:
    """Start with models, and an application that has diagnostics."""
    with models(story):
        Diagnostics(
            story.names["app"],
            story.names["db"],
            subject=story.names["Project"],
            registry=CollectorRegistry(),
        )
        yield


@contextmanager
def own_codes(_story: Story) -> Iterator[None]:
    """Forget what the page registers."""
    before = dict(_registry._rows)
    yield
    _registry._rows.clear()
    _registry._rows.update(before)
    _settings.changed()


def _models() -> tuple[SQLAlchemy, dict[str, Any]]:
    class Base(DeclarativeBase):
        """The base of this page's models."""

    db = SQLAlchemy(model_class=Base)

    class Project(db.Model):  # type: ignore[name-defined,misc]  # the extension makes it
        __tablename__ = "project"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(unique=True)
        invitations: Mapped[list[Any]] = relationship("Invitation")

    class Invitation(db.Model):  # type: ignore[name-defined,misc]
        __tablename__ = "invitation"
        id: Mapped[int] = mapped_column(primary_key=True)
        project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), index=True)
        status: Mapped[str] = mapped_column(default="pending")

    return db, {"Project": Project, "Invitation": Invitation}


SETUPS: Mapping[str | None, Setup] = {
    None: nothing,
    "shop": shop,
    "models": models,
    "models_and_shop": models_and_shop,
    "readme": readme,
    "attached": attached,
    "own_codes": own_codes,
}
