"""What the audit prints for people, for programs and for CI, and the baseline of accepted findings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from diag_rules.deletion import Finding, Severity
from diag_rules.deletion.audit import (
    REGISTRY,
    as_baseline,
    as_github,
    as_json,
    as_sarif,
    as_text,
    at_or_over,
    exit_code,
    explain_rule,
    fingerprint,
    new_findings,
    read_baseline,
)

ROOT = Path("/srv/app")
ERROR = Finding(
    code="DEL001",
    rule="relationship-nulls-not-null",
    severity=Severity.ERROR,
    where="Project.invitations",
    message="It is 100 % wrong: a, b.",
    fix="Add passive_deletes=True.",
    file="/srv/app/shop/my models.py",
    line=87,
)
NOTE = Finding(
    code="DEL009",
    rule="unindexed-reference",
    severity=Severity.NOTE,
    where="role.project_id",
    message="Slow.",
    fix="Index it.",
)


def test_text_leads_with_the_place_and_ends_with_the_count() -> None:
    text = as_text([ERROR, NOTE], root=ROOT)

    assert text.splitlines()[0] == (
        "shop/my models.py:87: error DEL001 relationship-nulls-not-null: Project.invitations"
    )
    assert "note DEL009 unindexed-reference: role.project_id" in text.splitlines()
    assert text.endswith("2 findings: 1 error, 1 note.\n")
    assert as_text([]) == "No findings.\n"


def test_a_file_outside_the_root_keeps_its_whole_path() -> None:
    assert as_text([ERROR], root="/elsewhere").startswith("/srv/app/shop/my models.py:87: ")


def test_json_has_every_field_and_the_fingerprint() -> None:
    data = json.loads(as_json([ERROR, NOTE], root=ROOT))

    assert data["version"] == 1
    assert data["findings"][0] == {
        "code": "DEL001",
        "rule": "relationship-nulls-not-null",
        "severity": "error",
        "where": "Project.invitations",
        "message": ERROR.message,
        "fix": ERROR.fix,
        "file": "shop/my models.py",
        "line": 87,
        "fingerprint": fingerprint(ERROR),
    }
    assert data["findings"][1]["file"] is None


def test_github_annotations_escape_what_would_end_them() -> None:
    first, second = as_github([replace(ERROR, file="/srv/app/a,b:c.py"), NOTE], root=ROOT).splitlines()

    assert first == (
        "::error file=a%2Cb%3Ac.py,line=87,title=DEL001 relationship-nulls-not-null::"
        "It is 100 %25 wrong: a, b. Add passive_deletes=True."
    )
    assert second.startswith("::notice title=DEL009 unindexed-reference::")


def test_sarif_has_what_code_scanning_requires() -> None:
    """The required properties of GitHub's "SARIF support for code scanning", one by one."""
    data = json.loads(as_sarif([ERROR, NOTE], root=ROOT, version="0.1.0"))

    (run,) = data["runs"]
    driver = run["tool"]["driver"]
    assert (data["version"], data["$schema"]) == ("2.1.0", "https://json.schemastore.org/sarif-2.1.0.json")
    assert (driver["name"], driver["semanticVersion"]) == ("flask-diag", "0.1.0")
    assert [rule["id"] for rule in driver["rules"]] == sorted(REGISTRY)
    for described in driver["rules"]:
        assert {
            "id",
            "shortDescription",
            "fullDescription",
            "help",
            "defaultConfiguration",
        } <= described.keys()
        assert described["shortDescription"]["text"].endswith((".", ")."))
        assert len(described["fullDescription"]["text"]) <= 1024
    for result in run["results"]:
        _assert_result(result, driver["rules"])


def _assert_result(result: dict[str, Any], rules: list[dict[str, Any]]) -> None:
    (location,) = result["locations"]
    physical = location["physicalLocation"]
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    assert result["level"] in ("error", "warning", "note")
    assert result["message"]["text"]
    assert physical["region"]["startLine"] >= 1
    assert not physical["artifactLocation"]["uri"].startswith("/")
    assert " " not in physical["artifactLocation"]["uri"]
    assert all(isinstance(value, str) for value in result["partialFingerprints"].values())


def test_sarif_prints_the_docstring_of_each_rule() -> None:
    rules = json.loads(as_sarif([]))["runs"][0]["tool"]["driver"]["rules"]

    for described in rules:
        rule = REGISTRY[described["id"]]
        assert described["shortDescription"]["text"] == rule.summary
        assert rule.why in described["help"]["text"]


@pytest.mark.parametrize("code", sorted(REGISTRY))
def test_every_rule_explains_itself_by_code_and_by_name(code: str) -> None:
    rule = REGISTRY[code]

    assert explain_rule(code) == explain_rule(rule.name)
    assert all(len(part) > 20 for part in (rule.summary, rule.flags, rule.why, rule.hint))


def test_an_unknown_rule_has_no_page() -> None:
    with pytest.raises(KeyError):
        explain_rule("DEL999")


def test_a_fingerprint_outlives_lines_files_and_wording() -> None:
    moved = replace(
        ERROR,
        line=3,
        file="/other/place.py",
        message="Reworded.",
        fix="Otherwise.",
        severity=Severity.WARNING,
    )

    assert fingerprint(moved) == fingerprint(ERROR)
    assert fingerprint(replace(ERROR, where="Project.roles")) != fingerprint(ERROR)
    assert fingerprint(replace(ERROR, code="DEL002")) != fingerprint(ERROR)


def test_a_baseline_lets_only_new_findings_through(tmp_path: Path) -> None:
    file = tmp_path / "deletion-baseline.json"
    file.write_text(as_baseline([ERROR]), encoding="utf-8")

    assert new_findings([ERROR, NOTE], file) == [NOTE]
    assert new_findings([ERROR, NOTE], read_baseline(file)) == [NOTE]
    assert new_findings([ERROR], tmp_path / "missing.json") == [ERROR]
    assert as_baseline([ERROR, NOTE]) == as_baseline([NOTE, ERROR])


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 2, "findings": []}', '{"version": 1, "findings": [{}]}']
)
def test_a_file_that_is_no_baseline_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "old.json"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match=r"old\.json is no baseline"):
        read_baseline(file)


def test_the_exit_code_follows_the_threshold() -> None:
    assert exit_code([]) == 0
    assert exit_code([NOTE]) == 0
    assert exit_code([NOTE], Severity.NOTE) == 1
    assert exit_code([ERROR], "error") == 1
    assert exit_code([replace(ERROR, severity=Severity.WARNING)], "error") == 0
    assert at_or_over([ERROR, NOTE], "warning") == [ERROR]
    with pytest.raises(ValueError, match="loud"):
        exit_code([], "loud")
