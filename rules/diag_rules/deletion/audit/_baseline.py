"""Old findings that a team has accepted: stable fingerprints in a file, so that CI fails on new ones only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from diag_rules.deletion._finding import Finding, Severity

VERSION = 1
_FROM_WORST = {severity: position for position, severity in enumerate(Severity)}


def fingerprint(finding: Finding) -> str:
    """Return 16 hex digits that name the finding: its rule and place in the models, not its file, line or wording."""
    return hashlib.sha256(f"{finding.code}\n{finding.where}".encode()).hexdigest()[:16]


def as_baseline(findings: Iterable[Finding]) -> str:
    """Return the text of a baseline file that accepts *findings*, sorted, so that it merges well."""
    accepted = sorted(findings, key=lambda finding: (finding.code, finding.where))
    rows = [{"fingerprint": fingerprint(each), "rule": each.code, "where": each.where} for each in accepted]
    return json.dumps({"version": VERSION, "findings": rows}, indent=2) + "\n"


def read_baseline(path: str | Path) -> frozenset[str]:
    """Return the fingerprints in a baseline file; none where there is no such file.

    Raises ValueError, with the file's name, for a file that is no baseline.
    """
    file = Path(path)
    if not file.exists():
        return frozenset()
    try:
        return _fingerprints(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{file.name} is no baseline of version {VERSION}: write it anew ({error})."
        ) from error


def _fingerprints(data: Any) -> frozenset[str]:
    if data["version"] != VERSION:
        raise ValueError(f"its version is {data['version']!r}")
    return frozenset(str(row["fingerprint"]) for row in data["findings"])


def new_findings(findings: Iterable[Finding], baseline: str | Path | Iterable[str]) -> list[Finding]:
    """Return the findings that *baseline*, a file or a set of fingerprints, does not hold."""
    known = read_baseline(baseline) if isinstance(baseline, str | Path) else frozenset(baseline)
    return [finding for finding in findings if fingerprint(finding) not in known]


def at_or_over(findings: Iterable[Finding], threshold: Severity | str = Severity.WARNING) -> list[Finding]:
    """Return the findings as bad as *threshold* or worse. Raises ValueError for an unknown severity."""
    limit = _FROM_WORST[Severity(threshold)]
    return [finding for finding in findings if _FROM_WORST[finding.severity] <= limit]


def exit_code(findings: Iterable[Finding], threshold: Severity | str = Severity.WARNING) -> int:
    """Return what a command exits with: 0 where nothing is at or over *threshold*, 1 otherwise; 2 is for wrong usage."""
    return 1 if at_or_over(findings, threshold) else 0
