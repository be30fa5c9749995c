"""What stands between the application and its server while a drill lasts: nothing, a network, a pooler, a standby."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from _servers import Server
from drills._bouncer import Bouncer
from drills._network import Link, namespace
from drills._place import Place, address, execute
from drills._standby import standby_of

Ground = Callable[[Server, Path], AbstractContextManager[Place]]


@contextmanager
def plain(server: Server, home: Path) -> Iterator[Place]:
    """The application's pool leads to the server."""
    yield Place(server, address(server), home)


@dataclass(frozen=True)
class Networked(Place):
    """A server that a line leads to."""

    link: Link


@contextmanager
def network(server: Server, home: Path) -> Iterator[Place]:
    """The same server, in a network namespace of its own."""
    near = server.host
    server.stop()
    with namespace() as link:
        server.host, server.within = link.there, link.inside(server.user)
        try:
            _let_in(server)
            server.start()
            yield Networked(server, address(server), home, link)
            server.stop()
        finally:
            server.host, server.within = near, ()
    server.start()


def _let_in(server: Server) -> None:
    """Let MariaDB's administrator come from anywhere; PostgreSQL's may."""
    if server.dialect == "mysql":
        there, within = server.host, server.within
        server.host, server.within = "127.0.0.1", ()
        server.start()
        execute(
            server.url(),
            "CREATE USER IF NOT EXISTS root@'%' IDENTIFIED BY ''",
            "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION",
        )
        server.stop()
        server.host, server.within = there, within


@dataclass(frozen=True)
class Between(Place):
    """A server that is reached, or followed, by another."""

    other: Server


@contextmanager
def bouncer(server: Server, home: Path) -> Iterator[Place]:
    """Pgbouncer before the server."""
    place = _home(server, home, "bouncer")
    between = Bouncer(server, place)
    between.start()
    try:
        yield Between(server, between.url(), home, between)
    finally:
        between.stop()


@contextmanager
def standby(server: Server, home: Path) -> Iterator[Place]:
    """A standby that follows the server; the drill kills the server, which is started again in the end."""
    copy = standby_of(server, _home(server, home, "standby"))
    copy.start()
    try:
        yield Between(server, address(server), home, copy)
    finally:
        copy.stop()
        server.start()


def _home(server: Server, home: Path, name: str) -> Path:
    """Return a folder of *name* beside the server's own, since its account has to reach it."""
    made = server.home.parent / f"{server.home.name}-{name}-{home.name}"
    made.mkdir()
    if server.user is not None:
        shutil.chown(made, server.user)
    return made
