"""Names in PostgreSQL's messages, read without knowing the server's language."""

from __future__ import annotations

import re
from functools import lru_cache

from ._reading import Reading


@lru_cache(maxsize=1)
def _quoted() -> re.Pattern[str]:
    # every translation of PostgreSQL puts identifiers in one of these quotes
    return re.compile(
        '"([^"]+)"|\u00bb([^\u00ab]+)\u00ab|\u00ab\\s?([^\u00bb]+?)\\s?\u00bb|\u201e([^\u201c\u201d]+)[\u201c\u201d]'
        "|\u300c([^\u300d]+)\u300d|\u201c([^\u201d]+)\u201d"
    )


@lru_cache(maxsize=1)
def _key_columns() -> re.Pattern[str]:
    # 'Key (a, b)=(1, 2) ...': the columns stand before the first value, so no value can forge them
    return re.compile(r"[^()=]*?\((.*?)\)=\(", re.DOTALL)


def identifiers(message: str) -> list[str]:
    """Return the quoted identifiers of a primary message, in its order."""
    return [next(filter(None, groups), "") for groups in _quoted().findall(message)]


def key_columns(detail: str | None) -> tuple[str, ...]:
    """Return the columns that a DETAIL names before its values; empty where it names none."""
    found = _key_columns().match(detail) if detail else None
    return tuple(part.strip().strip('"') for part in found[1].split(",")) if found else ()


def add_names(reading: Reading, detail: str | None, column: str | None, schema: str | None) -> None:
    """Complete *reading* of class 23 with columns and the referenced table.

    The primary message quotes identifiers only, and a DETAIL names columns before its first value and the
    referenced table after its last: none of it can be a value.
    """
    if column:
        reading.columns = (column,)
    elif reading.sqlstate in {"23503", "23001", "23505", "23P01"}:
        reading.columns = key_columns(detail)
    if schema and reading.table and schema != "public":
        reading.table = f"{schema}.{reading.table}"
    names = identifiers(reading.message)
    if reading.constraint is None:
        _from_message(reading, names)
    if reading.sqlstate in {"23503", "23001"}:
        _referenced(reading, names, detail)


def _from_message(reading: Reading, names: list[str]) -> None:
    """Take constraint and table from the message, for servers and poolers that send no fields."""
    if len(names) == 1 and reading.sqlstate in {"23505", "23P01", "23514"}:
        reading.constraint = names[0]
    elif len(names) >= 2 and reading.sqlstate in {"23503", "23001", "23514"}:
        reading.constraint = names[1]
        reading.table = reading.table or names[-1 if len(names) > 2 else 0]
    elif reading.sqlstate == "23502" and len(names) >= 2:
        reading.columns = reading.columns or (names[0],)
        reading.table = reading.table or names[1]


def _referenced(reading: Reading, names: list[str], detail: str | None) -> None:
    owner = (reading.table or "").rpartition(".")[2]
    others = [name for name in names if name not in {owner, reading.constraint}]
    if others:
        reading.referenced_table = others[0]
    elif names.count(owner) > 1:
        reading.referenced_table = owner  # the table refers to itself
    elif detail:
        tail = identifiers(detail[detail.rfind(")") :])
        reading.referenced_table = tail[-1] if tail else None
