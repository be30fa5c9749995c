"""A scan that workers share, without a broker: whatever becomes of messages and workers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import Celery  # type: ignore[import-untyped]
from celery.schedules import crontab  # type: ignore[import-untyped]
from flask import Flask
from sqlalchemy import Engine, text

from diag._shop import Shop
from diag.scan.conftest import MakeShop, diagnostics
from diag_rules.deletion import How
from flask_diag.celery import register
from flask_diag.scanning import ScanFailed, SharedScan, Sharing

pytestmark = pytest.mark.only("sqlite", "postgresql", "mariadb")
once = pytest.mark.only("sqlite")  # nothing of the store's is in question

CLAIM = 30


@dataclass
class Crew:
    """Workers with one clock, and the messages that wait for them."""

    make: MakeShop
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    messages: list[tuple[int, str, int]] = field(default_factory=list)
    scans: Any = None

    def worker(self) -> SharedScan:
        store = diagnostics(self.make()).store
        assert store is not None
        store.scans._clock = self.clock
        self.scans = store.scans
        sharing = Sharing(how=How.ORM, parts=3, timeout=60, claim=CLAIM, give_up=timedelta(hours=1))
        state = diagnostics(self.make())
        return SharedScan(state, "Project", store, sharing, self._send, self.clock)

    def clock(self) -> datetime:
        return self.now

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def deliver(self, worker: SharedScan) -> None:
        """Bring all messages that wait."""
        waiting, self.messages = self.messages, []
        for message in waiting:
            worker.part(*message)

    def latest(self) -> Any:
        return self.scans.latest("Project", "orm")

    def _send(self, scan: int, owner: str, shard: int) -> None:
        self.messages.append((scan, owner, shard))


@pytest.fixture
def crew(make_stored: MakeShop) -> Crew:
    return Crew(make_stored)


def test_the_last_part_ends_the_scan(crew: Crew) -> None:
    worker = crew.worker()

    worker.scan()
    crew.deliver(worker)

    assert (crew.latest().subjects, crew.latest().blocked) == (4, 3)


def test_messages_that_come_twice_or_late_count_once(crew: Crew) -> None:
    worker, other = crew.worker(), crew.worker()
    worker.scan()
    crew.messages += crew.messages
    late = crew.messages[0]

    crew.deliver(worker)
    other.part(*late)

    assert crew.latest().blocked == 3
    assert crew.messages == []


def test_a_second_scan_does_not_begin_while_one_goes_on(crew: Crew) -> None:
    worker, other = crew.worker(), crew.worker()
    worker.scan()
    sent = list(crew.messages)

    other.scan()

    assert crew.messages == sent


def test_lost_messages_are_sent_again(crew: Crew) -> None:
    worker = crew.worker()
    worker.scan()
    crew.messages.clear()

    worker.tend()
    crew.deliver(worker)

    assert crew.latest().blocked == 3


def test_a_part_is_left_to_the_one_who_does_it_until_that_one_is_dead(crew: Crew) -> None:
    worker = crew.worker()
    worker.scan()
    (scan, owner, first), *_ = crew.messages
    run = crew.scans.running("Project", "orm")
    assert (run.id, run.owner) == (scan, owner)
    crew.scans.claim(run, first, "the dead", claim=CLAIM, lease=3600)

    crew.deliver(worker)
    assert crew.latest() is None
    worker.tend()
    assert crew.messages == []
    crew.later(CLAIM)
    worker.tend()
    crew.deliver(worker)

    assert crew.latest().blocked == 3


def test_who_dies_before_ending_the_scan_is_stood_in_for(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = crew.worker()
    worker.scan()
    with monkeypatch.context() as patch:
        patch.setattr(SharedScan, "_finish", lambda *_: None)
        crew.deliver(worker)
    assert crew.latest() is None

    worker.tend()

    assert crew.latest().blocked == 3


def test_late_results_of_an_old_scan_change_nothing(crew: Crew) -> None:
    worker = crew.worker()
    worker.scan()
    old = list(crew.messages)
    crew.messages.clear()
    crew.later(3600)
    worker.scan()
    crew.deliver(worker)
    new = crew.latest()

    for message in old:
        worker.part(*message)

    assert new.id == 2
    assert crew.latest() == new


def test_one_that_takes_too_long_is_given_up_and_the_next_begins(crew: Crew) -> None:
    worker = crew.worker()
    worker.scan()
    for _ in range(7):
        crew.later(600)
        worker.tend()
    crew.messages.clear()

    worker.scan()

    assert {scan for scan, _, _ in crew.messages} == {2}


def test_an_outage_passes_and_the_part_is_tried_again(
    crew: Crew, filled: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = crew.worker()
    worker.scan()
    with monkeypatch.context() as patch:
        patch.setattr("flask_diag.scanning._shared.reading", _out)
        crew.deliver(worker)
    assert crew.latest() is None

    worker.tend()
    crew.deliver(worker)

    assert crew.latest().blocked == 3


def test_a_defect_gives_the_scan_up_at_once(crew: Crew, filled: Engine) -> None:
    worker = crew.worker()
    worker.scan()
    with filled.begin() as connection:
        connection.execute(text("ALTER TABLE projects RENAME TO elsewhere"))

    with pytest.raises(ScanFailed):
        worker.part(*crew.messages[0])

    assert crew.scans.running("Project", "orm") is None


def _out(*_: object) -> None:
    raise ScanFailed("OSError") from ConnectionRefusedError(111, "Connection refused")


@once
def test_register_schedules_the_scan_and_its_care(stored: Shop) -> None:
    celery = Celery("shop", broker="memory://", set_as_current=False)

    register(celery, stored.app, every=crontab(minute=5))

    entries = celery.conf.beat_schedule
    assert entries["flask-diag scan shop"]["schedule"] == crontab(minute=5)
    assert entries["flask-diag tend shop"]["task"] == "flask_diag.shop.tend"
    assert {"flask_diag.shop.scan", "flask_diag.shop.part", "flask_diag.shop.tend"} <= set(celery.tasks)


@once
def test_other_celery_applications_of_the_process_get_no_tasks(stored: Shop) -> None:
    register(Celery("shop", broker="memory://", set_as_current=False), stored.app)

    other = Celery("other", broker="memory://", set_as_current=False)

    assert not [name for name in other.tasks if name.startswith("flask_diag.")]


@once
@pytest.mark.parametrize(
    ("app", "options", "complaint"),
    [
        (lambda _: Flask("bare"), {}, "'bare' has no diagnostics"),
        (lambda make: make(config={"DIAG_STORE_URL": None}).app, {}, "DIAG_STORE_URL is None"),
        (lambda make: make().app, {"parts": 0}, "parts=0"),
        (lambda make: make().app, {"tend": 0}, "tend=0"),
    ],
)
def test_what_can_not_work_is_refused_at_start_up(
    make_stored: MakeShop, app: Callable[[MakeShop], Flask], options: dict[str, Any], complaint: str
) -> None:
    celery = Celery("shop", broker="memory://", set_as_current=False)

    with pytest.raises((RuntimeError, ValueError), match=complaint):
        register(celery, app(make_stored), **options)


def test_celery_is_imported_only_by_those_who_use_it() -> None:
    code = "import sys, flask_diag, flask_diag.scanning; sys.exit('celery' in sys.modules)"

    ended = subprocess.run(
        [sys.executable, "-c", code], check=False, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )

    assert ended.returncode == 0
