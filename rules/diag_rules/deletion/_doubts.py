"""What makes a verdict uncertain: code of the user's in the database, and rows that our role may not see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ._schema import Schema, Table
from ._simulate import Result, Statement
from ._world import Row

DIRECT_ONLY = ("mysql", "mariadb")  # triggers do not fire in cascades there


def doubts(schema: Schema, roots: Iterable[str], result: Result, direct: Iterable[Row]) -> list[str]:
    """Why the simulation may not be what happens, as sentences; empty where it is."""
    found = list(schema.caveats)
    gone = _by_table(schema, result.deleted, direct)
    for key in gone:
        found += _triggers(schema.tables[key], "DELETE", None)
    for row in result.changed:
        if schema.dialect not in DIRECT_ONLY or row in set(direct):
            for key in schema.lineage(row.table):
                found += _triggers(schema.tables[key], "UPDATE", set(row.changes))
    visited = dict.fromkeys([*roots, *(key for row in result.deleted for key in schema.lineage(row.table))])
    found += hidden(schema, visited)
    return list(dict.fromkeys(found))


def _by_table(schema: Schema, deleted: Iterable[Row], direct: Iterable[Row]) -> dict[str, None]:
    rows = direct if schema.dialect in DIRECT_ONLY else deleted
    return dict.fromkeys(key for row in rows for key in schema.lineage(row.table))


def _triggers(table: Table, event: str, changed: set[str] | None) -> Iterator[str]:
    for trigger in table.triggers:
        watches = not trigger.columns or changed is None or changed & set(trigger.columns)
        if event in trigger.events and watches:
            kind = "rule" if trigger.timing == "RULE" else f"{trigger.timing} trigger"
            yield f"what the {kind} {trigger.name} on {table.key} does is not known"


def hidden(schema: Schema, visited: Iterable[str]) -> Iterator[str]:
    """What our role may not see of the tables that refer to *visited* ones, and of those themselves."""
    tables = list(visited)
    for key in tables:
        if not schema.tables[key].removable and key == tables[0]:
            yield f"our role lacks the privilege DELETE on {key}"
        yield from _unseen(schema.tables[key])
        for fk in schema.children_of(key):
            if fk.enforced:
                yield from _unseen(schema.tables[fk.table])
                yield from _rules(schema.tables[fk.table])


def _unseen(table: Table) -> Iterator[str]:
    if not table.readable:
        yield f"our role may not read {table.key}, whose rows count all the same"
    elif table.rls:
        yield f"row-level security may hide rows of {table.key}, which count all the same"
    if table.kind == "foreign":
        yield f"{table.key} is a foreign table, whose rules are elsewhere"


def _rules(table: Table) -> Iterator[str]:
    """A rewrite rule fails the database's own check even without rows."""
    for trigger in table.triggers:
        if trigger.timing == "RULE":
            yield f"the rule {trigger.name} on {table.key} rewrites the database's own statements"


def directly(statements: Iterable[Statement]) -> list[Row]:
    """The rows that statements name themselves."""
    found: list[Row] = []
    for statement in statements:
        found += getattr(statement, "rows", None) or [statement.row]  # type: ignore[union-attr]
    return found
