"""Findings as SARIF 2.1.0, in the part of it that GitHub's code scanning reads.

Source: OASIS SARIF 2.1.0 and "SARIF support for code scanning" in GitHub's documentation, read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from diag_rules.deletion._finding import Finding, Severity

from ._baseline import fingerprint
from ._formats import page, shown_file
from ._rule import REGISTRY, Rule

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def as_sarif(
    findings: Iterable[Finding], *, root: str | Path | None = None, version: str | None = None
) -> str:
    """Return one run of SARIF; files are relative to *root* (the working directory, if None). *version* is the tool's."""
    rules = sorted(REGISTRY.values(), key=lambda rule: rule.code)
    index = {rule.code: position for position, rule in enumerate(rules)}
    driver: dict[str, Any] = {"name": "flask-diag", "rules": [_descriptor(rule) for rule in rules]}
    if version is not None:
        driver["semanticVersion"] = version
    run = {
        "tool": {"driver": driver},
        "columnKind": "utf16CodeUnits",
        "results": [_result(finding, index[finding.code], root) for finding in findings],
    }
    return (
        json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)
        + "\n"
    )


def _descriptor(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": "".join(part.capitalize() for part in rule.name.split("-")),
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.flags},
        "help": {"text": page(rule), "markdown": _markdown(rule)},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"tags": ["database", "deletion"], "precision": "high"},
    }


def _markdown(rule: Rule) -> str:
    flags, why, hint = (text.replace("``", "`") for text in (rule.flags, rule.why, rule.hint))
    return f"**What it flags:** {flags}\n\n**Why:** {why}\n\n**Hint:** {hint}\n"


def _result(finding: Finding, index: int, root: str | Path | None) -> dict[str, Any]:
    return {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.message} {finding.fix}"},
        "locations": [_location(finding, root)],
        "partialFingerprints": {"diagFinding/v1": fingerprint(finding)},
    }


def _location(finding: Finding, root: str | Path | None) -> dict[str, Any]:
    """Return where it is; GitHub wants a file for each result, so a reflected table names one that stands for the schema."""
    file = shown_file(finding, root)
    logical = {"logicalLocations": [{"fullyQualifiedName": finding.where, "kind": "member"}]}
    artifact: dict[str, Any] = {"uri": "schema" if file is None else _uri(file)}
    if not artifact["uri"].startswith("file:"):
        artifact["uriBaseId"] = "%SRCROOT%"
    region = {"startLine": finding.line or 1}
    return {"physicalLocation": {"artifactLocation": artifact, "region": region}, **logical}


def _uri(file: str) -> str:
    return PurePath(file).as_uri() if PurePath(file).is_absolute() else quote(file)
