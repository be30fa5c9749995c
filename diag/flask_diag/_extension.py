"""The extension object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flask import Flask, Response, appcontext_tearing_down, has_request_context
from prometheus_client import REGISTRY, CollectorRegistry
from sqlalchemy import MetaData, Table

from diag_exporters import Exporter, name_of, publish_request_finished
from diag_exporters.log import log
from diag_exporters.prometheus import PrometheusExporter, prometheus
from diag_rules.deletion import DeletionPolicy

from . import _answers as answers
from . import _deleting as deleting
from ._capture import watch
from ._config import Settings
from ._csrf import exempt
from ._deletions import count_unjudged
from ._engines import engines_of
from ._guard import guarded
from ._metrics import add_metrics, metrics_of
from ._outcomes import count_unanswered
from ._own_words import own_words
from ._request import memory, remembered
from ._state import EXTENSION, Actor, Authorize, Login, Resolver, State, state, state_of
from ._storing import store_of
from ._subject import subject_of
from ._tokens import Token, tokens_of

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
        exporters: who is told of an incident; by default Prometheus, Sentry and the log. The incident store, which the
            setting ``DIAG_STORE_URL`` is for, is told besides.
        registry: the Prometheus registry of the default exporter and of ``/metrics``.
        authorize: called with ``read``, ``act`` or ``metrics``: True lets the visitor in, False does not, a
            response (to a login page) is sent as it is.
        tokens: bearer tokens that may enter, as ``flask diag token`` prints them; those of ``DIAG_TOKENS`` may, too.
        login: the host's login decorator (``flask_login.login_required``): whom it lets through may read, or what
            *authorize* says. Without any of the three the pages and the metrics are closed.
        actor: returns what the audit trail is to call the current visitor (a user's id), or None.

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
        tokens: str | Iterable[str | Token] = (),
        login: Login | None = None,
        actor: Actor | None = None,
    ) -> None:
        self._db, self._subject, self._lookup = db, subject, lookup
        self._policy = None if policy is None else DeletionPolicy.load(policy)
        self._exporters, self._registry, self._authorize = exporters, registry, authorize
        self._tokens, self._login, self._actor = tokens_of(tokens), login, actor
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
        add_metrics(app, found)
        if settings.url_prefix is not None:
            _add_pages(app, found, settings.url_prefix)
        _add_commands(app)

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
        exporters = tuple(self._exporters if self._exporters is not None else _default(registry))
        store = store_of(app, settings, exporters)
        found = State(
            app=app.name,
            settings=settings,
            engines=engines,
            exporters=exporters if store is None else (*exporters, store.intake),
            store=store,
            registry=_registry_of(self._exporters, registry),
            subject=None if chosen is None else subject_of(chosen, self._lookup),
            policy=self._policy,
            authorize=self._authorize,
            tokens=(*self._tokens, *tokens_of(settings.tokens)),
            login=self._login,
            actor=self._actor,
            metrics=metrics_of(exporters),
            resolvers=self._resolvers,
            given=self._given(db),
        )
        if self._policy is not None:
            if chosen is None:
                raise RuntimeError(
                    "A policy was given but no subject: pass subject=Project, the class it is for."
                )
            _ = found.rules  # binds the policy now: a wrong name is an error of start-up, not of a request
        found.words = own_words(found, _metadatas(app, db))
        _expect(found)
        return found

    def _given(self, db: Any) -> frozenset[str]:
        """Return the arguments that the application gave, for the page of settings."""
        arguments = {
            "db": db,
            "subject": self._subject,
            "policy": self._policy,
            "lookup": self._lookup,
            "exporters": self._exporters,
            "registry": self._registry,
            "authorize": self._authorize,
            "tokens": self._tokens or None,
            "login": self._login,
            "actor": self._actor,
        }
        return frozenset(name for name, value in arguments.items() if value is not None)


def _add_pages(app: Flask, found: State, prefix: str) -> None:
    """Add pages, API and health; imported here, since an application without them shall not load them."""
    from ._api import API_PATH, api
    from ._astray import add_astray
    from ._health import health
    from ._pages import NAME, pages

    app.register_blueprint(pages(found), url_prefix=prefix)
    exempt(app, NAME)
    app.register_blueprint(api(found), url_prefix=prefix + API_PATH)
    if found.settings.health:
        app.register_blueprint(health(found), url_prefix=prefix)
    add_astray(app)


def _add_commands(app: Flask) -> None:
    from ._cli import diag_group

    app.cli.add_command(diag_group)


def _default(registry: CollectorRegistry) -> tuple[Exporter, ...]:
    from diag_exporters.sentry import (
        sentry,
    )  # here: the SDK is the slowest of all to load, and can be done without

    return (prometheus(registry), sentry(), log())


def _registry_of(exporters: Sequence[Exporter] | None, registry: CollectorRegistry) -> CollectorRegistry:
    """Return what ``/metrics`` shows: the registry of the Prometheus exporter that was given, else the default."""
    given = [one.registry for one in exporters or () if isinstance(one, PrometheusExporter)]
    return given[0] if given else registry


def _expect(found: State) -> None:
    for exporter in found.exporters:
        if isinstance(exporter, PrometheusExporter):
            exporter.expect(map(name_of, found.exporters))
            for other in found.exporters:
                if hasattr(other, "counted_by"):  # Sentry's, which may not be loaded
                    other.counted_by = exporter.held_back


def _project_of(app: Flask, db: Any) -> type | None:
    """Return the model named ``Project`` of a Flask-SQLAlchemy object, or None."""
    model = getattr(db if db is not None else app.extensions.get("sqlalchemy"), "Model", None)
    registry = getattr(model, "registry", None)
    if registry is None:
        return None
    classes = [mapper.class_ for mapper in registry.mappers if mapper.class_.__name__ == "Project"]
    found: type | None = classes[0] if len(classes) == 1 else None
    return found


def _metadatas(app: Flask, db: Any) -> Iterable[MetaData]:
    """Return the models' metadata that a Flask-SQLAlchemy object has, one a bind."""
    found = getattr(db if db is not None else app.extensions.get("sqlalchemy"), "metadatas", {})
    return [one for one in found.values() if isinstance(one, MetaData)] if isinstance(found, dict) else []


_FORGETTING = guarded("forgetting a request")


def _request_over(app: Flask, **_: Any) -> None:
    with _FORGETTING:
        remembers, found = remembered(), state_of(app)
        if remembers is not None and found is not None:
            if found.metrics is not None:
                count_unanswered(found.metrics, remembers)
            count_unjudged(found, remembers)
            if remembers.incidents:
                publish_request_finished(found.exporters)
        if not has_request_context():  # an inner application context ends without the request's
            deleting.forget()
