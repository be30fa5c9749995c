"""Scans that are kept: one at a time, each shard once, late results never."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from diag.store._incidents import NOON, after
from flask_diag.store import (
    BlockedSubject,
    RelationTotal,
    ScanIncomplete,
    ScanOvertaken,
    ScanRunning,
    ShardTotals,
    Store,
)
from flask_diag.store._scan_write import sort_of
from flask_diag.store._tables import blocked, blocked_rule

pytestmark = pytest.mark.only("sqlite", "postgresql", "mariadb")
MakeStore = Callable[..., Store]


def stuck(*keys: int, **rules: int) -> list[BlockedSubject]:
    """Return blocked subjects."""
    return [
        BlockedSubject(key=str(key), rules=rules or {"fk_files": key}, blockers=({"hint": "关闭 3 个报告"},))
        for key in keys
    ]


def kept_rows(store: Store) -> int:
    """Return the rows of blocked subjects and of their rules."""
    with store.database.read() as connection:
        counts = [
            connection.execute(select(func.count()).select_from(table)) for table in (blocked, blocked_rule)
        ]
        return sum(count.scalar_one() for count in counts)


def test_a_scan_in_shards_adds_up(store: Store) -> None:
    """The summary sums what the shards found, and knows the oldest rows."""
    run = store.scans.begin("Project", "orm", shards=2)
    store.scans.record_shard(
        run, 0, stuck(1, 2, fk_files=2, fk_roles=1), ShardTotals(subjects=100, oldest={"fk_files": after(5)})
    )
    unsure = BlockedSubject(key="9", rules={}, outcome="uncertain")
    store.scans.record_shard(
        run, 1, [*stuck(7, fk_files=5), unsure], lambda: ShardTotals(subjects=50, oldest={"fk_files": NOON})
    )

    done = store.scans.finish(run)

    assert (done.subjects, done.blocked, done.uncertain) == (150, 3, 1)
    assert done.relations == (
        RelationTotal(rule="fk_files", subjects=3, rows=9, oldest=NOON),
        RelationTotal(rule="fk_roles", subjects=2, rows=2),
    )
    assert store.scans.latest("Project", "orm") == done
    assert store.scans.latest("Project", "sql") is None
    assert store.scans.previous(done) is None


def test_the_scan_before_is_there_to_compare_with(store: Store) -> None:
    scans = []
    for keys in ((1,), (1, 2)):
        run = store.scans.begin("Project", "orm")
        store.scans.record_shard(run, 0, stuck(*keys), ShardTotals(subjects=10))
        scans.append(store.scans.finish(run))

    assert store.scans.latest("Project", "orm") == scans[1]
    assert store.scans.previous(scans[1]) == scans[0]


def test_a_second_scan_is_refused_while_one_runs(make_store: MakeStore) -> None:
    """The message says since when, and until when; another way and another application may."""
    store, other = make_store(), make_store()
    run = store.scans.begin("Project", "orm")

    with pytest.raises(ScanRunning, match=f"Scan {run.id} is running since") as refused:
        other.scans.begin("Project", "orm")
    assert refused.value.until > refused.value.started
    other.scans.begin("Project", "sql")
    make_store("warehouse").scans.begin("Project", "orm")
    store.scans.fail(run)
    assert other.scans.begin("Project", "orm").id > run.id


def test_of_many_that_begin_at_once_one_does(make_store: MakeStore) -> None:
    stores, begun, refused = [make_store() for _ in range(6)], [], []
    gate = threading.Barrier(len(stores))

    def begin(store: Store) -> None:
        gate.wait()
        try:
            begun.append(store.scans.begin("Project", "orm"))
        except ScanRunning as error:
            refused.append(error)

    threads = [threading.Thread(target=begin, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert (len(begun), len(refused)) == (1, 5)


def test_a_scan_that_died_is_overtaken_and_its_late_results_are_refused(store: Store) -> None:
    """When its lease has run out the next begins; whatever the old one sends then changes nothing."""
    clock = [NOON]
    store.scans._clock = lambda: clock[0]
    old = store.scans.begin("Project", "orm", shards=2, lease=60)
    store.scans.record_shard(old, 0, stuck(1, 2, 3), ShardTotals(subjects=10), lease=60)
    clock[0] += timedelta(seconds=61)

    new = store.scans.begin("Project", "orm")
    for late in (
        lambda: store.scans.record_shard(old, 1, stuck(5), ShardTotals(subjects=10)),
        lambda: store.scans.finish(old),
        lambda: store.scans.renew(old),
    ):
        with pytest.raises(ScanOvertaken):
            late()
    store.scans.fail(old)
    store.scans.record_shard(new, 0, stuck(4), ShardTotals(subjects=10))

    done = store.scans.finish(new)
    assert done.blocked == 1
    assert [one.key for one in store.scans.blocked(done).items] == ["4"]


def test_a_scan_that_goes_on_is_not_overtaken(store: Store) -> None:
    clock = [NOON]
    store.scans._clock = lambda: clock[0]
    run = store.scans.begin("Project", "orm", lease=60)

    clock[0] += timedelta(seconds=59)
    store.scans.renew(run, lease=60)
    clock[0] += timedelta(seconds=59)

    with pytest.raises(ScanRunning):
        store.scans.begin("Project", "orm")


def test_a_shard_that_is_done_twice_counts_once(store: Store) -> None:
    """A queue that delivers twice is harmless, whatever the second time found."""
    run = store.scans.begin("Project", "orm")

    first = store.scans.record_shard(run, 0, stuck(1, 2), ShardTotals(subjects=10))
    again = store.scans.record_shard(run, 0, stuck(2, 3, 4), ShardTotals(subjects=99))

    assert (first, again) == (True, False)
    done = store.scans.finish(run)
    assert (done.subjects, done.blocked) == (10, 2)
    assert [one.key for one in store.scans.blocked(done).items] == ["1", "2"]


def test_two_attempts_at_a_shard_at_once_count_once(store: Store) -> None:
    """The one that ends first counts, though both were at it with different findings."""
    run = store.scans.begin("Project", "orm")

    def slow() -> Iterator[BlockedSubject]:
        yield from stuck(*range(1, 1500))
        assert store.scans.record_shard(run, 0, stuck(7), ShardTotals(subjects=10))
        yield from stuck(2000)

    assert not store.scans.record_shard(run, 0, slow(), ShardTotals(subjects=5000))
    done = store.scans.finish(run)
    assert (done.subjects, done.blocked, kept_rows(store)) == (10, 1, 2)


def test_an_attempt_that_fails_leaves_nothing(store: Store) -> None:
    run = store.scans.begin("Project", "orm")

    def broken() -> Iterator[BlockedSubject]:
        yield from stuck(*range(1, 1500))
        raise OSError("the database went away")

    with pytest.raises(OSError, match="went away"):
        store.scans.record_shard(run, 0, broken(), ShardTotals(subjects=1))
    with pytest.raises(ScanIncomplete, match="shards 0"):
        store.scans.finish(run)
    assert (store.scans.done(run), kept_rows(store)) == ((), 0)


def test_blocked_subjects_come_in_pages_by_key_as_numbers_sort(store: Store) -> None:
    """2 stands before 10, each comes once, with its blockers and rules."""
    run = store.scans.begin("Project", "orm")
    store.scans.record_shard(run, 0, stuck(10, 2, 33, -4, 100), ShardTotals(subjects=5))
    done = store.scans.finish(run)

    first = store.scans.blocked(done, limit=3)
    second = store.scans.blocked(done, limit=3, after=first.next)

    assert [one.key for one in (*first.items, *second.items)] == ["-4", "2", "10", "33", "100"]
    assert second.next is None
    assert first.items[1].blockers == ({"hint": "关闭 3 个报告"},)
    assert first.items[1].rules == {"fk_files": 2}
    assert store.scans.blocked_one(done, "33") == second.items[0]
    assert store.scans.blocked_one(done, "34") is None


def test_blocked_subjects_of_one_rule_come_with_most_rows_first(store: Store) -> None:
    run = store.scans.begin("Project", "orm")
    subjects = [
        *stuck(1, fk_files=5, fk_roles=1),
        *stuck(2, fk_files=9),
        *stuck(3, fk_roles=4),
        *stuck(4, fk_files=9),
    ]
    store.scans.record_shard(run, 0, subjects, ShardTotals(subjects=5))
    done = store.scans.finish(run)

    first = store.scans.blocked(done, rule="fk_files", order="rows", limit=2)
    second = store.scans.blocked(done, rule="fk_files", order="rows", limit=2, after=first.next)

    assert [one.key for one in (*first.items, *second.items)] == ["2", "4", "1"]
    assert second.items[0].rules == {"fk_files": 5, "fk_roles": 1}


@pytest.mark.parametrize("wrong", [{"order": "name"}, {"limit": 0}, {"limit": 501}, {"after": "x"}])
def test_a_page_that_cannot_be_is_refused(store: Store, wrong: dict[str, object]) -> None:
    run = store.scans.begin("Project", "orm")
    store.scans.record_shard(run, 0, stuck(1), ShardTotals(subjects=1))
    done = store.scans.finish(run)

    with pytest.raises(ValueError, match="give"):
        store.scans.blocked(done, **wrong)  # type: ignore[arg-type] # that is the point


def test_only_the_last_two_scans_keep_their_subjects(store: Store) -> None:
    """Their totals stay, for what grew."""
    done = []
    for _ in range(3):
        run = store.scans.begin("Project", "orm")
        store.scans.record_shard(run, 0, stuck(1, 2), ShardTotals(subjects=2))
        done.append(store.scans.finish(run))

    store.prune()
    latest = store.scans.latest("Project", "orm")
    assert latest is not None
    before = store.scans.previous(latest)
    assert before is not None
    oldest = store.scans.previous(before)
    assert oldest is not None
    assert [one.rows_kept for one in (latest, before, oldest)] == [True, True, False]
    assert (oldest.blocked, oldest.relations) == (2, done[0].relations)
    assert kept_rows(store) == 8


@pytest.mark.only("sqlite")
@pytest.mark.parametrize(
    "keys",
    [
        ["-12", "-3", "0", "2", "10", "99999999999999999", "abc"],
        ["1,de", "1,en", "2,de", "10,de"],
        ["a", "b" * 300, "c"],
    ],
)
def test_the_sort_of_a_key_is_that_of_its_values(keys: list[str]) -> None:
    sorts = [sort_of(key) for key in keys]
    assert sorts == sorted(sorts)
    assert len(set(sorts)) == len(sorts)
    assert max(map(len, sorts)) <= 220
