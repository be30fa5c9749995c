"""Mask what is private in text: SQL parameters, row values, passwords. Time and memory grow with the text's length only.

A text may be a megabyte that a stranger chose, and this runs in a request of the host: so each sort of secret is looked
for by where it begins and where it ends, never by a pattern that goes back and tries again. What has no end, since the
text was cut, is masked up to the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

MASK = "[removed]"


def scrub_text(text: str, secrets: Sequence[str] = ()) -> str:
    """Return *text* without parameters, row values and passwords; *secrets* are masked wherever they stand."""
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, MASK)
    for begins, end_of in _SORTS:
        if begins.search(text):
            text = "".join(_masked(text, begins, end_of))
    return _WORD.sub(_address, text) if "://" in text else text


def without_literals(statement: str) -> str:
    """Return SQL without the texts that are written into it: some applications do without parameters."""
    return _LITERAL.sub("'?'", statement)


_LITERAL = re.compile(r"'(?:[^']|'')*+(?:'|\Z)")  # without an end where the statement was cut

EndOf = Callable[[str, int], int]
"""Given a text and where a secret begins, return where it ends: what stands from there on is shown."""


def _masked(text: str, begins: re.Pattern[str], end_of: EndOf) -> Iterator[str]:
    """Yield *text* with the mask in place of each secret that *begins* announces."""
    at = 0
    while (found := begins.search(text, at)) is not None:
        yield text[at : found.end()]
        at = end_of(text, found.end())
        if at > found.end():
            yield MASK
    yield text[at:]


def _address(word: re.Match[str]) -> str:
    """Mask the password of ``scheme://user:password@host``, up to the last @: it may hold one, and nobody has escaped it."""
    text = word[0]
    user, end = _USER.search(text), text.rfind("@")
    return text if user is None or end < user.end() else text[: user.end()] + MASK + text[end:]


_WORD = re.compile(r"\S{5,}")
_USER = re.compile(r"://[^:/@]*+:")


def _before(pattern: str) -> EndOf:
    """End before the next place that fits, or with the text."""
    compiled = re.compile(pattern, re.MULTILINE)

    def end_of(text: str, start: int) -> int:
        found = compiled.search(text, start)
        return len(text) if found is None else found.start()

    return end_of


def _last(*ends: str) -> EndOf:
    """End before the last of the first of *ends* that is there: a value may hold the same, so only the last is sure to end it."""

    def end_of(text: str, start: int) -> int:
        places = (text.rfind(end, start) for end in ends)
        return next((place for place in places if place >= 0), len(text))

    return end_of


def _password(text: str, start: int) -> int:
    """End with the closing quote or brace, else before what separates settings."""
    closes = _CLOSES.get(text[start : start + 1])
    if closes is None:
        return _UNQUOTED(text, start)
    found = closes.match(text, start + 1)
    return len(text) if found is None else found.end()


_UNQUOTED = _before(r"[\s;,&)\]}]")
_CLOSES = {
    "'": re.compile(r"(?:[^'\\]|\\.)*+'", re.DOTALL),
    '"': re.compile(r'(?:[^"\\]|\\.)*+"', re.DOTALL),
    "{": re.compile(r"[^}]*+\}"),
}
_LABEL = r"^[^\S\n]*[A-Z]{5,9}:  "

_SORTS: tuple[tuple[re.Pattern[str], EndOf], ...] = tuple(
    (re.compile(begins, re.MULTILINE), end_of)
    for begins, end_of in (
        # SQLAlchemy: "[SQL: INSERT ...]", "[parameters: {...}]", which end at the line's end or the text's
        (r"\[parameters: ", _before(r"\](?=[^\S\n]*(?:\n|\(Background|\Z))")),
        (r"\[SQL: ", _before(r"\](?=[^\S\n]*(?:\n|\[parameters|\(Background|\Z))")),
        # PostgreSQL: a DETAIL goes on over the lines of a value; "Key (lower(mail))=(a@b.c)", "Failing row contains (...)"
        (r"^[^\S\n]*DETAIL:  ", _before(rf"\n(?={_LABEL}|[^\S\n]*(?:\[|\(Background|$))")),
        (_LABEL, _before(r"\n")),
        (r"\)=\(", _last(")")),
        (r"Failing row contains \(", _last(")")),
        (
            r"(?:invalid input (?:syntax|value) for|malformed|value out of range:) ?[^\n\"]{0,100}\"",
            _last('"'),
        ),
        # MySQL and MariaDB: "Duplicate entry 'a@b.c' for key"; SQL Server
        (r"Duplicate entry '", _last("' for key", "'")),
        (r"(?:Incorrect|Truncated incorrect) \w{1,40} value: '", _last("' for column", "'")),
        (r"The duplicate key value is \(", _last(")")),
        (r"converting the \w{1,40} value '", _last("' to data type", "'")),
        # "password=..." of libpq, of ODBC and of settings
        (r"(?i:passw(?:or)?d|pwd|passphrase|secret_?key|api_?key)[\"']?\s{0,5}[=:]\s{0,5}", _password),
    )
)
