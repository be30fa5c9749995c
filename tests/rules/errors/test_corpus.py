"""Errors recorded from real servers and drivers, rebuilt from stand-ins: the fallback where a server or driver is missing.

Recorded with ``DIAG_RECORD=file pytest tests/rules/errors`` on PostgreSQL 18 and 15, MariaDB 10.11 and SQLite 3.40.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diag_rules.errors import classify
from rules.errors._corpus import rebuild

CORPUS = Path(__file__).with_name("corpus.jsonl")


def _entries() -> list[Any]:
    lines = CORPUS.read_text(encoding="utf-8").splitlines()
    return [pytest.param(entry, id=entry["name"]) for entry in map(json.loads, lines)]


@pytest.mark.parametrize("entry", _entries())
def test_a_recorded_error_means_the_same_without_its_driver(entry: dict[str, Any]) -> None:
    answer = classify(rebuild(entry["error"]))

    assert (answer.category, answer.kind) == (entry["category"], entry["kind"]), answer
    if entry["constraint"]:
        assert answer.constraint == entry["constraint"], answer


def test_the_corpus_is_large_and_of_many_drivers() -> None:
    modules = {
        entry.values[0]["error"].get("orig", {}).get("module", "").partition(".")[0] for entry in _entries()
    }

    assert len(_entries()) > 500
    assert {"psycopg", "psycopg2", "asyncmy", "pymysql", "MySQLdb", "mariadb", "sqlite3"} <= modules
