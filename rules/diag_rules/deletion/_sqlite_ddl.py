"""Read what SQLite's PRAGMAs leave out from the text of CREATE TABLE: names, deferral, CHECK."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?(?:\*/|\Z)|\s+"""
    r"""|(?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])"""
    r"""|(?P<text>'(?:[^']|'')*')"""
    r"""|(?P<word>[\w$]+)|(?P<sign>.)""",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SQL: its plain name, whether it is a bare word, and where it stands."""

    value: str
    bare: bool
    start: int
    end: int
    depth: int

    def says(self, word: str) -> bool:
        """True for the bare word *word*, in any case."""
        return self.bare and self.value.upper() == word


@dataclass(frozen=True, slots=True)
class Reference:
    """What a REFERENCES clause says beyond the PRAGMA."""

    name: str | None
    initially_deferred: bool


def tokens(sql: str) -> list[Token]:
    """Split *sql*, without spaces and comments; depth counts open parentheses."""
    found = []
    depth = 0
    for match in TOKEN.finditer(sql):
        kind = match.lastgroup
        if kind is None:
            continue
        text = match.group()
        depth -= text == ")"
        found.append(Token(_plain(text) if kind == "quoted" else text, kind == "word", *match.span(), depth))
        depth += text == "("
    return found


def _plain(quoted: str) -> str:
    inside = quoted[1:-1]
    return inside if quoted[0] == "[" else inside.replace(quoted[0] * 2, quoted[0])


def references(sql: str) -> list[Reference]:
    """Every foreign key of a CREATE TABLE, in the order of declaration."""
    parts = tokens(sql)
    return [
        Reference(_name_before(parts, place), _deferred_after(parts, place))
        for place, token in enumerate(parts)
        if token.depth == 1 and token.says("REFERENCES")
    ]


def _name_before(parts: list[Token], place: int) -> str | None:
    """The constraint's name: CONSTRAINT name, then perhaps FOREIGN KEY (...)."""
    if place and parts[place - 1].value == ")":
        place -= 1
        while place and not (parts[place].says("FOREIGN") and parts[place].depth == 1):
            if parts[place].value == "," and parts[place].depth == 1:
                return None
            place -= 1
    if place >= 2 and parts[place - 2].says("CONSTRAINT"):
        return parts[place - 1].value
    return None


def _deferred_after(parts: list[Token], place: int) -> bool:
    for first, second, third in _clause(parts, place):
        if first.says("DEFERRABLE"):
            return second.says("INITIALLY") and third.says("DEFERRED")
    return False


def _clause(parts: list[Token], place: int) -> Iterator[tuple[Token, Token, Token]]:
    """Triples of tokens up to the end of the clause; NOT DEFERRABLE ends it."""
    end = Token("", False, 0, 0, 0)
    for at in range(place + 1, len(parts)):
        token = parts[at]
        if token.depth < 1 or (token.depth == 1 and token.value == ","):
            return
        if token.says("REFERENCES") or (
            token.says("NOT") and at + 1 < len(parts) and parts[at + 1].says("DEFERRABLE")
        ):
            return
        following = [*parts[at + 1 : at + 3], end, end]
        yield token, following[0], following[1]


def checks(sql: str) -> list[tuple[str | None, str]]:
    """Every CHECK of a CREATE TABLE as (name, text between its parentheses)."""
    parts = tokens(sql)
    found = []
    for place, token in enumerate(parts):
        if (
            token.depth == 1
            and token.says("CHECK")
            and place + 1 < len(parts)
            and parts[place + 1].value == "("
        ):
            closing = next(
                (part for part in parts[place + 2 :] if part.value == ")" and part.depth == 1), parts[-1]
            )
            name = parts[place - 1].value if place >= 2 and parts[place - 2].says("CONSTRAINT") else None
            found.append((name, sql[parts[place + 1].end : closing.start]))
    return found


def formulas(sql: str) -> dict[str, str]:
    """The expressions of generated columns, by the column's name in lower case."""
    found: dict[str, str] = {}
    for part in _parts(tokens(sql)):
        for place, token in enumerate(part[:-1]):
            if token.says("AS") and token.depth == 1 and part[place + 1].value == "(":
                found[part[0].value.lower()] = _inside(sql, part, place + 1)
    return found


def collations(sql: str) -> dict[str, str]:
    """The collations of columns, in lower case, by the column's name in lower case; absent: BINARY."""
    found: dict[str, str] = {}
    for part in _parts(tokens(sql)):
        for token, following in pairwise(part):
            if token.says("COLLATE") and token.depth == 1:
                found[part[0].value.lower()] = following.value.lower()
    return {name: collation for name, collation in found.items() if collation != "binary"}


def index_terms(sql: str) -> tuple[tuple[str, ...], str | None]:
    """What CREATE INDEX compares, and its WHERE; nothing where there is no statement."""
    parts = tokens(sql)
    terms = tuple(_term(sql, part) for part in _parts(parts))
    where = next((token for token in parts if token.depth == 0 and token.says("WHERE")), None)
    return terms, sql[where.end :].strip().rstrip(";") if where is not None else None


def _parts(found: list[Token]) -> list[list[Token]]:
    """The tokens between the outermost parentheses, split at the commas."""
    parts: list[list[Token]] = [[]]
    opened = False
    for token in found:
        if token.depth == 0:
            if opened and token.value == ")":
                break
            opened = opened or token.value == "("
        elif token.depth == 1 and token.value == ",":
            parts.append([])
        elif opened:
            parts[-1].append(token)
    return [part for part in parts if part]


def _term(sql: str, part: list[Token]) -> str:
    last = part[-1]
    if last.says("ASC") or last.says("DESC"):
        part = part[:-1]
    return sql[part[0].start : part[-1].end]


def _inside(sql: str, part: list[Token], place: int) -> str:
    closing = next(
        (token for token in part[place + 1 :] if token.value == ")" and token.depth == 1), part[-1]
    )
    return sql[part[place].end : closing.start]
