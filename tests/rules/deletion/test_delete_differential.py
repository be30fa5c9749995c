"""The safe delete over random schemas and mappings: it does what it reports, or says why and changes nothing."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from conftest import Database
from diag_rules.deletion import DeletionRefused, DeletionRules, Outcome, Verdict
from diag_rules.deletion._verdict import How
from rules.deletion._comparison import built, gone, knowing, lost, read
from rules.deletion._graphs import Graph, Key, graph
from rules.deletion._mappings import mapping, subjects
from rules.deletion._truths import Snapshot, compared, dangles_at_commit, ending, snapshot

FIRST = int(os.environ.get("DIAG_SEED", "1"))
FEW = int(os.environ.get("DIAG_GRAPHS", "12"))

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning"),  # random mappings overlap and warn
]


@dataclass
class Tally:
    """What the deletions have come to, and every fault with its seed."""

    deleted: int = 0
    cleared: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", How)
def test_a_safe_delete_does_what_it_reports_or_nothing(database: Database, how: How) -> None:
    engine = database.engine()
    tally = Tally()
    for seed in range(FIRST, FIRST + FEW):
        found = graph(seed, engine.dialect.name)
        with built(engine, found):
            for rules, table, key, clears in cases(engine, found, how):
                fault = tried(engine, found, rules, table, key, how, clears, tally)
                if fault:
                    tally.wrong.append(f"seed {seed} {table} {key} {how} clears={clears}: {fault}")

    assert tally.wrong == []
    assert min(tally.deleted, tally.cleared, tally.refused) > 0


def cases(engine: sa.Engine, found: Graph, how: How) -> Iterator[tuple[DeletionRules, str, int, bool]]:
    """Every row, without a policy and with one that clears what it can; a mapped class or its table."""
    classes = mapping(found, random.Random(found.seed))
    schema = read(engine)
    named: list[tuple[Any, str, list[int]]] = [
        (cls if how is How.ORM else sa.inspect(cls).local_table, table, keys)
        for table, cls, keys in subjects(found, classes)
    ]
    for policy in (None, clearing(found)):
        for subject, table, keys in named:
            rules = knowing(schema, engine, DeletionRules(subject, policy))
            yield from ((rules, table, key, policy is not None) for key in keys)
    sa.orm.class_mapper(next(iter(classes.values()))).registry.dispose()


def clearing(found: Graph) -> dict[str, Any]:
    """A policy that deletes or detaches whatever refers."""
    rng = random.Random(f"{found.seed} policy")
    return {
        "relation": [
            {
                "table": key.child,
                "columns": list(key.columns),
                "remedy": rng.choice(("delete", "delete", "detach" if detachable(key) else "delete")),
                "automatic": True,
            }
            for key in found.keys
            if key.column != "id"
        ]
    }


def detachable(key: Key) -> bool:
    return key.tenant is None and not key.not_null and not key.domain


def tried(  # noqa: PLR0917 - what one deletion needs
    engine: sa.Engine,
    found: Graph,
    rules: DeletionRules,
    table: str,
    key: int,
    how: How,
    clears: bool,  # noqa: FBT001 - one of a table of cases
    tally: Tally,
) -> str | None:
    """Delete, and take it all back; what is wrong about it, or None."""
    with (
        engine.connect() as connection,
        Session(connection, join_transaction_mode="rollback_only", autoflush=False) as session,
    ):
        before = rules.check(connection, key, how)
        first = snapshot(connection, found)
        try:
            with ending():
                report = rules.delete(session, key, how=how)
        except DeletionRefused as refused:
            tally.refused += 1
            return faults_of_refusal(before, refused.verdict, first, snapshot(connection, found))
        except RecursionError:
            return None  # eager loading that never ends: there is no such object
        finally:
            last = snapshot(connection, found) if connection.in_transaction() else first
            broken = dangles(connection, found)
            connection.rollback()
        tally.deleted += 1
        tally.cleared += len(report.done) > len(report.deleted)
        return broken or faults_of_report(before, report, table, key, first, last)


def dangles(connection: sa.Connection, found: Graph) -> str | None:
    """What COMMIT would refuse."""
    try:
        if found.dialect == "postgresql":
            connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
        if found.dialect == "sqlite" and dangles_at_commit(connection):
            return "a reference points nowhere"
    except sa.exc.SQLAlchemyError as error:
        return f"COMMIT would be refused: {error}"
    return None


def faults_of_refusal(before: Verdict, verdict: Verdict, first: Snapshot, last: Snapshot) -> str | None:
    """A refusal changes nothing, has a reason, and never contradicts what was judged to pass."""
    if first != last:
        return f"refused and changed: {compared(first, last)}"
    if before.deletable:
        return f"judged deletable and refused: {verdict}"
    if not verdict.blockers and not verdict.uncertain_because:
        return f"refused without a reason: {verdict}"
    return None


def faults_of_report(  # noqa: PLR0917 - what is compared
    before: Verdict, report: Verdict, table: str, key: int, first: Snapshot, last: Snapshot
) -> str | None:
    """The report has every row that is gone, unless it says that it can't know."""
    truth = compared(first, last)
    done: Counter[str] = Counter()
    for effect in report.done:
        done[effect.table] += 0 if effect.columns else effect.count
    if key in last[table]:
        return f"reported and still there: {report}"
    if before.outcome is Outcome.DELETABLE and (gone(before), lost(before)) != (truth.gone, truth.lost):
        return f"judged otherwise: {truth} / {before}"
    if not report.uncertain_because and +done != +truth.gone:
        return f"reported otherwise: {truth} / {report}"
    return None
