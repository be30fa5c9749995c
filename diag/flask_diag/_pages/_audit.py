"""The hazards in the models."""

from __future__ import annotations

from flask import Response

from diag_rules.deletion import Severity
from diag_rules.deletion.audit import REGISTRY
from flask_diag._findings import findings
from flask_diag._state import state

from ._query import choice
from ._render import page


def audit() -> Response:
    """Show what the audit finds, the worst first. Asks no database."""
    rows = findings(state())
    severity, rule = choice("severity", map(str, Severity)), choice("rule", {row.code for row in rows})
    return page(
        "audit.html",
        findings=[row for row in rows if severity in {None, str(row.severity)} and rule in {None, row.code}],
        total=len(rows),
        counts={str(one): sum(row.severity is one for row in rows) for one in Severity},
        met={row.code: row.rule for row in sorted(rows, key=lambda row: row.code)},
        severity=severity,
        rule=rule,
        rules=REGISTRY,
    )
