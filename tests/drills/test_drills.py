"""Each drill of the catalogue on real servers: what is seen, counted, paged, how it ends, and what we add to its time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from _servers import NotFound, Server, Servers
from diag_rules.errors import Category, Kind
from drills._catalogue import DRILLS, Drill
from drills._hosts import Phase, Scrape, quartet
from drills._pages import pages
from drills._place import prepare
from drills._report import Report, Row
from flask_diag._outage import SETTLE

ASKED, ASKED_SLOWLY = 21, 4  # requests of each application in a phase; of the slow ones, each begins one
WAIT = 0.1  # seconds by which a busy machine may move a median; whoever waits for a database waits longer
WORK = 0.01  # seconds of work that diagnostics may add to a request that meets an error
ROOT_ONLY = {"disk full", "network: no carrier", "network: packets vanish", "network: 64 kbit/s"}
LASTING = {
    Kind.DISK_FULL,
    Kind.READ_ONLY_SQL_TRANSACTION,
}  # a connection that is opened says nothing of these
SETTINGS = {
    "postgresql": {"max_connections": "15"},
    "mariadb": {"max_connections": "15"},
}


def cases() -> Iterator[Any]:
    """Each drill on each of its servers; by default the quick ones, on the first."""
    for drill in DRILLS:
        for name in drill.on:
            marks = () if drill.quick and name == drill.on[0] else pytest.mark.slow
            yield pytest.param(name, drill, id=f"{name}-{drill.name}", marks=marks)


@pytest.fixture(scope="module")
def private(servers: Servers) -> Callable[[str], Server]:
    """A private server by its name, with the application's account and tables."""
    made: dict[str, Server] = {}

    def server(name: str) -> Server:
        if name not in made:
            made[name] = servers.start_private(name, **SETTINGS[name])
            prepare(made[name])
        return made[name]

    return server


@pytest.mark.parametrize(("name", "drill"), list(cases()))
def test_a_drill(  # noqa: PLR0917 fixtures are arguments
    name: str,
    drill: Drill,
    private: Callable[[str], Server],
    absent: Callable[[str], None],
    tmp_path: Path,
    report: Report,
    request: pytest.FixtureRequest,
) -> None:
    if drill.name in ROOT_ONLY and os.geteuid() != 0:
        absent(f"{drill.name}: only root may mount a small disk or make a network")
    try:
        found = hold(drill, private(name), tmp_path)
    except NotFound as missing:
        absent(str(missing))
        raise
    if request.config.getoption("--slow") or name == drill.on[0]:  # promtool takes longer than the drill
        woken, later = pages(*found.scrapes, found.asked, tmp_path)
        assert (woken, later) == (drill.pages, set())
        report.add(name, Row(drill.name, found.during, woken))


@dataclass(frozen=True, slots=True)
class Found:
    """What a drill found: what was answered, and what Prometheus would have seen before, meanwhile and after."""

    during: Phase
    scrapes: tuple[Scrape, Scrape, Scrape]
    asked: int


def hold(drill: Drill, server: Server, home: Path) -> Found:
    """Hold *drill*; raises AssertionError where something is not as it has to be."""
    asked = ASKED_SLOWLY if drill.patient else ASKED
    with (
        drill.ground(server, home) as place,
        quartet(place.url, home, **drill.engine_options(server.dialect)) as four,
    ):
        four.until_well(drill.well)
        before = four.diag.scrape()
        with drill.fault(place, four):
            during = four.ask(asked, drill.work, at_once=drill.patient)
            meanwhile = four.diag.scrape()
        four.until_well(drill.well, at_once=drill.patient)
        if LASTING & {kind for _, kind in during.counted}:
            four.diag.later(SETTLE)
            four.until_well(drill.well)
        after = four.diag.scrape_until_reached()

    assert during.statuses() == ([drill.status] if drill.fails else [200]) * asked
    assert during.failed("bare") == during.failed("twin") == during.failed()
    assert {category for category, _ in during.counted} == ({drill.category.value} if drill.fails else set())
    assert {kind for _, kind in during.counted} <= {kind.value for kind in drill.kinds}
    assert during.counted.total() == during.failed(), "each failed request is counted once"
    assert out(before, meanwhile, after) == (
        0,
        drill.fails and drill.lasts and drill.category is Category.OUTAGE,
        0,
    )
    assert during.slower <= WAIT + 3 * during.noise
    assert during.busier <= WORK + during.busy("bare") / 4
    return Found(during, (before, meanwhile, after), asked)


def out(*scrapes: Scrape) -> tuple[float, ...]:
    """Return the outage gauge of each scrape."""
    return tuple(max(scrape["diag_outage_active"].values()) for scrape in scrapes)
