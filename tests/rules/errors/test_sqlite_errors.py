"""Real errors of SQLite, synchronous and not, wrapped and bare."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from diag_rules.errors import classify
from rules.errors._attempt import Situation, attempt
from rules.errors._provoked import assert_means
from rules.errors._sqlite import DRIVERS, SCHEMA, SITUATIONS


def _cases() -> Iterator[Any]:
    for driver in DRIVERS:
        for situation in SITUATIONS:
            if not situation.drivers or driver in situation.drivers:
                yield pytest.param(driver, situation, id=f"{driver}-{situation}")


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A file with the schema."""
    found = str(tmp_path / "errors.sqlite")
    with closing(sqlite3.connect(found)) as connection:
        for statement in re.split(r";\n(?!\s)", SCHEMA):
            connection.execute(statement)
        connection.commit()
    return found


@pytest.mark.parametrize(("driver", "situation"), list(_cases()))
def test_an_error_of_sqlite_means_the_same_through_every_driver(
    driver: str, situation: Situation, path: str, keep: Any
) -> None:
    url = URL.create(f"sqlite+{driver}", database=path)

    error = attempt(url, URL.create("sqlite", database=path), situation.provoke)

    keep(
        f"sqlite-{driver}-{situation}", error, situation.category, classify(error).kind, situation.constraint
    )
    assert_means(error, situation)


def test_columns_of_a_unique_constraint_are_named(path: str) -> None:
    url = URL.create("sqlite", database=path)

    answer = classify(attempt(url, url, lambda bench: bench.run("INSERT INTO pair VALUES (1, 1), (1, 1)")))

    assert (answer.table, answer.columns) == ("pair", ("a", "b"))
