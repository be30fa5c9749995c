"""Which version the store's schema has, and how it gets the newest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, inspect, text

from flask_diag._address import shown_url

from ._errors import StoreSchemaError
from ._tables import HEAD, VERSION_TABLE, metadata

CURRENT, EMPTY, OLD, FOREIGN = "current", "empty", "old", "foreign"
VERSIONS: tuple[str, ...] = (HEAD,)  # the oldest first
_UPGRADE = "flask diag store upgrade"
_LOCK = 0x64696167  # "diag"


def schema_of(connection: Connection) -> tuple[str, str | None]:
    """Return what the schema is, and its version where it has one."""
    names = set(inspect(connection).get_table_names())
    version = None
    if VERSION_TABLE in names:
        version = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 our own name
    if version is not None:
        missing = set(metadata.tables) - names
        if version == HEAD and not missing:
            return CURRENT, version
        return (OLD if version in VERSIONS[:-1] else FOREIGN), version
    ours = names & set(metadata.tables)
    others = names - {VERSION_TABLE} if connection.dialect.name == "sqlite" else ours
    return (FOREIGN if ours or others else EMPTY), None


def told(state: str, version: str | None, url: URL) -> str:
    """Return what is wrong with a schema, and the way out."""
    where = f"The store {shown_url(url)}"
    if state == EMPTY:
        return f"{where} has no tables yet: run {_UPGRADE}."
    if state == OLD:
        return (
            f"{where} has the schema {version}, and this version of flask-diag writes {HEAD}: run {_UPGRADE}."
        )
    if version is not None:
        return (
            f"{where} has the schema {version}, which this version of flask-diag does not know (it writes {HEAD}), or "
            "lacks some of its tables: update flask-diag here, or give another DIAG_STORE_URL."
        )
    return (
        f"{where} has tables that are not the store's: give another DIAG_STORE_URL, or, if the database is meant to be "
        f"shared, run {_UPGRADE}."
    )


def upgrade(connection: Connection) -> None:
    """Bring the schema to `HEAD`, within the transaction of *connection* where the database can do that.

    Raises:
        StoreSchemaError: it is newer than we are, or tables of ours are there without a version.
    """
    with _only_one(connection):
        _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    from alembic import command  # here: nothing but an upgrade needs it, and it takes 0.1 seconds to load
    from alembic.config import Config

    state, version = schema_of(connection)
    if state == FOREIGN and (version is not None or _has_ours(connection)):
        raise StoreSchemaError(told(state, version or "unknown", connection.engine.url))
    if state == CURRENT:
        return
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _has_ours(connection: Connection) -> bool:
    return bool(set(inspect(connection).get_table_names()) & set(metadata.tables))


@contextmanager
def _only_one(connection: Connection) -> Iterator[None]:
    """Wait for another process that upgrades; on SQLite the write lock is held already."""
    mysql = connection.dialect.name in {"mysql", "mariadb"}
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    elif mysql:
        connection.execute(text("SELECT GET_LOCK('diag_schema', 30)"))
    yield
    if mysql:  # on an error the connection is closed, which gives it back
        connection.execute(text("SELECT RELEASE_LOCK('diag_schema')"))
