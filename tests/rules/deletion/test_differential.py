"""Predictions against really deleting, over random schemas and rows; the seed of a difference is in its message."""

from __future__ import annotations

import os

import pytest
import sqlalchemy as sa

from conftest import Database
from diag_rules.deletion._verdict import How
from rules.deletion._comparison import compare

FIRST = int(os.environ.get("DIAG_SEED", "1"))
FEW = int(os.environ.get("DIAG_GRAPHS", "40"))
MANY = int(os.environ.get("DIAG_MANY_GRAPHS", "2000"))

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning"),  # random mappings overlap and warn
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", How)
def test_a_deletion_does_what_was_predicted(database: Database, how: How) -> None:
    holds(database, how, range(FIRST, FIRST + FEW))


@pytest.mark.slow
@pytest.mark.timeout(14400)
@pytest.mark.parametrize("how", How)
def test_a_deletion_does_what_was_predicted_thousands_of_times(database: Database, how: How) -> None:
    holds(database, how, range(FIRST, FIRST + MANY))


def holds(database: Database, how: How, seeds: range) -> None:
    """No difference, and next to no verdict that is uncertain."""
    tally = compare(engine_of(database), seeds, how)

    print(f"{database.name} {how}, seeds {seeds.start}-{seeds.stop - 1}: {tally}")  # noqa: T201 - the seeds, for whoever repeats the run
    assert tally.wrong == []
    assert 0 < tally.blocked < tally.judged
    assert tally.uncertain <= tally.judged * 0.02, tally.reasons


def engine_of(database: Database) -> sa.Engine:
    """An engine; on SQLite one that does not wait for the disk, since nothing here outlives the test."""
    engine = database.engine()
    if database.dialect == "sqlite":
        sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    return engine
