"""Ranges of keys, going on after an end, and the sums of a scan."""

from __future__ import annotations

import datetime as dt
from itertools import islice
from typing import Any

import pytest
import sqlalchemy as sa

from conftest import Database
from diag_rules.deletion import DeletionRules, How, KeyRange, Outcome, RuleTotal, ScanSummary, rule_of
from rules.deletion._scanned import MADE, POLICY, Account, Base, Project, Tenanted, Unique, filled

SUBJECTS = [Project, Tenanted, Unique, Account]


@pytest.fixture
def engine(database: Database) -> sa.Engine:
    found = database.engine()
    filled(found)
    return found


@pytest.mark.parametrize("how", ["orm", "sql"])
def test_a_scan_with_a_policy_gives_the_blockers_and_warnings_of_the_check(
    engine: sa.Engine, how: str
) -> None:
    rules = DeletionRules(Project, POLICY)
    with engine.connect() as connection:
        keys = connection.scalars(sa.select(Project.id).order_by(Project.id)).all()
        checked = [rules.check(connection, key, how) for key in keys]
        connection.rollback()

        scanned = list(rules.scan(connection, how))

    blocked = [verdict for verdict in checked if verdict.blockers]
    assert [verdict.key for verdict in scanned] == [verdict.key for verdict in blocked]
    for one, other in zip(scanned, blocked, strict=True):
        assert one.blockers == other.blockers
        assert one.warnings == other.warnings
        assert one.depends_on_loaded == other.depends_on_loaded
    assert {rule_of(each) for verdict in scanned for each in verdict.blockers} >= {
        "legal-hold",
        "many-releases",
        "moves.project_id",
    }


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_scan_goes_on_after_the_last_key_it_gave(engine: sa.Engine, subject: Any) -> None:
    rules = DeletionRules(subject)
    with engine.connect() as connection:
        whole = list(rules.scan(connection))
        first = list(islice(rules.scan(connection), 3))
        connection.rollback()

        rest = list(rules.scan(connection, after=first[-1].key))

    assert len(whole) > 5
    assert [*first, *rest] == whole


@pytest.mark.parametrize("count", [1, 2, 5, 100])
@pytest.mark.parametrize("subject", SUBJECTS)
def test_ranges_of_keys_cover_every_subject_once(engine: sa.Engine, subject: Any, count: int) -> None:
    rules = DeletionRules(subject)
    with engine.connect() as connection:
        whole = list(rules.scan(connection))
        ranges = rules.key_ranges(connection, count)

        parts = [
            verdict
            for each in ranges
            for verdict in rules.scan(connection, after=each.after, until=each.until)
        ]

    assert parts == whole
    assert len(ranges) <= count
    assert ranges[0].after is None
    assert ranges[-1].until is None


def test_ranges_of_keys_hold_about_as_many_subjects_each(engine: sa.Engine) -> None:
    rules = DeletionRules(Project)
    with engine.begin() as connection:
        connection.execute(sa.insert(Project), [{"id": 10**6 + n} for n in range(60)])  # far from the others
    with engine.connect() as connection:
        ranges = rules.key_ranges(connection, 4)

        sizes = [size(connection, each) for each in ranges]

    assert sizes == [30, 30, 30, 30]


def size(connection: sa.Connection, keys: KeyRange) -> int:
    found = sa.select(sa.func.count()).select_from(Project)
    if keys.after is not None:
        found = found.where(Project.id > keys.after)
    if keys.until is not None:
        found = found.where(Project.id <= keys.until)
    return connection.scalar(found) or 0


def test_no_ranges_are_refused_with_the_way_out(engine: sa.Engine) -> None:
    with engine.connect() as connection, pytest.raises(ValueError, match="ask for 1 or more"):
        DeletionRules(Project).key_ranges(connection, 0)


def test_a_key_that_no_column_holds_is_refused_at_once(engine: sa.Engine) -> None:
    with engine.connect() as connection, pytest.raises(ValueError, match="'abc' can be no key of Project"):
        DeletionRules(Project).scan(connection, after="abc")


def test_only_subjects_that_a_rule_blocks_are_given_with_all_their_blockers(engine: sa.Engine) -> None:
    rules = DeletionRules(Project, POLICY)
    with engine.connect() as connection:
        whole = list(rules.scan(connection))

        found = list(rules.scan(connection, rules=["moves.project_id"]))

    expected = [each for each in whole if "moves.project_id" in map(rule_of, each.blockers)]
    assert found == expected
    assert 0 < len(found) < len(whole)


@pytest.mark.parametrize("how", ["orm", "sql"])
def test_totals_are_the_sums_of_the_verdicts(engine: sa.Engine, how: str) -> None:
    rules = DeletionRules(Project, POLICY)
    with engine.connect() as connection:
        verdicts = list(rules.scan(connection, how))

        totals = rules.totals(connection, how, oldest=False)

    assert totals == ScanSummary.of("Project", how, verdicts)
    assert totals.blocked == sum(verdict.outcome is Outcome.BLOCKED for verdict in verdicts)


def test_totals_of_ranges_add_up_to_the_whole(engine: sa.Engine) -> None:
    rules = DeletionRules(Project, POLICY)
    with engine.connect() as connection:
        whole = rules.totals(connection)

        first, second = rules.totals(connection, until=25), rules.totals(connection, after=25)

    assert first + second == whole


def test_totals_tell_how_old_the_oldest_leftover_is(engine: sa.Engine) -> None:
    rules = DeletionRules(Project)
    with engine.connect() as connection:
        totals = rules.totals(connection)

    assert totals.rules["invitations.project_id"].oldest == MADE + dt.timedelta(days=1)
    assert totals.rules["moves.project_id"].oldest is None


def test_what_grew_is_told_by_rule_the_most_first() -> None:
    before = summary(
        a=RuleTotal(subjects=2, rows=5), b=RuleTotal(subjects=1, rows=1), c=RuleTotal(subjects=1, rows=1)
    )
    after = summary(
        a=RuleTotal(subjects=3, rows=5), c=RuleTotal(subjects=1, rows=1), d=RuleTotal(subjects=9, rows=9)
    )

    grown = after.since(before)

    assert [(each.rule, each.subjects, each.rows, each.new, each.gone) for each in grown] == [
        ("d", 9, 9, True, False),
        ("a", 1, 0, False, False),
        ("b", -1, -1, False, True),
    ]


def summary(**rules: RuleTotal) -> ScanSummary:
    return ScanSummary(subject="Project", how=How.ORM, rules=rules)


def test_an_empty_database_has_nothing_to_scan(database: Database) -> None:
    engine = database.engine()
    Base.metadata.create_all(engine)
    rules = DeletionRules(Project, POLICY)
    with engine.connect() as connection:
        assert list(rules.scan(connection)) == []
        assert rules.key_ranges(connection, 3) == [KeyRange(None, None)]
        assert rules.totals(connection) == ScanSummary.of("Project", "orm", [])
