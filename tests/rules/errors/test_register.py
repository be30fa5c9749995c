"""`register`, its entry points, and `configure`."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from typing import Any

import pytest

from diag_rules.errors import Category, Kind, classify, configure, explain, register
from diag_rules.errors import _registry as registry
from diag_rules.errors import _settings as settings
from rules.errors._stand_ins import stand_in, wrapped


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "_rows", {})
    monkeypatch.setattr(registry, "_loaded", True)
    monkeypatch.setattr(registry, "quiet", True)
    monkeypatch.setattr(settings, "current", settings.Settings())
    settings.changed()
    yield
    settings.changed()


def test_a_private_code_gets_the_applications_meaning() -> None:
    error = wrapped(stand_in("psycopg.errors.Error", "legal hold", sqlstate="LH001"))
    before = classify(error)

    register("postgresql", "LH001", "raise_exception", summary="The project is under legal hold.")

    after = classify(error)
    assert before.category is Category.UNKNOWN
    assert (after.category, after.summary) == (Category.BUSINESS_RULE, "The project is under legal hold.")
    assert after.evidence == "code LH001, registered"
    assert explain("postgresql", "LH001").kind is Kind.RAISE_EXCEPTION


def test_the_applications_row_beats_ours() -> None:
    register("mysql", 1644, Kind.RAISE_EXCEPTION, category="contention", retry="transaction")

    assert explain("mysql", 1644).category is Category.CONTENTION


def test_a_private_exception_class_is_known_by_its_name() -> None:
    class QuotaExceeded(Exception):
        pass

    class Detailed(QuotaExceeded):
        pass

    register("python", f"{QuotaExceeded.__module__}.{QuotaExceeded.__qualname__}", Kind.CHECK_VIOLATION)

    assert classify(Detailed()).kind is Kind.CHECK_VIOLATION


def test_a_new_database_needs_rows_only() -> None:
    register("duckdb", "42", Kind.DISK_FULL)

    assert explain("duckdb", "42").category is Category.OUTAGE


def test_a_clash_is_refused_and_changes_nothing() -> None:
    register("postgresql", "LH001", Kind.RAISE_EXCEPTION)
    register("postgresql", "LH001", Kind.RAISE_EXCEPTION)

    with pytest.raises(ValueError, match=r"LH001.*registered already.*replace=True"):
        register("postgresql", "LH001", Kind.DISK_FULL)

    assert explain("postgresql", "LH001").kind is Kind.RAISE_EXCEPTION
    register("postgresql", "LH001", Kind.DISK_FULL, replace=True)
    assert explain("postgresql", "LH001").kind is Kind.DISK_FULL


def test_a_word_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"no kind 'unique_voilation'.*'unique_violation'"):
        register("postgresql", "LH001", "unique_voilation")
    with pytest.raises(ValueError, match=r"no category 'outrage'.*'outage'"):
        register("postgresql", "LH001", "disk_full", category="outrage")


def test_entry_points_are_loaded_once_and_a_broken_one_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls = []

    class Entry:
        def __init__(self, name: str, work: Any) -> None:
            self.name, self.work = name, work

        def load(self) -> Any:
            return self.work

    def good() -> None:
        calls.append(1)
        register("postgresql", "EP001", Kind.RAISE_EXCEPTION)

    def bad() -> None:
        raise RuntimeError("broken package")

    monkeypatch.setattr(metadata, "entry_points", lambda group: [Entry("bad", bad), Entry("good", good)])
    monkeypatch.setattr(registry, "_loaded", False)
    monkeypatch.setattr(registry, "quiet", False)

    answers = [explain("postgresql", "EP001"), explain("postgresql", "EP001")]

    assert answers[0].kind is Kind.RAISE_EXCEPTION
    assert calls == [1]
    assert "bad" in caplog.text


def test_the_operator_says_what_read_only_means() -> None:
    assert explain("postgresql", "25006").category is Category.OUTAGE

    configure(read_only="transaction")

    answer = explain("postgresql", "25006")
    assert answer.category is Category.DEFECT
    assert "configure" in answer.evidence


def test_the_operator_says_which_server_shares_the_numbers() -> None:
    error = stand_in("pymysql.err.OperationalError", 4025, "?")
    assert classify(error).kind is Kind.CHECK_VIOLATION

    configure(mysql_flavour="mysql")

    assert classify(error).kind is not Kind.CHECK_VIOLATION


def test_a_setting_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no setting 'colour'.*read_only"):
        configure(colour="red")  # type: ignore[call-arg] # what a user may write all the same
    with pytest.raises(ValueError, match=r"cannot be 'maybe'.*failover"):
        configure(read_only="maybe")  # type: ignore[arg-type] # likewise
