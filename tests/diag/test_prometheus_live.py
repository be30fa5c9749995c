"""The whole way, with the real things: gunicorn with four workers, PostgreSQL, Prometheus, Alertmanager, a webhook.

Time is scaled: an hour of the rules is a minute here. That the shipped rules hold with real windows is proved in
``tests/exporters/test_alerts.py``.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import cycle
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from _monitoring import Prometheus, Webhook, alertmanager, eventually, prometheus, run_tool, running, webhook
from _servers import NotFound, Server, Servers, free_port
from diag_exporters.alerts import AlertOptions, alerts, rules, runbooks
from diag_exporters.alerts import alertmanager as alertmanager_config
from diag_exporters.dashboards import DASHBOARDS, dashboard
from diag_rules.deletion import DeletionRules
from flask_diag.demo._database import fill
from flask_diag.demo._removal import POLICY
from flask_diag.demo._seed import SAMPLE
from flask_diag.demo.models import Project

SCALE = 1 / 60
SERVICE = "index"
TO_THE_PAGER = 15.0  # seconds until a page fires: at most two minutes and a half unscaled, and slow machines
PATIENCE = 180.0  # seconds that a busy machine may take for what is waited for as an event, and not timed
PAGE = "page"
TICKET = "ticket"
EXPECTED = frozenset((200, 409, 503))
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Traffic:
    """People who use the index all the time: of three requests one breaks a business rule.

    Attributes:
        statuses: how often each status was answered, by what was asked.
        strange: what was answered with another status than is expected.
    """

    url: str
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    strange: list[str] = field(default_factory=list)
    over: Event = field(default_factory=Event)

    ASKED = (
        ("GET", "/projects/sampleproject"),
        ("GET", "/projects/sampleproject/manage"),
        ("DELETE", "/projects/sampleproject"),
    )

    def run(self) -> None:
        for method, path in cycle(self.ASKED):
            if self.over.wait(0.02):
                return
            status, answer = ask(f"{self.url}{path}", method)
            self.statuses[method, status] += 1
            if status not in EXPECTED:
                self.strange.append(f"{method} {path}: {status} {answer}")


def ask(url: str, method: str = "GET") -> tuple[int, str]:
    """Return the status that *url* answers a program, and the answer; 0 where nobody does."""
    request = urllib.request.Request(url, method=method, headers={"Accept": "application/json"})
    try:
        with OPENER.open(request, timeout=30) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code), error.read().decode()
    except OSError as error:
        return 0, str(error)


def text(url: str) -> str:
    with OPENER.open(url, timeout=30) as answer:
        return str(answer.read().decode())


@dataclass(frozen=True)
class Live:
    """Everything that runs."""

    server: Server
    url: str
    traffic: Traffic
    prometheus: Prometheus
    hook: Webhook


@pytest.fixture(scope="module")
def live(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Live]:
    home = tmp_path_factory.mktemp("live")
    try:
        server = servers.start_private("postgresql")
        with contextlib.ExitStack() as stack:
            yield start(stack, server, home)
    except NotFound as missing:
        if request.config.getoption("--require"):
            raise
        pytest.skip(str(missing))


def start(stack: contextlib.ExitStack, server: Server, home: Path) -> Live:
    """Start one after the other; the stack ends them in the opposite order."""
    engine = create_engine(server.url())
    fill(engine)
    engine.dispose()
    url = stack.enter_context(served(server, home))
    hook = stack.enter_context(webhook())
    options = AlertOptions(selector=f'job="{SERVICE}"', time_scale=SCALE)
    manager = stack.enter_context(
        alertmanager(
            home / "alertmanager", alertmanager_config(options, f"{hook.url}/{PAGE}", f"{hook.url}/{TICKET}")
        )
    )
    (home / "rules.yml").write_text(rules(options), "utf-8")
    config = scraping(url, manager, home / "rules.yml")
    found = stack.enter_context(prometheus(home / "prometheus", config))
    traffic = Traffic(url)
    people = [Thread(target=traffic.run) for _ in range(3)]
    for one in people:
        one.start()
    for one in people:
        stack.callback(one.join)
    stack.callback(traffic.over.set)
    return Live(server, url, traffic, found, hook)


@contextlib.contextmanager
def served(server: Server, home: Path) -> Iterator[str]:
    """Run the demo under gunicorn with four workers and the hooks of flask-diag."""
    config = home / "gunicorn.conf.py"
    config.write_text(
        "from flask_diag.gunicorn import *  # noqa: F403\nworkers = 4\npreload_app = True\n", "utf-8"
    )
    (home / "metrics").mkdir()
    port = free_port()
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        config,
        "-b",
        f"127.0.0.1:{port}",
        "diag._live_app:live_app()",
    ]
    tests = Path(__file__).parents[1]
    env = {
        **os.environ,
        "PYTHONPATH": str(tests),
        "PROMETHEUS_MULTIPROC_DIR": str(home / "metrics"),
        "LIVE_URL": server.url().render_as_string(hide_password=False),
        "LIVE_TIME_SCALE": str(SCALE),
        "DEMO_DIR": str(home),
    }
    with running(command, home / "gunicorn.log", f"http://127.0.0.1:{port}/", env=env, cwd=home):
        yield f"http://127.0.0.1:{port}"


def scraping(url: str, manager: str, rule_file: Path) -> dict[str, Any]:
    """A Prometheus configuration that scrapes once a second."""
    targets = [{"targets": [url.removeprefix("http://")]}]
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rule_file)],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager.removeprefix("http://")]}]}]},
        "scrape_configs": [{"job_name": SERVICE, "static_configs": targets}],
    }


# the tests tell one story, in order


def test_the_metrics_are_as_promtool_wants_them(live: Live) -> None:
    checked = run_tool("promtool", "check", "metrics", stdin=text(f"{live.url}/metrics"))

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_a_third_of_all_requests_breaking_business_rules_pages_nobody(live: Live) -> None:
    eventually(
        lambda: live.prometheus.value("diag:requests_failed:ratio_rate1h") is not None,
        PATIENCE,
        "an hour's ratio",
    )
    safe = [
        ask(f"{live.url}/projects/{name}?clean_up=1", "DELETE")[0] for name in blocked_by_invitations(live)
    ]
    eventually(lambda: requests(live, "business_rule") > 100, PATIENCE, "100 broken rules")

    share = requests(live, "business_rule") / requests(live, ".*")

    assert safe == [200, 200]
    assert share == pytest.approx(1 / 3, abs=0.05)
    assert live.prometheus.value("diag:requests_failed:ratio_rate1h") == 0
    assert live.hook.names(PAGE) == set()
    assert live.hook.names(TICKET) == set()


def test_a_stopped_database_reaches_the_pager_within_its_time(live: Live) -> None:
    live.server.stop()

    alert = live.hook.wait_for(PAGE, "firing", "DiagDatabaseOutage", PATIENCE)

    began = live.prometheus.value("max(diag_outage_start_timestamp_seconds)")
    assert began is not None
    assert 0 < datetime.fromisoformat(alert["startsAt"]).timestamp() - began < TO_THE_PAGER
    assert alert["labels"] == {"alertname": "DiagDatabaseOutage", "job": SERVICE, "severity": PAGE}
    assert (
        alert["annotations"]["summary"] == "The database of index is down: requests that need it answer 503."
    )
    assert alert["annotations"]["description"].startswith("100% of the replicas")
    assert re.search(
        r"Mostly (admin_shutdown|connection_\w+|cannot_connect_now)\.$", alert["annotations"]["description"]
    )
    assert live.traffic.statuses["GET", 503] > 0


def test_the_link_of_the_page_leads_to_its_runbook_while_the_database_is_down(live: Live) -> None:
    alert = live.hook.alerts(PAGE, "firing")[0]

    page = text(alert["annotations"]["runbook_url"])

    assert alert["annotations"]["runbook_url"] == f"{live.url}/diag/runbooks/DiagDatabaseOutage"
    assert "<h1>DiagDatabaseOutage</h1>" in page


def test_the_recovery_resolves_the_page_and_the_outage_was_the_only_one(live: Live) -> None:
    live.server.start()

    live.hook.wait_for(PAGE, "resolved", "DiagDatabaseOutage", PATIENCE)
    eventually(
        lambda: live.prometheus.value("diag:requests_failed:ratio_rate5m") == 0, PATIENCE, "five good minutes"
    )

    assert live.hook.names(PAGE) == {"DiagDatabaseOutage"}
    assert live.traffic.statuses["DELETE", 409] > 100
    assert live.traffic.strange == []


def test_a_database_that_turns_read_only_is_told_as_that(live: Live) -> None:
    read_only(live.server, "on")
    live.hook.wait_for(PAGE, "firing", "DiagDatabaseReadOnly", PATIENCE)
    read_only(live.server, "off")

    live.hook.wait_for(PAGE, "resolved", "DiagDatabaseReadOnly", PATIENCE)

    assert live.hook.names(PAGE) == {"DiagDatabaseOutage", "DiagDatabaseReadOnly"}


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_is_answered_with_finite_figures(live: Live, name: str) -> None:
    empty = []
    for title, expression in expressions(json.loads(dashboard(name))):
        answer = live.prometheus.query(expression)
        samples = [float(one["value"][1]) for one in answer.get("data", {}).get("result", [])]
        if not samples or not all(map(math.isfinite, samples)):
            empty.append((title, expression, answer))

    assert empty == []


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_menu_offers_the_service(live: Live, name: str) -> None:
    menus = [
        one["query"] for one in json.loads(dashboard(name))["templating"]["list"] if one["type"] == "query"
    ]
    found = [re.fullmatch(r"label_values\((.+), (\w+)\)", query) for query in menus]

    values = [
        {
            one["metric"][menu[2]]
            for one in live.prometheus.query(menu[1].replace("$job", SERVICE))["data"]["result"]
        }
        for menu in found
        if menu
    ]

    assert values == [{SERVICE}, {live.url.removeprefix("http://")}]


def test_every_alert_is_evaluated_without_an_error(live: Live) -> None:
    groups = run_groups(live)

    assert {one["name"] for group in groups for one in group["rules"] if one["type"] == "alerting"} == set(
        runbooks()
    )
    assert [one for group in groups for one in group["rules"] if one["health"] == "err"] == []


@pytest.mark.parametrize("name", sorted({one.name for one in alerts()}))
def test_every_runbook_is_served(live: Live, name: str) -> None:
    assert f"<h1>{name}</h1>" in text(f"{live.url}/diag/runbooks/{name}")


def read_only(server: Server, value: str) -> None:
    """Let the server refuse every change, or take them again."""
    server._administer(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
    server._administer("SELECT pg_reload_conf()")


def run_groups(live: Live) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = json.loads(text(f"{live.prometheus.url}/api/v1/rules"))["data"]["groups"]
    return groups


def requests(live: Live, outcome: str) -> float:
    """Requests of *outcome*, as Prometheus last saw them."""
    return live.prometheus.value(f'sum(diag_requests_total{{outcome=~"{outcome}"}})') or 0


def blocked_by_invitations(live: Live) -> list[str]:
    """The names of two projects that the safe delete can remove."""
    judge = DeletionRules(Project, policy=POLICY)
    engine = create_engine(live.server.url())
    with Session(engine) as session:
        keys = [
            verdict.key
            for verdict in judge.scan(session.connection())
            if {blocker.table for blocker in verdict.blockers} == {"role_invitations"}
        ]
        found = session.scalars(
            select(Project.normalized_name).where(Project.id.in_(keys), Project.name != SAMPLE)
        )
        names = list(found)[:2]
    engine.dispose()
    return names


def expressions(made: dict[str, Any]) -> list[tuple[str, str]]:
    """Each panel's expressions, its menus set to all."""
    words = {"$__rate_interval": "10s", "$__range": "1m", "$job": ".*", "$instance": ".*"}
    found = []
    for panel in made["panels"]:
        for target in panel.get("targets", ()):
            expression = target["expr"]
            for word, value in words.items():
                expression = expression.replace(word, value)
            assert "$" not in expression, expression
            found.append((panel["title"], expression))
    return found
