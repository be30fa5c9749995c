"""Findings as text for people, as JSON for programs, and as annotations for GitHub's workflow log."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePath

from diag_rules.deletion._finding import Finding, Severity

from ._baseline import fingerprint
from ._rule import REGISTRY, Rule

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def shown_file(finding: Finding, root: str | Path | None = None) -> str | None:
    """Return the file relative to *root* (the working directory, if None) with forward slashes; as it is if outside."""
    if finding.file is None:
        return None
    base = Path.cwd() if root is None else Path(root).resolve()
    for file in (
        Path(finding.file),
        Path(finding.file).resolve(),
    ):  # imported through a link, it is still inside
        if file.is_relative_to(base):
            return PurePath(file.relative_to(base)).as_posix()
    return PurePath(finding.file).as_posix()


def as_text(findings: Iterable[Finding], *, root: str | Path | None = None) -> str:
    """Return one paragraph a finding, ``file:line: severity CODE name``, and a last line that counts."""
    found = list(findings)
    return "\n".join([*(_paragraph(finding, root) for finding in found), _summary(found)]) + "\n"


def _paragraph(finding: Finding, root: str | Path | None) -> str:
    file = shown_file(finding, root)
    place = f"{file}:{finding.line}: " if file is not None else ""
    head = f"{place}{finding.severity} {finding.code} {finding.rule}: {finding.where}"
    return f"{head}\n  {finding.message}\n  Fix: {finding.fix}\n"


def _summary(found: list[Finding]) -> str:
    if not found:
        return "No findings."
    counts = Counter(finding.severity for finding in found)
    parts = [f"{counts[each]} {each}{'' if counts[each] == 1 else 's'}" for each in Severity if counts[each]]
    return f"{len(found)} finding{'' if len(found) == 1 else 's'}: {', '.join(parts)}."


def as_json(findings: Iterable[Finding], *, root: str | Path | None = None) -> str:
    """Return ``{"version": 1, "findings": [...]}``; each with the fields of ``Finding`` and its fingerprint."""
    rows = [_row(finding, root) for finding in findings]
    return json.dumps({"version": 1, "findings": rows}, indent=2, ensure_ascii=False) + "\n"


def _row(finding: Finding, root: str | Path | None) -> dict[str, str | int | None]:
    return {
        "code": finding.code,
        "rule": finding.rule,
        "severity": str(finding.severity),
        "where": finding.where,
        "message": finding.message,
        "fix": finding.fix,
        "file": shown_file(finding, root),
        "line": finding.line,
        "fingerprint": fingerprint(finding),
    }


def as_github(findings: Iterable[Finding], *, root: str | Path | None = None) -> str:
    """Return one workflow command a finding, which GitHub shows beside the line in a pull request."""
    return "".join(_annotation(finding, root) + "\n" for finding in findings)


def _annotation(finding: Finding, root: str | Path | None) -> str:
    file = shown_file(finding, root)
    fields = {} if file is None else {"file": file, "line": str(finding.line)}
    fields["title"] = f"{finding.code} {finding.rule}"
    properties = ",".join(f"{key}={_property(value)}" for key, value in fields.items())
    return f"::{_LEVELS[finding.severity]} {properties}::{_data(f'{finding.message} {finding.fix}')}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def explain_rule(code: str) -> str:
    """Return the page of a rule, from its docstring, by code or name. Raises KeyError for an unknown one."""
    found = REGISTRY.get(code) or {rule.name: rule for rule in REGISTRY.values()}[code]
    return page(found)


def page(rule: Rule) -> str:
    """Return a rule's docstring as a page of text."""
    head = f"{rule.code} {rule.name} ({rule.severity})"
    return (
        f"{head}\n\n{rule.summary}\n\nWhat it flags: {rule.flags}\n\nWhy: {rule.why}\n\nHint: {rule.hint}\n"
    )
