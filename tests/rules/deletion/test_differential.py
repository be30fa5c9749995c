"""Predictions against really deleting, over random schemas and rows; the seed of a failure is in its message."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from conftest import Database
from diag_rules.deletion import DeletionRules, Outcome, Verdict
from diag_rules.deletion._verdict import How
from rules.deletion._graphs import (
    Graph,
    Truth,
    build,
    delete_object,
    delete_row,
    drop,
    graph,
    mapping,
    unenforced,
)

FIRST = int(os.environ.get("DIAG_SEED", "1"))
FEW = int(os.environ.get("DIAG_GRAPHS", "40"))
MANY = int(os.environ.get("DIAG_MANY_GRAPHS", "2000"))

pytestmark = pytest.mark.filterwarnings(
    "ignore::sqlalchemy.exc.SAWarning"
)  # random mappings overlap and warn


def test_a_plain_delete_does_what_was_predicted(database: Database) -> None:
    compare_sql(database, range(FIRST, FIRST + FEW))


def test_a_session_delete_does_what_was_predicted(database: Database) -> None:
    compare_orm(database, range(FIRST, FIRST + FEW))


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_plain_delete_does_what_was_predicted_thousands_of_times(database: Database) -> None:
    compare_sql(database, range(FIRST, FIRST + MANY))


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_session_delete_does_what_was_predicted_thousands_of_times(database: Database) -> None:
    compare_orm(database, range(FIRST, FIRST + MANY))


def compare_sql(database: Database, seeds: range) -> None:
    engine = database.engine()
    judged = blocked = 0
    for seed in seeds:
        with built(engine, graph(seed, database.dialect)) as found:
            for table in found.tables:
                rules = DeletionRules(reflected(found, table))
                for row in found.rows[table]:
                    verdict = judged_both_ways(engine, rules, row["id"], "sql")
                    truth = delete_row(engine, found, table, row["id"])
                    agree(found, table, verdict, truth)
                    judged += 1
                    if truth.error is not None:
                        blocked += 1
                        cleared_passes(engine, found, rules, table, row["id"])
    print(f"{database.name}: seeds {seeds.start}-{seeds.stop - 1}, {judged} rows judged, {blocked} blocked")  # noqa: T201 - the seeds, for whoever repeats the run
    assert 0 < blocked < judged


def compare_orm(database: Database, seeds: range) -> None:
    engine = database.engine()
    judged = blocked = uncertain = 0
    for seed in seeds:
        with built(engine, graph(seed, database.dialect)) as found:
            classes = mapping(found, random.Random(seed))
            for table, cls in classes.items():
                rules = DeletionRules(cls)
                for row in found.rows[table]:
                    verdict = judged_both_ways(engine, rules, row["id"], "orm")
                    truth = delete_object(engine, found, cls, row["id"])
                    judged += 1
                    blocked += truth.error is not None
                    if verdict.outcome is Outcome.UNCERTAIN:
                        uncertain += 1
                    else:
                        agree(found, table, verdict, truth)
            sa.orm.class_mapper(next(iter(classes.values()))).registry.dispose()
    print(  # noqa: T201 - the seeds, for whoever repeats the run
        f"{database.name}: seeds {seeds.start}-{seeds.stop - 1}, {judged} objects, {blocked} blocked, {uncertain} uncertain"
    )
    assert 0 < blocked < judged
    assert uncertain <= judged * 0.02


@contextmanager
def built(engine: Engine, found: Graph) -> Iterator[Graph]:
    """The graph in the database, for this block."""
    with engine.connect() as connection:
        build(connection, found)
        try:
            yield found
        finally:
            drop(connection, found)


def reflected(found: Graph, table: str) -> sa.Table:
    """The table by its key alone: the rest is the catalogs' to tell."""
    return sa.Table(table, sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))


def judged_both_ways(engine: Engine, rules: DeletionRules, key: int, how: str) -> Verdict:
    """The verdict; counting, where it decides, has to say the same as playing."""
    with engine.connect() as connection:
        rules.refresh()
        verdict = rules.check(connection, key, how)
        played, _ = rules.play(connection, (key,), How(how))
        assert verdict.outcome == played.outcome, f"{verdict} {played}"
        assert verdict.blockers or set(verdict.deleted) == set(played.deleted), f"{verdict} {played}"
        assert {(item.table, item.columns, item.count) for item in verdict.blockers} == {
            (item.table, item.columns, item.count) for item in played.blockers
        }
        return verdict


def agree(found: Graph, table: str, verdict: Verdict, truth: Truth) -> None:
    """Outcome, named constraint and rows that went are those of the real deletion."""
    what = f"seed {found.seed} on {found.dialect}: {table} {verdict.key} {verdict.how}: {truth} / {verdict}"
    assert (verdict.outcome is Outcome.BLOCKED) == (truth.error is not None), what
    assert verdict.outcome is not Outcome.UNCERTAIN, what
    if truth.error is None:
        assert {effect.table: effect.count for effect in verdict.deleted} == dict(truth.gone), what
    names = [blocker.constraint for blocker in verdict.blockers if blocker.constraint is not None]
    named = [key.name for key in found.keys if f'"{key.name}"' in str(truth.error)]
    assert set(named) <= set(names), what


def cleared_passes(engine: Engine, found: Graph, rules: DeletionRules, table: str, key: int) -> None:
    """Without exactly the rows that were named as blockers, the deletion passes."""
    with engine.connect() as connection:
        _, held = rules.play(connection, (key,), How.SQL)
        rows = without_dangling(found, {(row.home, row.values["id"]) for item in held for row in item.rows})
        if (table, key) in rows:  # its own reference blocks it (InnoDB): clearing is an UPDATE there
            return
        if any(
            (fk.parent, fk.default) in rows for fk in found.keys
        ):  # a default would point to what was cleared
            return
        saved = {home: [row for row in found.rows[home] if (home, row["id"]) in rows] for home, _ in rows}
        with unenforced(connection):
            for home, identity in rows:
                connection.exec_driver_sql(f"DELETE FROM {home} WHERE id = {identity}")
            connection.commit()
        truth = delete_row(engine, found, table, key)
        with unenforced(connection):
            for home, lost in saved.items():
                clause = sa.table(home, *(sa.column(name) for name in lost[0]))
                connection.execute(sa.insert(clause), lost)
            connection.commit()
    assert truth.error is None, (
        f"seed {found.seed} on {found.dialect}: {table} {key} still blocked: {truth.error}"
    )


def without_dangling(found: Graph, rows: set[tuple[str, int]]) -> set[tuple[str, int]]:
    """The rows, and all that refer to them: nothing may dangle after they are taken away."""
    while True:
        more = {
            (key.child, row["id"])
            for key in found.keys
            for row in found.rows[key.child]
            if (key.parent, row[key.column]) in rows
        }
        if more <= rows:
            return rows
        rows = rows | more
