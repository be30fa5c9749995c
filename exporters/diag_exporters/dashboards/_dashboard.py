"""A dashboard as Grafana imports it: its menus, its links, its rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from diag_exporters._catalogue import BUILD_INFO
from diag_exporters._promql import vector

from . import _deletions, _sre
from ._options import DashboardOptions
from ._panel import DATASOURCE, Row, laid_out
from ._terms import Terms

SCHEMA_VERSION = 41  # of Grafana 11.6; older ones import it, newer ones migrate it
_TAG = "flask-diag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One of the dashboards.

    Attributes:
        uid: by which Grafana replaces an earlier copy.
        span: the time shown at first.
    """

    uid: str
    title: str
    says: str
    span: str
    rows: Callable[[Terms], list[Row]]


DASHBOARDS = {
    "sre": Kind(
        uid="flask-diag-sre",
        title="flask-diag: database and SLO",
        says="Is the database down, or is it one customer? Made by: flask diag dashboard sre",
        span="now-6h",
        rows=_sre.rows,
    ),
    "deletions": Kind(
        uid="flask-diag-deletions",
        title="flask-diag: deletions",
        says="What cannot be deleted, why, and what people meet. Made by: flask diag dashboard deletions",
        span="now-7d",
        rows=_deletions.rows,
    ),
}


def dashboard(name: str, options: DashboardOptions | None = None) -> str:
    """Return the dashboard *name* as JSON.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in DASHBOARDS:
        raise ValueError(f"There is no dashboard {name!r}: take {' or '.join(DASHBOARDS)}.")
    chosen, options = DASHBOARDS[name], options or DashboardOptions()
    return json.dumps(_json(chosen, options), indent=2, ensure_ascii=False) + "\n"


def _json(chosen: Kind, options: DashboardOptions) -> dict[str, Any]:
    return {
        "uid": chosen.uid,
        "title": chosen.title,
        "description": chosen.says,
        "tags": [_TAG],
        "timezone": "browser",
        "editable": True,
        "graphTooltip": 1,
        "schemaVersion": SCHEMA_VERSION,
        "refresh": "1m",
        "time": {"from": chosen.span, "to": "now"},
        "templating": {"list": _menus(options)},
        "annotations": {"list": []},
        "links": [_link()],
        "panels": laid_out(chosen.rows(Terms(options))),
    }


def _menus(options: DashboardOptions) -> list[dict[str, Any]]:
    services = vector(BUILD_INFO, options.selector)
    replicas = vector(BUILD_INFO, f'{options.by}=~"${options.by}"', options.selector)
    return [
        {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0},
        _menu(options.by, "Service", f"label_values({services}, {options.by})"),
        _menu("instance", "Replica", f"label_values({replicas}, instance)"),
    ]


def _menu(name: str, label: str, query: str) -> dict[str, Any]:
    everything = {"selected": True, "text": ["All"], "value": ["$__all"]}
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": query,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": everything,
    }


def _link() -> dict[str, Any]:
    return {
        "title": "flask-diag",
        "type": "dashboards",
        "tags": [_TAG],
        "asDropdown": True,
        "icon": "external link",
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "tooltip": "The other dashboards of flask-diag",
        "url": "",
    }
