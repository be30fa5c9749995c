"""People keep asking while it happens: every answer is accounted for, and nobody waits longer for our sake."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from _servers import NotFound, Server, Servers
from diag_rules.errors import Category, Kind
from drills import _works as works
from drills._catalogue import DEFAULT, GONE, HASTY
from drills._hosts import NAMES, Answer, Phase, Quartet, Work, quartet, write
from drills._place import address, prepare
from drills._report import Report, Row

pytestmark = pytest.mark.slow
THREADS = 3  # of each of the four applications
WAIT, WORK = 0.1, 0.01  # seconds, as in test_drills.py
SETTINGS = {"postgresql": {"deadlock_timeout": "20ms"}, "mariadb": {}}


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest, servers: Servers) -> Server:
    """A private server with the application's account and tables."""
    try:
        found = servers.start_private(request.param, **SETTINGS[request.param])
    except NotFound as missing:
        if request.config.getoption("--require"):
            raise
        pytest.skip(str(missing))
    prepare(found)
    return found


def ask_all_the_time(four: Quartet, work: Work, meanwhile: Callable[[], object]) -> Phase:
    """Let people ask every application until *meanwhile* is done; return all that was answered."""
    four.work(work)
    before, over, lock = four.diag.errors(), threading.Event(), threading.Lock()
    answers = {name: list[Answer]() for name in NAMES}

    def person(name: str) -> None:
        while not over.wait(0.005):
            answer = four.hosts[name].ask()
            with lock:
                answers[name].append(answer)

    people = [threading.Thread(target=person, args=(name,)) for name in NAMES for _ in range(THREADS)]
    for one in people:
        one.start()
    try:
        meanwhile()
    finally:
        over.set()
        for one in people:
            one.join()
    return Phase(answers, four.diag.errors() - before)


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_a_restart_under_load(server: Server, how: str, tmp_path: Path, report: Report) -> None:
    with quartet(
        address(server), tmp_path, connect_args={**DEFAULT[server.dialect], **HASTY[server.dialect]}
    ) as four:
        four.until_well(write)
        asked_before = four.diag.requests()

        def restart() -> None:
            (server.stop if how == "stopped" else server.kill)()
            four.wait_for(5, well=False)
            server.start()
            four.wait_for(20, well=True)

        found = ask_all_the_time(four, write, restart)
        asked = four.diag.requests() - asked_before
        four.until_well(write)
        outage = four.diag.scrape_until_reached()["diag_outage_active"][()]

    assert set(found.statuses()) == {200, 503}
    assert {category for category, _ in found.counted} == {Category.OUTAGE.value}
    assert {kind for _, kind in found.counted} <= {kind.value for kind in (*GONE, Kind.CONNECT_TIMEOUT)}
    assert found.counted.total() == found.failed(), "each failed request is counted once"
    assert asked == len(found.statuses()), "each request is counted once"
    assert outage == 0
    assert found.slower <= WAIT + 3 * found.noise
    assert found.busier <= WORK + found.busy("bare") / 4
    report.add(server.dialect, Row(f"restarted under load, {how}", found, set()))


def test_a_storm_of_deadlocks(server: Server, tmp_path: Path, report: Report) -> None:
    with quartet(
        address(server), tmp_path, pool_size=THREADS, connect_args=dict(DEFAULT[server.dialect])
    ) as four:
        four.until_well(write)
        found = ask_all_the_time(four, works.crossing_writes, lambda: four.diag.wait_for(10, well=False))
        outage = four.diag.outage
        four.until_well(write)

    kinds = {kind for _, kind in found.counted}
    assert set(found.statuses()) == {200, 503}
    assert kinds == {Kind.DEADLOCK_DETECTED.value}
    assert found.counted.total() == found.failed()
    assert outage == 0
    assert found.slower <= WAIT + 3 * found.noise
    assert found.busier <= WORK + found.busy("bare") / 4
    report.add(server.dialect, Row("deadlock storm", found, set()))
