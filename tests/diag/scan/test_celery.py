"""flask_diag.celery: real workers on real brokers, and one of them killed."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis
from sqlalchemy import text
from sqlalchemy.orm import Session

from _brokers import BROKERS, Broker
from _servers import NotFound
from diag._shop import Invitation, Project, Shop, fill
from diag.scan._workers import make_celery
from diag.scan.conftest import MakeShop, diagnostics

if TYPE_CHECKING:
    from conftest import Database

pytestmark = pytest.mark.only("postgresql")
TESTS = Path(__file__).parents[2]
SECONDS = 60  # that a worker may take to say something


@pytest.fixture(scope="module", params=sorted(BROKERS))
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Redis and RabbitMQ."""
    found = BROKERS[request.param](tmp_path_factory.mktemp("broker") / "home")
    found.home.parent.chmod(0o755)
    try:
        found.start()
    except NotFound as missing:
        if request.config.getoption("--require"):
            pytest.fail(f"asked for and not found: {missing}")
        pytest.skip(str(missing))
    yield found
    found.stop()


class Worker:
    """A worker process, whose words are read as they come."""

    def __init__(self, environment: dict[str, str], *options: str) -> None:
        command = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "diag.scan._workers",
            "worker",
            "-l",
            "INFO",
            "--without-gossip",
        ]
        self._process = subprocess.Popen(
            [*command, "--without-mingle", "--without-heartbeat", *options],
            env=environment,
            cwd=environment["SCAN_HOME"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def says(self, pattern: str) -> re.Match[str]:
        """Wait for the worker to say it."""
        while True:
            try:
                line = self._lines.get(timeout=SECONDS)
            except queue.Empty:
                line = None
            if line is None:
                pytest.fail(f"the worker never said {pattern!r}:\n{''.join(self.said)[-4000:]}")
            self.said.append(line)
            found = re.search(pattern, line)
            if found:
                return found

    def kill(self) -> None:
        """End the worker and its children as a crash of the machine would."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._over()

    def stop(self) -> None:
        """End it."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._over()

    def _over(self) -> None:
        self._process.wait(20)
        self._reader.join(20)
        assert self._process.stdout is not None
        self._process.stdout.close()


@dataclass
class Team:
    """The shop's workers, its tasks, and what they keep."""

    environment: dict[str, str]
    tasks: Any
    shop: Shop
    workers: list[Worker] = field(default_factory=list)

    def worker(self, *options: str) -> Worker:
        self.workers.append(Worker(self.environment, *options))
        return self.workers[-1]

    @property
    def scans(self) -> Any:
        store = diagnostics(self.shop).store
        assert store is not None
        return store.scans


@pytest.fixture
def team(broker: Broker, database: Database, tmp_path: Path, make_stored: MakeShop) -> Iterator[Team]:
    """A team on the broker, with 400 projects more of which every second is blocked."""
    name = f"diag-test-{uuid.uuid4().hex[:12]}"
    with Session(database.engine()) as session:
        for number in range(100, 500):
            invitations = [Invitation()] if number % 2 else []
            session.add(Project(id=number, name=f"p{number}", invitations=invitations))
        session.commit()
    shop = make_stored()
    paths = [str(TESTS.parent / each) for each in ("diag", "exporters", "rules", "tests")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "SCAN_HOME": str(tmp_path),
        "SCAN_QUEUE": name,
        "SCAN_BROKER": broker.url,
        "SCAN_DATABASE": database.url.render_as_string(hide_password=False),
        "SCAN_STORE": shop.app.config["DIAG_STORE_URL"],
    }
    celery, tasks = make_celery(environment)
    found = Team(environment, tasks, shop)
    yield found
    for worker in found.workers:
        worker.stop()
    _forget(celery, name)
    celery.close()


@pytest.fixture
def filled(database: Database) -> Any:
    engine = database.engine()
    fill(engine)
    return engine


def _forget(celery: Any, name: str) -> None:
    """Delete what the test has made on the broker."""
    with celery.connection_for_write() as connection:
        channel = connection.default_channel
        if connection.transport.driver_type == "redis":
            client = redis.Redis.from_url(celery.conf.broker_url)
            for key in client.scan_iter(f"*{name}*"):
                client.delete(key)
            client.close()
            return
        channel.queue_delete(name)
        channel.exchange_delete(name)


def check_counts(team: Team) -> None:
    """Every subject is counted once, and as a scan in one piece counts it."""
    summary = team.scans.latest("Project", "orm")
    assert (summary.subjects, summary.blocked, summary.uncertain) == (404, 203, 0)
    rules = {one.rule: (one.subjects, one.rows) for one in summary.relations}
    assert rules["role_invitations.project_id"] == (201, 203)
    page = team.scans.blocked(summary, limit=500)
    keys = [one.key for one in page.items]
    assert keys == ["1", "3", "4", *map(str, range(101, 500, 2))]


def test_a_worker_killed_during_a_scan_loses_and_doubles_nothing(team: Team) -> None:
    """It is killed within its part, its database still busy; beat notices, and another worker does that part."""
    with diagnostics(team.shop).engine().connect() as connection:
        connection.execute(text("LOCK TABLE role_invitations IN ACCESS EXCLUSIVE MODE"))
        team.tasks.scan.delay()
        doomed = team.worker("--concurrency", "1")
        shard = doomed.says(r"Part (\d) of scan 1 begins")[1]

        doomed.kill()
        other = team.worker("--concurrency", "2", "-B", "-s", f"{team.environment['SCAN_HOME']}/beat")
        other.says(r"Part \d of scan 1 begins")
        connection.rollback()

    other.says(r"Scan 1 is finished: 203 of 404 blocked")
    assert f"Part {shard} of scan 1 is nobody's: it is sent again." in "".join(other.said)
    check_counts(team)
