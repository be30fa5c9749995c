"""Names in PostgreSQL's messages, read without knowing the server's language."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from ._reading import Reading


@lru_cache(maxsize=1)
def _quoted() -> re.Pattern[str]:
    # every translation of PostgreSQL puts identifiers in one of these quotes
    return re.compile(
        # and none has the opening one within: without that, a row of them would be read anew from each
        '"([^"]+)"|\u00bb([^\u00ab\u00bb]+)\u00ab|\u00ab\\s?([^\u00ab\u00bb]+?)\\s?\u00bb'
        "|\u201e([^\u201e\u201c\u201d]+)[\u201c\u201d]|\u300c([^\u300c\u300d]+)\u300d|\u201c([^\u201c\u201d]+)\u201d"
    )


def identifiers(message: str) -> tuple[str, ...]:
    """Return the quoted identifiers of a primary message, in its order."""
    return tuple(next(filter(None, groups), "") for groups in _quoted().findall(message))


class Names(NamedTuple):
    """What a constraint error names: as in `Classification`."""

    constraint: str | None
    table: str | None
    columns: tuple[str, ...]
    referenced_table: str | None


_BY_KEY = frozenset({"23503", "23001", "23505", "23P01"})
_REFERENCES = frozenset({"23503", "23001"})


def add_names(reading: Reading, detail: str | None, column: str | None, schema: str | None) -> None:
    """Complete *reading* of class 23 with the constraint, its table and columns, and the referenced table.

    The primary message quotes identifiers only, and a DETAIL, ``Key (a, b)=(1, 2) is not present in table "t".``, names
    columns before its first value and the referenced table after its last: none of it can be a value.
    """
    columns = tail = ""
    if detail and reading.sqlstate in _BY_KEY:
        start = detail.find("(")
        columns = detail[start + 1 : max(detail.find(")=(", start), 0)]
        tail = detail[detail.rfind(")") :] if reading.sqlstate in _REFERENCES else ""
    reading.constraint, reading.table, reading.columns, reading.referenced_table = _names(
        reading.sqlstate or "",
        reading.constraint,
        reading.table,
        schema,
        column,
        reading.message,
        columns,
        tail,
    )


@lru_cache(maxsize=1_000)
def _names(  # noqa: PLR0913, PLR0917 - what it depends on, and no values, so that it can be kept
    sqlstate: str,
    constraint: str | None,
    table: str | None,
    schema: str | None,
    column: str | None,
    message: str,
    columns: str,
    tail: str,
) -> Names:
    quoted = identifiers(message) if constraint is None or sqlstate in _REFERENCES else ()
    named = (column,) if column else tuple(part.strip().strip('"') for part in columns.split(",") if part)
    if constraint is None:
        constraint, table, named = _from_message(sqlstate, quoted, table, named)
    referenced = _referenced(quoted, tail, constraint, table) if sqlstate in _REFERENCES else None
    if schema and table and schema != "public":
        table = f"{schema}.{table}"
    return Names(constraint, table, named, referenced)


def _from_message(
    sqlstate: str, quoted: tuple[str, ...], table: str | None, columns: tuple[str, ...]
) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Take the names from the message, for servers and poolers that send no fields."""
    if len(quoted) == 1 and sqlstate in {"23505", "23P01", "23514"}:
        return quoted[0], table, columns
    if len(quoted) >= 2 and sqlstate in {"23503", "23001", "23514"}:
        return quoted[1], table or quoted[-1 if len(quoted) > 2 else 0], columns
    if len(quoted) >= 2 and sqlstate == "23502":
        return None, table or quoted[1], columns or (quoted[0],)
    return None, table, columns


def _referenced(quoted: tuple[str, ...], tail: str, constraint: str | None, table: str | None) -> str | None:
    others = [name for name in quoted if name not in {table, constraint}]
    if others:
        return others[0]
    if table is not None and quoted.count(table) > 1:
        return table  # the table refers to itself
    found = identifiers(tail)
    return found[-1] if found else None
