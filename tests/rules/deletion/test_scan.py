"""The scan says of every subject what the check says of one."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from conftest import Database
from diag_rules.deletion import DeletionRules, Outcome, Verdict
from rules.deletion._comparison import built, reflected
from rules.deletion._graphs import Graph, graph
from rules.deletion._mappings import mapping

FIRST = int(os.environ.get("DIAG_SEED", "1"))
FEW = int(os.environ.get("DIAG_GRAPHS", "20"))
MANY = int(os.environ.get("DIAG_MANY_GRAPHS", "2000"))

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning"),  # random mappings overlap and warn
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", ["sql", "orm"])
def test_a_scan_finds_what_the_check_finds_key_by_key(database: Database, how: str) -> None:
    compare(database, how, range(FIRST, FIRST + FEW))


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("how", ["sql", "orm"])
def test_a_scan_finds_what_the_check_finds_thousands_of_times(database: Database, how: str) -> None:
    compare(database, how, range(FIRST, FIRST + MANY))


def compare(database: Database, how: str, seeds: range) -> None:
    engine = database.engine()
    judged = found = 0
    for seed in seeds:
        with built(engine, graph(seed, database.dialect)) as schema:
            for table, rules in subjects(schema, how):
                with engine.connect() as connection:
                    checked = [rules.check(connection, row["id"], how) for row in schema.rows[table]]
                with engine.connect() as connection:
                    scanned = list(rules.scan(connection, how))
                    assert not connection.in_transaction()

                expected = [told(verdict) for verdict in checked if verdict.outcome is not Outcome.DELETABLE]
                what = f"seed {seed} on {database.name}: {table} {how}"
                assert [told(verdict) for verdict in scanned] == expected, what
                judged += len(checked)
                found += len(scanned)
    print(f"{database.name} {how}: seeds {seeds.start}-{seeds.stop - 1}, {judged} judged, {found} found")  # noqa: T201 - the seeds, for whoever repeats the run
    assert 0 < found < judged


def subjects(schema: Graph, how: str) -> Iterator[tuple[str, DeletionRules]]:
    """The rules of each table of the graph; mappings are forgotten at the end."""
    if how == "sql":
        for table in schema.tables:
            yield table, DeletionRules(reflected(table))
        return
    classes = mapping(schema, random.Random(schema.seed))
    for table, cls in classes.items():
        yield table, DeletionRules(cls)
    sa.orm.class_mapper(next(iter(classes.values()))).registry.dispose()


def told(verdict: Verdict) -> object:
    """What a scan tells of a subject."""
    return (
        verdict.key,
        verdict.outcome,
        verdict.blockers,
        verdict.uncertain_because,
        verdict.warnings,
        verdict.depends_on_loaded,
    )
