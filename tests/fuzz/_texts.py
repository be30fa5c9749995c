"""What people paste: real messages of the corpus, cut, doubled, joined and with letters put in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

CORPUS = Path(__file__).parents[1] / "rules" / "errors" / "corpus.jsonl"
PIECES = (
    "Traceback (most recent call last):\n", '  File "x.py", line 1, in f\n', "sqlalchemy.exc.IntegrityError: ", "(psycopg.errors.UniqueViolation) ",
    "(pymysql.err.IntegrityError) (1062, ", "sqlite3.OperationalError: ", "ERROR 1045 (28000): ", "ORA-00001: ", "SQLSTATE=23505", "[SQL: ", "[parameters: ",
    "(Background on this error at: https://sqlalche.me/e/20/gkpj)", "DETAIL:  Key (a)=(b) already exists.", "\n", "\r\n", "\0", "\x1b[31m", "\ud800", "\u202e",
    "FATAL:  ", "23505", "-1", "99999999999999999999", "1e5", "'", '"', "`", "(", ")", "\\", "{'S': 'FATAL', 'C': '57P01'}", "[Errno 111] ", " (SQLExecDirectW)",
)  # fmt: skip


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in _strings(item)]
    return [value] if isinstance(value, str) and len(value) > 8 else []


MESSAGES = tuple(
    sorted(
        {
            text
            for line in CORPUS.read_text().splitlines()
            if line.strip()
            for text in _strings(json.loads(line))
        }
    )
)
letters = st.text(
    st.characters(codec=None, categories=("L", "N", "P", "S", "Z", "Cc", "Cf", "Cs")), max_size=20
)


@st.composite
def mutated(draw: st.DrawFn, sources: tuple[str, ...] = MESSAGES) -> str:
    """Return a text of *sources* with up to five changes."""
    text = draw(st.sampled_from(sources))
    for _ in range(draw(st.integers(0, 5))):
        start, end = sorted(draw(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))))
        put = draw(st.one_of(st.sampled_from(PIECES), letters, st.just(""), st.just(text[start:end] * 2)))
        text = (text[:start] + put + text[end:])[:20_000]
    return text


texts = st.one_of(
    mutated(), letters, st.lists(st.sampled_from(PIECES) | letters | mutated(), max_size=8).map("".join)
)
