"""Panels in Grafana's JSON, and the row by row layout of a dashboard 24 columns wide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24
GOOD, WARN, BAD = "green", "orange", "red"
Steps = Sequence[tuple[float | None, str]]  # from which value on, which colour; None is the lowest


@dataclass(frozen=True, slots=True)
class Query:
    """One expression of a panel.

    Attributes:
        legend: Grafana's template of a series' name, ``{{kind}}``.
    """

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel.

    Attributes:
        type: ``stat``, ``timeseries``, ``bargauge`` or ``table``.
        says: what it shows and what to think of it, for whoever points at it.
        unit: Grafana's name of a unit.
        width: columns of 24.
        height: in rows of 30 pixels.
        steps: colours by value.
        names: words for values, ``{"0": "no"}``.
        stacked: the series add up to a whole.
    """

    title: str
    type: str
    queries: tuple[Query, ...]
    says: str
    unit: str = "short"
    width: int = 12
    height: int = 8
    steps: Steps = ((None, GOOD),)
    names: dict[str, str] = field(default_factory=dict)
    stacked: bool = False
    decimals: int | None = None
    highest: float | None = None

    @property
    def instant(self) -> bool:
        """Whether the newest value is all that is shown."""
        return self.type != "timeseries"


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and the panels under it, from left to right."""

    title: str
    panels: tuple[Panel, ...]


def laid_out(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows' headings and panels with their places."""
    made: list[dict[str, Any]] = []
    y = 0
    for row in rows:
        place = {"h": 1, "w": WIDTH, "x": 0, "y": y}
        made.append(
            {
                "id": len(made) + 1,
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "panels": [],
                "gridPos": place,
            }
        )
        y = _place(row.panels, made, y + 1)
    return made


def _place(panels: Sequence[Panel], made: list[dict[str, Any]], y: int) -> int:
    """Append *panels* from line *y* on; return the line under them."""
    x = tallest = 0
    for panel in panels:
        if x + panel.width > WIDTH:
            x, y, tallest = 0, y + tallest, 0
        place = {"h": panel.height, "w": panel.width, "x": x, "y": y}
        made.append({"id": len(made) + 1, "gridPos": place, **_json(panel)})
        x, tallest = x + panel.width, max(tallest, panel.height)
    return y + tallest


def _json(panel: Panel) -> dict[str, Any]:
    return {
        "type": panel.type,
        "title": panel.title,
        "description": panel.says,
        "datasource": DATASOURCE,
        "targets": [_target(panel, query, number) for number, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _OPTIONS[panel.type],
        **({"transformations": _AS_TABLE} if panel.type == "table" else {}),
    }


def _target(panel: Panel, query: Query, number: int) -> dict[str, Any]:
    return {
        "refId": chr(ord("A") + number),
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "instant": panel.instant,
        "range": not panel.instant,
        **({"format": "table"} if panel.type == "table" else {}),
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    steps = [{"value": value, "color": colour} for value, colour in panel.steps]
    texts = {value: {"text": text} for value, text in panel.names.items()}
    return {
        "unit": panel.unit,
        "min": 0,
        **({"max": panel.highest} if panel.highest is not None else {}),
        **({"decimals": panel.decimals} if panel.decimals is not None else {}),
        "thresholds": {"mode": "absolute", "steps": steps},
        "mappings": [{"type": "value", "options": texts}] if texts else [],
        **({"custom": _drawn(panel)} if panel.type == "timeseries" else {}),
    }


def _drawn(panel: Panel) -> dict[str, Any]:
    return {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 60 if panel.stacked else 10,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if len(panel.steps) > 1 else "off"},
    }


_LAST = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_AS_TABLE: list[dict[str, Any]] = [
    {"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": {}, "indexByName": {}}}
]
_OPTIONS: dict[str, dict[str, Any]] = {
    "stat": {
        "reduceOptions": _LAST,
        "colorMode": "background",
        "graphMode": "none",
        "justifyMode": "auto",
        "textMode": "auto",
        "orientation": "auto",
    },
    "bargauge": {
        "reduceOptions": _LAST,
        "displayMode": "basic",
        "orientation": "horizontal",
        "valueMode": "color",
        "showUnfilled": True,
        "minVizWidth": 8,
        "minVizHeight": 16,
    },
    "table": {"showHeader": True, "cellHeight": "sm"},
    "timeseries": {
        "legend": {
            "displayMode": "table",
            "placement": "bottom",
            "showLegend": True,
            "calcs": ["lastNotNull", "max"],
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
}
