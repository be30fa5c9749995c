"""What goes wrong: each of these lasts as long as its block, and all is as before when it ends."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, NullPool, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from drills._grounds import Between, Networked
from drills._hosts import Quartet, insert
from drills._place import PASSWORD, USER, Place, address, execute, held
from drills._standby import promote

Fault = Callable[[Place, Quartet], AbstractContextManager[None]]


@contextmanager
def none(_place: Place, _quartet: Quartet) -> Iterator[None]:
    """Nothing: the work itself goes wrong."""
    yield


@contextmanager
def stopped(place: Place, _quartet: Quartet) -> Iterator[None]:
    """Shut down, as for maintenance."""
    place.server.stop()
    yield
    place.server.start()


@contextmanager
def killed(place: Place, _quartet: Quartet) -> Iterator[None]:
    """SIGKILL."""
    place.server.kill()
    yield
    place.server.start()


@contextmanager
def hung(place: Place, _quartet: Quartet) -> Iterator[None]:
    """SIGSTOP: connections are accepted, and silent."""
    place.server.pause()
    try:
        yield
    finally:
        place.server.resume()


@contextmanager
def unplugged(place: Place, _quartet: Quartet) -> Iterator[None]:
    """No carrier at the server's end."""
    assert isinstance(place, Networked)
    with place.link.pulled():
        yield


@contextmanager
def vanishing(place: Place, _quartet: Quartet) -> Iterator[None]:
    """Packets of the server vanish."""
    assert isinstance(place, Networked)
    with place.link.silent():
        yield


@contextmanager
def crawling(place: Place, _quartet: Quartet) -> Iterator[None]:
    """64 kbit/s towards the server."""
    assert isinstance(place, Networked)
    with place.link.slow("64kbit"):
        yield


@contextmanager
def nameless(_place: Place, quartet: Quartet) -> Iterator[None]:
    """The server's name resolves no more: ``.invalid`` never does (RFC 6761)."""

    def lead_astray(_dialect: Any, _record: Any, _args: Any, options: dict[str, Any]) -> None:
        options["host"] = "database.invalid"

    for host in quartet.hosts.values():
        event.listen(host.engine, "do_connect", lead_astray)
    yield
    for host in quartet.hosts.values():
        event.remove(host.engine, "do_connect", lead_astray)


@contextmanager
def crowded(place: Place, _quartet: Quartet) -> Iterator[None]:
    """Every connection that the server lets the application have is taken."""
    engine = create_engine(place.url, poolclass=NullPool)
    taken: list[Any] = []
    with suppress(Exception):
        while len(taken) < 200:
            taken.append(engine.connect())
    yield
    for one in taken:
        one.close()


@contextmanager
def exhausted(_place: Place, quartet: Quartet) -> Iterator[None]:
    """Every connection of the pools is in use."""
    taken = [host.engine.connect() for host in quartet.hosts.values()]
    yield
    for one in taken:
        one.close()


@contextmanager
def read_only(place: Place, _quartet: Quartet) -> Iterator[None]:
    """The server takes no changes."""
    if place.dialect == "mysql":
        place.administer("SET GLOBAL read_only = ON")
        yield
        place.administer("SET GLOBAL read_only = OFF")
        return
    place.administer("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    _renewed(place)
    yield
    place.administer("ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
    _renewed(place)


def _renewed(place: Place) -> None:
    """End the application's connections, so that each hears of the new setting at its start, and none a moment later."""
    place.administer(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{USER}'")


@contextmanager
def failed_over(place: Place, quartet: Quartet) -> Iterator[None]:
    """The primary is gone, its address leads to a standby, and nobody has promoted that yet."""
    assert isinstance(place, Between)

    def lead(_dialect: Any, _record: Any, _args: Any, options: dict[str, Any]) -> None:
        options["port"] = place.other.port

    for host in quartet.hosts.values():
        event.listen(host.engine, "do_connect", lead)
    place.server.kill()
    yield
    promote(place.other)


@contextmanager
def locked_out(place: Place, _quartet: Quartet) -> Iterator[None]:
    """The application's password was changed."""
    change = (
        "ALTER USER {}@'%' IDENTIFIED BY '{}'" if place.dialect == "mysql" else "ALTER ROLE {} PASSWORD '{}'"
    )
    place.administer(change.format(USER, "another"))
    yield
    place.administer(change.format(USER, PASSWORD))


@contextmanager
def bouncer_killed(place: Place, _quartet: Quartet) -> Iterator[None]:
    """The pooler is gone, the database well."""
    assert isinstance(place, Between)
    place.other.kill()
    yield
    place.other.start()


@contextmanager
def full(place: Place, _quartet: Quartet) -> Iterator[None]:
    """The disk of the table is full: 4 MiB in memory; root only."""
    small = Path(place.server.home) / "small"
    url = address(place.server)
    if place.dialect == "mysql":
        yield from _full_mariadb(place, small, url)
        return
    small.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4M,mode=777", "tmpfs", str(small)], check=True)
    try:
        space = small / "space"
        space.mkdir(mode=0o700)
        if place.server.user is not None:
            subprocess.run(["chown", place.server.user, str(space)], check=True)
        place.administer(f"CREATE TABLESPACE small OWNER {USER} LOCATION '{space}'")
        execute(url, "ALTER TABLE notes SET TABLESPACE small")
        _fill(small)
        _use_up(url)
        yield
        (small / "filler").unlink()
    finally:
        place.administer("ALTER TABLE notes SET TABLESPACE pg_default", "CHECKPOINT", "DROP TABLESPACE small")
        subprocess.run(["umount", "--lazy", str(small)], check=True)


def _full_mariadb(place: Place, small: Path, url: URL) -> Iterator[None]:
    """A table whose file may not grow: its own file system is full."""
    small.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4M,mode=777", "tmpfs", str(small)], check=True)
    try:
        place.administer(
            "DROP TABLE notes",
            "CREATE TABLE notes (id INTEGER AUTO_INCREMENT PRIMARY KEY, body TEXT) ENGINE=InnoDB "
            f"DATA DIRECTORY='{small}'",
        )
        _fill(small)
        _use_up(url)
        yield
        (small / "filler").unlink()
    finally:
        place.administer(
            "DROP TABLE notes", "CREATE TABLE notes (id INTEGER AUTO_INCREMENT PRIMARY KEY, body TEXT)"
        )
        subprocess.run(["umount", "--lazy", str(small)], check=True)


def _fill(folder: Path) -> None:
    """Write until there is no room."""
    with suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)


def _use_up(url: URL) -> None:
    """Insert until what the table's file has in hand is used up, too."""
    engine = create_engine(url, poolclass=NullPool)
    with suppress(SQLAlchemyError):
        while True:
            insert(engine)


@contextmanager
def row_held(place: Place, _quartet: Quartet) -> Iterator[None]:
    """Another transaction holds the row."""
    with held(address(place.server), "UPDATE things SET n = 0 WHERE id = 1"):
        yield
