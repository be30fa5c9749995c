"""The extension object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flask import Flask, Response, appcontext_tearing_down, has_request_context
from prometheus_client import REGISTRY, CollectorRegistry
from sqlalchemy import Table

from diag_exporters import Exporter, name_of, publish_request_finished
from diag_exporters.log import log
from diag_exporters.prometheus import PrometheusExporter, prometheus
from diag_exporters.sentry import sentry
from diag_rules.deletion import DeletionPolicy

from . import _answers as answers
from . import _deleting as deleting
from ._capture import watch
from ._cli import diag_group
from ._config import Settings
from ._engines import engines_of
from ._guard import guarded
from ._metrics import add_metrics
from ._pages import pages
from ._request import memory, met_any
from ._state import EXTENSION, Authorize, Resolver, State, state
from ._subject import subject_of

Policy = DeletionPolicy | str | Path | Mapping[str, Any]


class Diagnostics:
    """Tells a database outage from a broken business rule, for one Flask application or several.

    Args:
        app: given, it is initialised at once; leave it out in an app factory and call `init_app`.
        db: Flask-SQLAlchemy's object, an `Engine`, an `AsyncEngine`, or a dict of engines by bind; by default the
            Flask-SQLAlchemy object of the application.
        subject: the mapped class whose deletions are judged (``Project``), or a `Table`. By default the model
            named ``Project`` of a Flask-SQLAlchemy object; without any, only errors are diagnosed.
        policy: a `DeletionPolicy`, or the path, the text or the mapping of one.
        lookup: the columns, besides the key, that people know a subject by; by default ``name`` or alike.
        exporters: who is told of an incident; by default Prometheus, Sentry and the log.
        registry: the Prometheus registry of the default exporter and of ``/metrics``.
        authorize: called with ``read``, ``act`` or ``metrics``: True lets the visitor in, False does not, a
            response (to a login page) is sent as it is. Without it the pages and the metrics are closed.

    The object keeps settings only; what belongs to an application is in ``app.extensions["diag"]``.
    """

    def __init__(  # noqa: PLR0913 each is a setting of its own, by keyword
        self,
        app: Flask | None = None,
        db: Any = None,
        *,
        subject: type | Table | None = None,
        policy: Policy | None = None,
        lookup: str | Sequence[str] | None = None,
        exporters: Sequence[Exporter] | None = None,
        registry: CollectorRegistry | None = None,
        authorize: Authorize | None = None,
    ) -> None:
        self._db, self._subject, self._lookup = db, subject, lookup
        self._policy = None if policy is None else DeletionPolicy.load(policy)
        self._exporters, self._registry, self._authorize = exporters, registry, authorize
        self._resolvers: list[Resolver] = []
        if app is not None:
            self.init_app(app, db)

    def init_app(self, app: Flask, db: Any = None) -> None:
        """Attach to *app*: settings, listeners on its engines, answers, pages, metrics, ``flask diag``.

        Raises:
            RuntimeError: *app* has diagnostics already, or no database.
            ValueError: a ``DIAG_`` setting can't have its value.
            PolicyError: the policy names a table or a column that does not exist.
        """
        if EXTENSION in app.extensions:
            raise RuntimeError(
                f"The app {app.name!r} has diagnostics already: call init_app (or Diagnostics(app)) once for each app."
            )
        settings = Settings.of(app)
        if not settings.enabled:
            return
        found = self._state(app, settings, db if db is not None else self._db)
        app.extensions[EXTENSION] = found
        watch(found)
        if settings.answers:
            answers.register(app, found)
        appcontext_tearing_down.connect(_request_over, app)
        add_metrics(app, settings)
        if settings.url_prefix is not None:
            app.register_blueprint(pages(found), url_prefix=settings.url_prefix)
        app.cli.add_command(diag_group)

    def subject(self, subject: Any) -> None:
        """Say whom the current request is about: a loaded instance, or a key. For routes that do not tell."""
        remembered, found = memory(), state()
        if remembered is None or found.subject is None:
            return
        with guarded("noting the request's subject"):
            loaded = isinstance(found.subject.cls, type) and isinstance(subject, found.subject.cls)
            key = found.subject.key_of(subject) if loaded else subject
            remembered.subject = (found.subject.name, key)

    def resolver(self, function: Resolver) -> Resolver:
        """Add a function that returns the key of the current request's subject, or None. Usable as a decorator."""
        self._resolvers.append(function)
        return function

    def answer(self, error: Exception) -> Response | None:
        """Return our answer to *error*, for an error handler of the application's own; None: no database error."""
        return answers.answer(error)

    def _state(self, app: Flask, settings: Settings, db: Any) -> State:
        registry = REGISTRY if self._registry is None else self._registry
        engines = engines_of(app, db)
        chosen = self._subject if self._subject is not None else _project_of(app, db)
        found = State(
            app=app.name,
            settings=settings,
            engines=engines,
            exporters=tuple(self._exporters if self._exporters is not None else _default(registry)),
            registry=_registry_of(self._exporters, registry),
            subject=None if chosen is None else subject_of(chosen, self._lookup),
            policy=self._policy,
            authorize=self._authorize,
            resolvers=self._resolvers,
        )
        if self._policy is not None:
            if chosen is None:
                raise RuntimeError(
                    "A policy was given but no subject: pass subject=Project, the class it is for."
                )
            _ = found.rules  # binds the policy now: a wrong name is an error of start-up, not of a request
        _expect(found)
        return found


def _default(registry: CollectorRegistry) -> tuple[Exporter, ...]:
    return (prometheus(registry), sentry(), log())


def _registry_of(exporters: Sequence[Exporter] | None, registry: CollectorRegistry) -> CollectorRegistry:
    """Return what ``/metrics`` shows: the registry of the Prometheus exporter that was given, else the default."""
    given = [one.registry for one in exporters or () if isinstance(one, PrometheusExporter)]
    return given[0] if given else registry


def _expect(found: State) -> None:
    for exporter in found.exporters:
        if isinstance(exporter, PrometheusExporter):
            exporter.expect(map(name_of, found.exporters))


def _project_of(app: Flask, db: Any) -> type | None:
    """Return the model named ``Project`` of a Flask-SQLAlchemy object, or None."""
    model = getattr(db if db is not None else app.extensions.get("sqlalchemy"), "Model", None)
    registry = getattr(model, "registry", None)
    if registry is None:
        return None
    classes = [mapper.class_ for mapper in registry.mappers if mapper.class_.__name__ == "Project"]
    found: type | None = classes[0] if len(classes) == 1 else None
    return found


def _request_over(_app: Flask, **_: Any) -> None:
    with guarded("forgetting a request"):
        if met_any():
            publish_request_finished(state().exporters)
        if not has_request_context():  # an inner application context ends without the request's
            deleting.forget()
