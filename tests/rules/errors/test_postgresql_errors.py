"""Real errors of PostgreSQL 18 and 15, through every driver, wrapped and bare."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import URL, NullPool, create_engine, text

from _servers import NotFound, Servers
from diag_rules.errors import Retry, classify
from rules.errors._attempt import Situation, attempt
from rules.errors._postgresql import DRIVERS, SCHEMA, SITUATIONS, deadlock, terminated_before_commit
from rules.errors._provoked import assert_means

NAMES = ("postgresql", "postgresql15")


def _cases() -> Iterator[Any]:
    for name in NAMES:
        for driver in DRIVERS:
            for situation in SITUATIONS:
                wanted = not situation.drivers or driver in situation.drivers
                if wanted and (not situation.servers or name in situation.servers):
                    yield pytest.param(name, driver, situation, id=f"{name}-{driver}-{situation}")


@pytest.fixture(scope="module")
def urls(servers: Servers) -> Iterator[Callable[[str], URL]]:
    """The address of a database with the schema, by the name of its server."""
    made: dict[str, URL] = {}

    def url(name: str) -> URL:
        if name not in made:
            server = servers.shared(name)
            server.create_database("errors")
            made[name] = server.url(database="errors")
            engine = create_engine(made[name], poolclass=NullPool)
            with engine.begin() as connection:
                connection.execute(
                    text("DO $$ BEGIN CREATE ROLE clerk; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
                )
                for statement in re.split(r";\n(?!\s)", SCHEMA):
                    connection.execute(text(statement))
        return made[name]

    yield url
    for name in made:
        servers.shared(name).drop_database("errors")


@pytest.mark.parametrize(("name", "driver", "situation"), list(_cases()))
def test_an_error_of_postgresql_means_the_same_through_every_driver(  # noqa: PLR0917 - fixtures are arguments
    name: str, driver: str, situation: Situation, urls: Any, absent: Any, keep: Any
) -> None:
    try:
        url = urls(name)
    except NotFound as missing:
        absent(str(missing))

    error = attempt(url.set(drivername=f"postgresql+{driver}"), url, situation.provoke)

    keep(
        f"{name}-{driver}-{situation}", error, situation.category, classify(error).kind, situation.constraint
    )
    assert_means(error, situation)


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_connection_lost_before_commit_leaves_the_outcome_unknown(driver: str, urls: Any) -> None:
    url = urls("postgresql")

    answer = classify(attempt(url.set(drivername=f"postgresql+{driver}"), url, terminated_before_commit))

    assert answer.retry is Retry.UNKNOWN_OUTCOME
    assert answer.phase == "commit"


def test_a_deadlock_may_be_repeated_as_a_whole_transaction(urls: Any) -> None:
    url = urls("postgresql")

    answer = classify(attempt(url, url, deadlock))

    assert answer.retry is Retry.TRANSACTION


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("statement", ["DELETE FROM parent WHERE id = 1", "INSERT INTO child VALUES (9, 99)"])
def test_a_foreign_key_names_its_table_columns_and_the_table_it_refers_to(
    driver: str, statement: str, urls: Any
) -> None:
    url = urls("postgresql")

    answer = classify(
        attempt(url.set(drivername=f"postgresql+{driver}"), url, lambda bench: bench.run(statement))
    )

    assert (answer.table, answer.referenced_table) == ("child", "parent")
    assert answer.columns == (("id",) if statement.startswith("DELETE") else ("parent_id",))
