"""The rules as shipped, tried by promtool case by case, and what a team may choose about them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import diag_exporters.alerts
from _monitoring import alertmanager as running_alertmanager
from _monitoring import eventually, get_json, post_json, run_tool
from _servers import NotFound
from diag_exporters._catalogue import CATALOGUE
from diag_exporters._promql import duration, matchers
from diag_exporters.alerts import AlertOptions, Severity, alertmanager, alerts, rules, runbooks
from diag_exporters.alerts._yaml import as_yaml
from diag_rules.errors import PAIRS, Category

SHIPPED = Path(diag_exporters.alerts.__file__).with_name("shipped")
CASES = sorted(Path(__file__).with_name("alert_cases").glob("*.yml"))
ANEW = "make it anew: flask --app flask_diag.demo diag {}"
NAMES = sorted({one.name for one in alerts()})
PAGING = {"DiagDatabaseOutage", "DiagDatabaseReadOnly", "DiagProbeFailing", "DiagErrorBudgetBurn"}
WANTED = {
    "DiagDatabaseOutage",
    "DiagErrorBudgetBurn",
    "DiagPoolNearlyFull",
    "DiagContention",
    "DiagDefectsAfterDeploy",
    "DiagUnknownErrors",
    "DiagDatabaseReadOnly",
    "DiagProbeFailing",
    "DiagMetricsAbsent",
    "DiagScanStale",
    "DiagBlockedProjectsGrowing",
    "DiagIncidentsDropped",
}


@pytest.fixture
def tried(absent: Callable[[str], None]) -> Callable[..., str]:
    """Run promtool or amtool; give what it said, or fail with that."""

    def run(*command: str | Path) -> str:
        try:
            done = run_tool(*command)
        except NotFound as missing:
            absent(str(missing))
            raise
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        return said

    return run


def loaded(options: AlertOptions | None = None) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(rules(options))["groups"] for rule in group["rules"]]


# what ships


@pytest.mark.parametrize(
    ("file", "made", "command"),
    [
        ("rules.yml", rules, "alerts"),
        ("alertmanager.yml", alertmanager, "alerts --alertmanager"),
    ],
)
def test_the_copy_in_the_wheel_is_not_stale(file: str, made: Callable[[], str], command: str) -> None:
    assert (SHIPPED / file).read_text("utf-8") == made(), ANEW.format(f"{command} --output {SHIPPED / file}")


def test_promtool_finds_nothing_to_say_about_the_rules(tried: Callable[..., str]) -> None:
    tried("promtool", "check", "rules", "--lint=all", "--lint-fatal", SHIPPED / "rules.yml")


@pytest.mark.parametrize(
    "options",
    [
        AlertOptions(selector='job="shop",env=~"prod|stage"', by="job, env", objective=99.5),
        AlertOptions(selector='team="a \\"b\\" {c}"', by="cluster", runbook_url="https://wiki.example/db/"),
        AlertOptions(time_scale=1 / 60),
    ],
)
def test_rules_of_any_choice_are_rules(
    options: AlertOptions, tried: Callable[..., str], tmp_path: Path
) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(rules(options), "utf-8")

    tried("promtool", "check", "rules", "--lint=all", "--lint-fatal", file)


def test_alertmanager_takes_the_example(tried: Callable[..., str]) -> None:
    said = tried("amtool", "check-config", SHIPPED / "alertmanager.yml")

    assert "2 receivers" in said


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [("severity=page", "page"), ("severity=ticket", "ticket"), ("severity=other", "ticket")],
)
def test_pages_and_tickets_go_different_ways(labels: str, receiver: str, tried: Callable[..., str]) -> None:
    config = SHIPPED / "alertmanager.yml"

    tried(
        "amtool",
        "config",
        "routes",
        "test",
        f"--config.file={config}",
        f"--verify.receivers={receiver}",
        labels,
    )


def test_every_inhibition_names_alerts_that_exist() -> None:
    config = yaml.safe_load(alertmanager())

    texts = [
        text
        for rule in config["inhibit_rules"]
        for side in ("source", "target")
        for text in rule[f"{side}_matchers"]
    ]
    named = {name for text in texts for name in re.findall(r"Diag\w+", text)}

    assert named <= set(NAMES)
    assert all(rule["equal"] == ["job"] for rule in config["inhibit_rules"])


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[str]:
    """A real Alertmanager with the example, and a service in trouble beside one that is well otherwise."""
    names = [name for name in NAMES if name != "DiagDatabaseReadOnly"]
    told = [
        (name, "shop", "page") for name in ("DiagDatabaseOutage", "DiagProbeFailing", "DiagErrorBudgetBurn")
    ]
    told += [(name, job, "ticket") for name in names for job in ("shop", "blog") if name not in PAGING]
    told += [("DiagErrorBudgetBurn", job, "ticket") for job in ("shop", "blog")]
    posted = [
        {"labels": {"alertname": name, "job": job, "severity": severity}} for name, job, severity in told
    ]
    try:
        with running_alertmanager(tmp_path_factory.mktemp("am") / "home", alertmanager()) as url:
            post_json(f"{url}/api/v2/alerts", posted)
            yield url
    except NotFound as missing:
        if request.config.getoption("--require"):
            raise
        pytest.skip(str(missing))


def test_one_outage_is_told_once_and_leaves_other_services_alone(manager: str) -> None:
    def states() -> dict[tuple[str, str, str], bool]:
        found = get_json(f"{manager}/api/v2/alerts")
        labels = [(one["labels"], bool(one["status"]["inhibitedBy"])) for one in found]
        return {(of["alertname"], of["job"], of["severity"]): quiet for of, quiet in labels}

    eventually(lambda: states().get(("DiagContention", "shop", "ticket")), 30, "the inhibition")

    loud = {key for key, quiet in states().items() if not quiet}

    assert {key for key in loud if key[1] == "shop"} == {
        ("DiagDatabaseOutage", "shop", "page"),
        *(
            (name, "shop", "ticket")
            for name in ("DiagBlockedProjectsGrowing", "DiagDefectsAfterDeploy", "DiagExporterFailing")
        ),
        *((name, "shop", "ticket") for name in ("DiagMetricsAbsent", "DiagScanStale")),
    }
    assert {name for name, job, _ in loud if job == "blog"} == set(NAMES) - PAGING | {"DiagErrorBudgetBurn"}


# each alert


def test_every_alert_that_was_asked_for_is_there() -> None:
    assert set(NAMES) >= WANTED


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_the_shipped_rules_hold_in_promtools_cases(file: Path, tried: Callable[..., str]) -> None:
    tried("promtool", "test", "rules", file)


@pytest.mark.parametrize("name", NAMES)
def test_every_alert_has_a_case_that_fires_and_one_that_is_quiet(name: str) -> None:
    cases = [
        case
        for file in CASES
        if file.stem.split("-")[0] == name
        for case in yaml.safe_load(file.read_text("utf-8"))["tests"]
    ]

    firing = [case for case in cases if case["name"].startswith("fires")]
    quiet = [case for case in cases if case["name"].startswith("quiet")]

    assert all(f'"{name}"' in str(case["promql_expr_test"]) for case in firing)
    assert all(any(one["exp_samples"] for one in case["promql_expr_test"]) for case in firing)
    assert not any(
        one["exp_samples"] for case in quiet for one in case["promql_expr_test"] if name in one["expr"]
    )
    assert firing
    assert quiet


def test_only_a_database_that_does_not_serve_pages() -> None:
    paging = {one.name for one in alerts() if one.severity is Severity.PAGE}

    assert paging == PAGING


def test_no_alert_counts_broken_business_rules() -> None:
    assert [rule for rule in loaded() if "business_rule" in rule["expr"]] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_alert_says_what_it_means_for_people(name: str) -> None:
    told = [rule["annotations"] for rule in loaded() if rule.get("alert") == name]

    sentence = re.compile(r"\.(\{\{ end \}\})?$")
    assert all("$labels.job" in one["summary"] for one in told)
    assert all(sentence.search(one[text]) for one in told for text in ("summary", "description"))
    assert all(one["runbook_url"].endswith(f"/diag/runbooks/{name}") for one in told)


def test_every_metric_in_the_rules_is_in_the_catalogue() -> None:
    known = {metric.name for metric in CATALOGUE}

    used = {name for rule in loaded() for name in re.findall(r"\bdiag_\w+", rule["expr"])}

    assert used <= known


def test_what_the_alerts_read_is_recorded() -> None:
    recorded = {rule["record"] for rule in loaded() if "record" in rule}

    read = {
        name for rule in loaded() if "alert" in rule for name in re.findall(r"\bdiag:[\w:]+", rule["expr"])
    }

    assert read == recorded


# the runbooks


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert sorted(runbooks()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_runbook_answers_the_same_four_questions(name: str) -> None:
    headings = re.findall(r"^#+ .*$", runbooks()[name], flags=re.MULTILINE)

    assert headings == [
        f"# {name}",
        "## What people notice",
        "## Is it real?",
        "## What to do",
        "## Over when",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_metric_in_a_runbook_is_in_the_catalogue(name: str) -> None:
    known = {metric.name for metric in CATALOGUE} | {"diag_rules"}

    assert set(re.findall(r"\bdiag_\w+", runbooks()[name])) <= known


@pytest.mark.parametrize(
    ("name", "category"), [("DiagDatabaseOutage", Category.OUTAGE), ("DiagContention", Category.CONTENTION)]
)
def test_what_an_alert_may_mostly_be_has_its_advice_in_the_runbook(name: str, category: Category) -> None:
    kinds = {str(kind) for of, kind in PAIRS if of is category}

    assert kinds <= set(re.findall(r"`([a-z_]+)`", runbooks()[name]))


# what a team may choose


def test_the_selector_is_in_every_series_of_ours() -> None:
    options = AlertOptions(selector='job="shop",env=~"prod.*"')

    bare = [
        rule["expr"]
        for rule in loaded(options)
        if re.search(r'\bdiag_\w+(?!\w)(?!\{[^}]*job="shop",env=~"prod\.\*"\})', rule["expr"])
    ]

    assert bare == []


def test_recorded_series_are_told_apart_by_what_the_selector_fixes() -> None:
    options = AlertOptions(selector='env="prod",pod=~"a.*"')

    burn = next(rule for rule in loaded(options) if rule.get("alert") == "DiagErrorBudgetBurn")

    assert options.labels == ("job", "env")
    assert 'diag:requests_failed:ratio_rate1h{env="prod"} > 0.0144' in burn["expr"]
    assert "unless on (job, env)" in burn["expr"]


def test_thresholds_follow_the_objective() -> None:
    burn = next(
        rule for rule in loaded(AlertOptions(objective=99)) if rule.get("alert") == "DiagErrorBudgetBurn"
    )

    assert "ratio_rate1h > 0.144\n" in burn["expr"]


def test_a_wiki_may_keep_the_runbooks() -> None:
    told = [rule for rule in loaded(AlertOptions(runbook_url="https://wiki.example/db/")) if "alert" in rule]

    assert {rule["annotations"]["runbook_url"] for rule in told} == {
        f"https://wiki.example/db/{name}" for name in NAMES
    }


def test_a_rehearsal_scales_every_window_and_keeps_every_name() -> None:
    scaled = loaded(AlertOptions(time_scale=1 / 60))

    outage = next(rule for rule in scaled if rule.get("alert") == "DiagDatabaseOutage")

    assert (outage["for"], "[5s]" in outage["expr"]) == ("1s", True)
    assert [rule.get("record") for rule in scaled] == [rule.get("record") for rule in loaded()]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"objective": 100}, "above 93.1 and below 100"),
        ({"objective": 90}, "burn 14.4 times as fast"),
        ({"selector": "job=shop"}, 'write job="shop"'),
        ({"selector": 'job="a" env="b"'}, "no list of label matchers"),
        ({"by": "job,my-label"}, "'my-label' is no name of a label"),
        ({"pool_full": 101}, "pool_full is 101: give a number above 0 and at most 100"),
        ({"min_failures": 0}, "min_failures is 0: give a number above 0"),
        ({"time_scale": -1}, "time_scale is -1"),
        ({"runbook_url": "wiki"}, "'wiki' is no link"),
    ],
)
def test_a_choice_that_makes_no_rule_is_refused_with_the_way_out(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        AlertOptions(**wrong)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("{}", ""),
        ('{ job = "a" , b !~ "c,d" , }', 'job="a",b!~"c,d"'),
        ('a="\\"}"', 'a="\\"}"'),
    ],
)
def test_selectors_are_read_as_prometheus_reads_them(text: str, kept: str) -> None:
    assert matchers(text) == kept


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (86400, "1d"),
        (5400, "90m"),
        (3600, "1h"),
        (90, "90s"),
        (0.5, "500ms"),
        (300 / 60, "5s"),
        (1e-9, "1ms"),
    ],
)
def test_durations_are_as_prometheus_writes_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


# the YAML


@pytest.mark.parametrize(
    "value",
    [
        {"a": "no", "b": "1e3", "c": "x: y # z", "d": "", "e": "null"},
        {"a": 'say "so"', "b": "two\nlines", "c": [], "d": {}, "e": None, "f": True, "g": 1.5},
        [{"a": [1, 2], "b": {"c": "d"}}, ["x"], "Ünïcode 中"],
    ],
)
def test_what_is_written_is_read_alike(value: Any) -> None:
    assert yaml.safe_load(as_yaml(value, "a comment\nof two lines")) == value
