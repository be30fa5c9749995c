"""Who would be woken: what a drill counted, drawn out to five minutes and put before the shipped rules by promtool."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

import diag_exporters.alerts
from _monitoring import run_tool
from diag_exporters.alerts import alertmanager
from drills._hosts import Scrape

RULES = Path(diag_exporters.alerts.__file__).with_name("shipped") / "rules.yml"
MANY = {"diag_db_errors_total", "diag_endpoint_db_errors_total"}  # without those that never moved: one a kind
QUIET, OUT, AFTER = 8, 6, 15  # minutes before, during and after the fault
PER_MINUTE = 60  # requests


def pages(before: Scrape, during: Scrape, after: Scrape, asked: int, home: Path) -> tuple[set[str], set[str]]:
    """Return the alerts that page at the end of the fault and 13 minutes after it, less those that Alertmanager withholds.

    *asked* requests met the fault; *home* is a folder for promtool's files.
    """
    fault, later = _firing('severity="page"', (before, during, after), asked, home)
    return _told(fault), _told(later)


def alerts(before: Scrape, during: Scrape, after: Scrape, asked: int, home: Path) -> set[str]:
    """Return every alert that fires then, tickets too."""
    return set.union(*_firing('severity=~".+"', (before, during, after), asked, home))


def _firing(
    severity: str, scrapes: tuple[Scrape, Scrape, Scrape], asked: int, home: Path
) -> tuple[set[str], set[str]]:
    """Return what fires at the end of the fault, and 13 minutes later; promtool tells what it did not expect."""
    ends = (QUIET + OUT - 1, QUIET + OUT + 13)
    expr = f'ALERTS{{alertstate="firing",{severity}}}'
    checks = [{"expr": expr, "eval_time": f"{minute}m", "exp_samples": []} for minute in ends]
    case = {"interval": "1m", "input_series": _series(*scrapes, asked), "promql_expr_test": checks}
    file = home / "drill.yml"
    whole = {"rule_files": [str(RULES)], "evaluation_interval": "30s", "tests": [case]}
    file.write_text(json.dumps(whole), "utf-8")
    done = run_tool("promtool", "test", "rules", file)
    said = done.stdout + done.stderr
    assert done.returncode == 0 or "got:" in said, said
    found = {minute: set[str]() for minute in ends}
    for minute, got in re.findall(r"time: (\d+)m,?.*?got:(.*?)(?=\n\s*expr|\Z)", said, re.DOTALL):
        found[int(minute)] |= set(re.findall(r'alertname="(\w+)"', got))
    return found[ends[0]], found[ends[1]]


def _series(before: Scrape, during: Scrape, after: Scrape, asked: int) -> list[dict[str, str]]:
    series = []
    for name, children in after.items():
        for labels, last in children.items():
            first = before.get(name, {}).get(labels, 0)
            middle = during.get(name, {}).get(labels, 0)
            if name.endswith("_created") or (name in MANY and not (first or middle or last)):
                continue
            shown = ",".join(
                f"{key}={json.dumps(value)}"
                for key, value in (("job", "shop"), ("instance", "a:80"), *labels)
            )
            counts = name.endswith("_total")
            values = (
                _counter(name, dict(labels), (middle - first) / asked)
                if counts
                else _gauge(first, middle, last)
            )
            series.append({"series": f"{name}{{{shown}}}", "values": values})
    return series


def _gauge(first: float, middle: float, last: float) -> str:
    return f"{first}x{QUIET - 1} {middle}x{OUT - 1} {last}x{AFTER}"


def _counter(name: str, labels: dict[str, str], share: float) -> str:
    """Grow by a request a second, all well before and after the fault, and by what *share* of requests did meanwhile."""
    well = PER_MINUTE if (name, labels) == ("diag_requests_total", {"outcome": "ok"}) else 0
    ill = round(share * PER_MINUTE, 3)
    start = well * QUIET
    end = start + ill * OUT
    return f"0+{well}x{QUIET - 1} {start}+{ill}x{OUT - 1} {end}+{well}x{AFTER}"


def _told(firing: set[str]) -> set[str]:
    """Leave out what Alertmanager's shipped example withholds while another alert fires."""
    held = set()
    for rule in yaml.safe_load(alertmanager())["inhibit_rules"]:
        if len(rule["source_matchers"]) == 1:  # those between pages
            source, target = (_names(rule[f"{side}_matchers"][0]) for side in ("source", "target"))
            held |= (target if firing & source else set()) - source
    return firing - held


def _names(matcher: str) -> set[str]:
    return set(re.findall(r"Diag\w+", matcher))
