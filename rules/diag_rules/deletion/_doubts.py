"""What makes a verdict uncertain: code of the user's in the database, and rows that our role may not see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ._schema import Schema, Table
from ._simulate import Result
from ._triggers import fired
from ._world import Row


def doubts(
    schema: Schema, roots: Iterable[str], result: Result, direct: Sequence[Row], *, certain: bool
) -> list[str]:
    """Why the simulation may not be what happens, as sentences; empty where it is.

    *certain*: it is refused before a trigger runs, so that triggers put nothing in doubt.
    """
    found = list(schema.caveats)
    if not certain:
        for table, trigger in fired(schema, result.deleted, result.changed, direct):
            kind = "rule" if trigger.timing == "RULE" else f"{trigger.timing} trigger"
            found.append(f"what the {kind} {trigger.name} on {table.key} does is not known")
    visited = dict.fromkeys([*roots, *(key for row in result.deleted for key in schema.lineage(row.table))])
    found += hidden(schema, visited)
    return list(dict.fromkeys(found))


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
