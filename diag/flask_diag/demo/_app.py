"""The application: PyPI's bug with the plugin beside it, or without."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass

from flask import Flask, current_app, g, request
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from flask_diag import Diagnostics

from ._before import answer_like_pypi
from ._database import Database, open_database
from ._forms import refuse_foreign_forms, token_field
from ._outage import switch
from ._pages import pages
from ._removal import POLICY
from .models import Project


@dataclass(frozen=True, slots=True)
class Demo:
    """What one demo application keeps under ``app.extensions["demo"]``.

    Attributes:
        plugin: whether flask-diag is at work, or the world is as it was before.
        clean_up: whether every deletion is the safe one, which removes invitations by itself.
    """

    database: Database
    sessions: sessionmaker[Session]
    plugin: bool
    clean_up: bool


def create_app(
    db: str | None = None,
    *,
    diag: bool | None = None,
    clean_up: bool | None = None,
    database: Database | None = None,
    registry: CollectorRegistry | None = None,
) -> Flask:
    """Make the demo; what is not given comes from the environment.

    Args:
        db: ``sqlite`` or ``postgresql``; else ``$DB``, else SQLite.
        diag: False shows the world without the plugin; else ``$DIAG``, ``on`` or ``off``.
        clean_up: True lets every deletion remove invitations by itself; else ``$CLEANUP``.
        database: an open one, instead of *db*.
        registry: where the plugin counts; else prometheus-client's own.

    Raises:
        ValueError: the environment or *db* holds something else.
    """
    database = database or open_database(db or os.environ.get("DB") or "sqlite")
    plugin = _switch("DIAG", default=True) if diag is None else diag
    clean_up = _switch("CLEANUP", default=False) if clean_up is None else clean_up
    app = Flask(__package__ or __name__, instance_path=str(database.folder))
    app.config["SECRET_KEY"] = secrets.token_hex()
    app.config.from_prefixed_env()  # FLASK_DIAG_CHECK_TIMEOUT=60 and the like, to try a setting
    app.extensions["demo"] = Demo(database, sessionmaker(database.engine), plugin, clean_up)
    app.register_blueprint(pages)
    app.register_blueprint(switch)
    app.before_request(refuse_foreign_forms)
    app.teardown_appcontext(_close_session)
    app.context_processor(_for_templates)
    if plugin:
        _diagnose(app, database, registry)
    else:
        answer_like_pypi(app)
    return app


def _diagnose(app: Flask, database: Database, registry: CollectorRegistry | None) -> None:
    """All that an application does to have diagnostics."""
    Diagnostics(
        app,
        database.engine,
        subject=Project,
        policy=POLICY,
        lookup="normalized_name",
        registry=registry,
        authorize=_from_this_machine,
    )


def _from_this_machine(_permission: str) -> bool:
    """The demo has no accounts: whoever sits at this machine may see and do everything."""
    return request.remote_addr in {"127.0.0.1", "::1"}


def _switch(name: str, *, default: bool) -> bool:
    """Read ``on`` or ``off`` from the environment."""
    value = os.environ.get(name, "").strip().lower()
    if value in {"", "on", "1", "true", "yes", "off", "0", "false", "no"}:
        return value in {"on", "1", "true", "yes"} if value else default
    raise ValueError(f"{name}={value!r} is neither on nor off: use {name}=on or {name}=off.")


def _close_session(_error: BaseException | None) -> None:
    session: Session | None = g.pop("session", None)
    if session is not None:
        with suppress(
            DBAPIError
        ):  # the answer is made: a connection that is lost now has nothing to take back
            session.close()


def _for_templates() -> dict[str, object]:
    demo: Demo = current_app.extensions["demo"]
    return {"demo": demo, "token_field": token_field}
