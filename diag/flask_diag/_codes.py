"""Find the error in what somebody pastes: a bare code, a line of a log, or the end of a traceback."""

from __future__ import annotations

import re

from diag_rules.errors import Category, Classification, explain, explain_line

_CODES = re.compile(
    r"\bORA-\d{5}\b|\bSQLITE_[A-Z_]+\b|(?<![\w.-])[0-9A-Z]{2}[0-9A-Z]{3}(?![\w.-])|(?<![\w.:-])-?\d{1,5}(?![\w.:-])"
)
_MYSQL_CLIENT = re.compile(
    r"ERROR (?P<number>\d{4,5}) \([0-9A-Z]{5}\)"
)  # its SQLSTATE says less than its number
MAX_TEXT = 10_000
DIALECTS = ("postgresql", "mariadb", "mysql", "sqlite", "oracle", "mssql")


def meaning_of(text: str, own: str, dialect: str | None = None) -> Classification | None:
    """Return what the exception quoted in *text* means, or else the first code in it; None where nothing is known.

    Args:
        text: a code, a line of a log, or a traceback, whose last lines name the exception.
        own: the application's database, asked before the others.
        dialect: the only one to ask.
    """
    if client := _MYSQL_CLIENT.search(text[:MAX_TEXT]):
        text, own = client["number"], own if own in {"mysql", "mariadb"} else "mariadb"
    quoted = None if dialect else _quoted(text)
    if quoted is not None:
        return quoted
    asked = (dialect,) if dialect else dict.fromkeys((own, *DIALECTS))
    return next((found for one in asked if (found := _meaning(text, one)) is not None), None)


def _quoted(text: str) -> Classification | None:
    """Return what the last line that names an exception means, or None."""
    for line in reversed(text[-MAX_TEXT:].strip().splitlines()):
        found = explain_line(line)
        if found.category is not Category.UNKNOWN:
            return found
    return None


def _meaning(text: str, dialect: str) -> Classification | None:
    bare = text.strip()
    candidates = (
        [bare, *_CODES.findall(bare[:MAX_TEXT])] if len(bare) < 20 else _CODES.findall(bare[:MAX_TEXT])
    )
    for code in dict.fromkeys(candidates):
        found = explain(dialect, code)
        if found.category is not Category.UNKNOWN:
            return found
    return None
