"""Which engines an application has: from Flask-SQLAlchemy's object, an engine, or engines by bind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask
from sqlalchemy import Engine

DEFAULT_BIND = "default"


def engines_of(app: Flask, db: Any) -> dict[str, Engine]:
    """Return the engines of *app* by bind; the default one is named ``default``.

    Args:
        app: the application; asked for Flask-SQLAlchemy's object where *db* is None.
        db: Flask-SQLAlchemy's object, an `Engine`, an `AsyncEngine`, or a mapping of either by bind.

    Raises:
        RuntimeError: there is no database, or *db* is not ready yet.
        TypeError: *db* is none of these.
    """
    if db is None:
        db = app.extensions.get("sqlalchemy")
    if db is None:
        raise RuntimeError(
            f"Diagnostics has no database for the app {app.name!r}: pass db= (Flask-SQLAlchemy's object, an Engine, "
            "or a dict of engines by bind), or call db.init_app(app) first."
        )
    engine = _engine(db)
    if engine is not None:
        return {DEFAULT_BIND: engine}
    found = db if isinstance(db, Mapping) else _of_extension(app, db)
    engines = {_bind(name): _known(name, value) for name, value in found.items()}
    if not engines:
        raise RuntimeError(f"Diagnostics was given no engine for the app {app.name!r}: db={db!r} holds none.")
    return engines


def _engine(value: Any) -> Engine | None:
    inner = getattr(value, "sync_engine", value)
    return inner if isinstance(inner, Engine) else None


def _of_extension(app: Flask, db: Any) -> Mapping[Any, Any]:
    """Read ``db.engines``, as Flask-SQLAlchemy and its Lite have it; both need an application context."""
    if not hasattr(type(db), "engines"):
        raise TypeError(
            f"db is {db!r}: give Flask-SQLAlchemy's object, an Engine, or a dict of engines by bind."
        )
    with app.app_context():
        try:
            engines = {**db.engines}
            engines.update(
                {name: e for name, e in getattr(db, "async_engines", {}).items() if name not in engines}
            )
        except (RuntimeError, KeyError) as error:
            raise RuntimeError(
                f"The database extension is not set up for the app {app.name!r} yet: call db.init_app(app) before "
                "diag.init_app(app)."
            ) from error
    return engines


def _bind(name: Any) -> str:
    return DEFAULT_BIND if name in (None, "") else str(name)


def _known(name: Any, value: Any) -> Engine:
    engine = _engine(value)
    if engine is None:
        raise TypeError(
            f"The bind {name!r} is {value!r}, which is no Engine: give a dict of engines by bind."
        )
    return engine
