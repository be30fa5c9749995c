"""Real errors of MariaDB, through every driver, wrapped and bare."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import URL, NullPool, create_engine

from _servers import NotFound, Servers
from diag_rules.errors import Retry, classify
from rules.errors._attempt import Situation, attempt, load
from rules.errors._mariadb import DRIVERS, SCHEMA, SITUATIONS, killed_before_commit
from rules.errors._provoked import assert_means

MODULES = {"mysqldb": "MySQLdb", "mariadbconnector": "mariadb"}


def _cases() -> Iterator[Any]:
    for driver in DRIVERS:
        for situation in SITUATIONS:
            if not situation.drivers or driver in situation.drivers:
                yield pytest.param(driver, situation, id=f"{driver}-{situation}")


@pytest.fixture(scope="module")
def url(servers: Servers) -> Iterator[Callable[[], URL]]:
    """The address of a database with the schema, made when first asked for."""
    made: list[URL] = []

    def make() -> URL:
        if not made:
            server = servers.shared("mariadb")
            server.create_database("errors")
            made.append(server.url(database="errors"))
            engine = create_engine(made[0], poolclass=NullPool)
            with engine.begin() as connection:
                for statement in re.split(r";\n(?!\s)", SCHEMA):
                    if statement.strip():
                        connection.exec_driver_sql(statement)
        return made[0]

    yield make
    if made:
        servers.shared("mariadb").drop_database("errors")


def _database(url: Callable[[], URL], driver: str, absent: Callable[[str], None]) -> URL:
    if driver in MODULES:
        try:
            load(URL.create(f"mysql+{driver}"))
        except ImportError:
            absent(f"{MODULES[driver]}: built against libmariadb, which `make services` installs")
    try:
        return url()
    except NotFound as missing:
        absent(str(missing))
        raise


@pytest.mark.parametrize(("driver", "situation"), list(_cases()))
def test_an_error_of_mariadb_means_the_same_through_every_driver(
    driver: str, situation: Situation, url: Any, absent: Any, keep: Any
) -> None:
    plain = _database(url, driver, absent)

    error = attempt(plain.set(drivername=f"mysql+{driver}"), plain, situation.provoke)

    keep(
        f"mariadb-{driver}-{situation}", error, situation.category, classify(error).kind, situation.constraint
    )
    assert_means(error, situation)


@pytest.mark.parametrize("driver", ["pymysql", "aiomysql", "asyncmy"])
def test_a_connection_killed_before_commit_leaves_the_outcome_unknown(
    driver: str, url: Any, absent: Any
) -> None:
    plain = _database(url, driver, absent)

    answer = classify(attempt(plain.set(drivername=f"mysql+{driver}"), plain, killed_before_commit))

    assert answer.retry is Retry.UNKNOWN_OUTCOME


def test_a_foreign_key_names_its_table_columns_and_the_table_it_refers_to(url: Any, absent: Any) -> None:
    plain = _database(url, "pymysql", absent)

    answer = classify(
        attempt(plain, plain, lambda bench: bench.run("INSERT INTO composite_child VALUES (1, 5, 5)"))
    )

    assert (answer.table, answer.columns, answer.referenced_table) == (
        "composite_child",
        ("a", "b"),
        "composite",
    )
