"""Find the error code in what somebody pastes: a bare code, or a line of a log."""

from __future__ import annotations

import re

from diag_rules.errors import Category, Classification, explain

_CODES = re.compile(
    r"\bORA-\d{5}\b|\bSQLITE_[A-Z_]+\b|(?<![\w.-])[0-9A-Z]{2}[0-9A-Z]{3}(?![\w.-])|(?<![\w.:-])-?\d{1,5}(?![\w.:-])"
)
MAX_TEXT = 10_000
DIALECTS = ("postgresql", "mariadb", "mysql", "sqlite", "oracle", "mssql")


def meaning_of(text: str, own: str, dialect: str | None = None) -> Classification | None:
    """Return what the first code in *text* that a database knows means; None where none of them knows any.

    Args:
        text: a code, or a line of a log.
        own: the application's database, asked before the others.
        dialect: the only one to ask.
    """
    asked = (dialect,) if dialect else dict.fromkeys((own, *DIALECTS))
    return next((found for one in asked if (found := _meaning(text, one)) is not None), None)


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
