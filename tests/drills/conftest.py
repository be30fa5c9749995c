"""The drills' report: printed at the end of a run that holds them all."""

from __future__ import annotations

import pytest

from drills._report import HEAD, Report

_report = Report()


@pytest.fixture
def report() -> Report:
    """Where a drill puts its row."""
    return _report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table."""
    if _report.rows and config.getoption("--slow"):
        terminalreporter.section("drills")
        for line in (*HEAD, *_report.rows):
            terminalreporter.line(line)
