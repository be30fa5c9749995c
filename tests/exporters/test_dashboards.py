"""The dashboards as shipped: Grafana's schema, the catalogue, and the menus. Their figures are proved live."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import diag_exporters.dashboards
from diag_exporters._catalogue import CATALOGUE
from diag_exporters.dashboards import DASHBOARDS, DashboardOptions, dashboard
from exporters._grafana import complaints

SHIPPED = Path(diag_exporters.dashboards.__file__).with_name("shipped")
EVERY = pytest.mark.parametrize("name", DASHBOARDS)


def made(name: str, options: DashboardOptions | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(dashboard(name, options))
    return found


def expressions(found: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in found["panels"] for target in panel.get("targets", ())]


@EVERY
def test_the_copy_in_the_wheel_is_not_stale(name: str) -> None:
    file = SHIPPED / f"{name}.json"

    assert file.read_text("utf-8") == dashboard(name), (
        f"make it anew: flask --app flask_diag.demo diag dashboard {name} --output {file}"
    )


@EVERY
def test_grafanas_schema_has_no_complaint(name: str) -> None:
    assert complaints(made(name)) == []


def spoil_type(found: dict[str, Any]) -> None:
    found["panels"][1]["gridPos"]["w"] = "4"


def spoil_key(found: dict[str, Any]) -> None:
    found["panels"][1]["targets"][0]["expression"] = "up"


def spoil_choice(found: dict[str, Any]) -> None:
    found["panels"][1]["options"]["colorMode"] = "rainbow"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_type, "grid_pos.w is '4'"),
        (spoil_key, "expression is unknown"),
        (spoil_choice, "color_mode is 'rainbow'"),
    ],
)
def test_the_check_of_the_schema_finds_faults(spoil: Callable[[dict[str, Any]], None], said: str) -> None:
    found = copy.deepcopy(made("sre"))
    spoil(found)

    assert any(said in one for one in complaints(found))


@EVERY
def test_panels_have_numbers_of_their_own_and_do_not_overlap(name: str) -> None:
    panels = made(name)["panels"]
    cells = [
        (x, y)
        for place in (one["gridPos"] for one in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len({one["id"] for one in panels}) == len(panels)
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


@EVERY
def test_every_panel_asks_the_source_of_the_menu_and_says_what_it_shows(name: str) -> None:
    found = made(name)
    panels = [one for one in found["panels"] if one["type"] != "row"]
    sources = {one["datasource"]["uid"] for panel in panels for one in (panel, *panel["targets"])}

    assert [one["name"] for one in found["templating"]["list"]] == ["datasource", "job", "instance"]
    assert sources == {"${datasource}"}
    assert all(panel["description"].endswith(".") for panel in panels)


@EVERY
def test_every_metric_is_in_the_catalogue_and_under_the_menus(name: str) -> None:
    known = {metric.name for metric in CATALOGUE}

    used = [one for text in expressions(made(name)) for one in re.findall(r"\b(diag_\w+)(\{[^}]*\})?", text)]

    assert {metric for metric, _ in used} <= known
    assert all('job=~"$job",instance=~"$instance"' in menus for _, menus in used)


def test_the_two_dashboards_leave_out_no_metric_that_somebody_looks_at() -> None:
    used = {
        one
        for name in DASHBOARDS
        for text in expressions(made(name))
        for one in re.findall(r"\bdiag_\w+", text)
    }

    left_out = {metric.name for metric in CATALOGUE} - used

    assert left_out == {"diag_probe_timestamp_seconds", "diag_pool_size", "diag_pool_overflow"}


def test_a_selector_and_another_label_are_in_every_expression_and_menu() -> None:
    found = made("sre", DashboardOptions(selector='env="prod"', by="service"))

    texts = expressions(found) + [
        one["query"] for one in found["templating"]["list"] if one["type"] == "query"
    ]

    assert all('env="prod"' in text for text in texts)
    assert all('service=~"$service",instance=~"$instance"' in text for text in expressions(found))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"objective": 100}, "between 0 and 100"),
        ({"selector": "x"}, "no list of label matchers"),
        ({"by": "a-b"}, "no name of a label"),
    ],
)
def test_a_choice_that_makes_no_dashboard_is_refused_with_the_way_out(
    wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        DashboardOptions(**wrong)


def test_a_dashboard_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(ValueError, match="no dashboard 'ops': take sre or deletions"):
        dashboard("ops")
