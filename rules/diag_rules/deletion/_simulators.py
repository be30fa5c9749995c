"""Which simulation a database gets."""

from __future__ import annotations

from ._simulate import Simulator
from ._simulate_innodb import InnodbSimulator
from ._simulate_postgresql import PostgresqlSimulator
from ._simulate_sqlite import SqliteSimulator

SIMULATORS: dict[str, type[Simulator]] = {
    "postgresql": PostgresqlSimulator,
    "mysql": InnodbSimulator,
    "mariadb": InnodbSimulator,
    "sqlite": SqliteSimulator,
}


def simulator(dialect: str) -> type[Simulator]:
    """The rules of *dialect*; of a database that we have no proved rules for, PostgreSQL's, which are the standard's."""
    return SIMULATORS.get(dialect, PostgresqlSimulator)
