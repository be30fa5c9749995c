"""Triggers and rules of the user's: which ones a deletion fires, and what is certain before the first of them runs.

Source: PostgreSQL's documentation of triggers and ``commands/trigger.c``, SQLite's ``fkey.c`` and ``delete.c``, MariaDB's
manual ("triggers are not activated by foreign key actions"); each rule is held by a test that really deletes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ._policy import DeletionPolicy
from ._schema import Action, ForeignKey, Schema, Table, Trigger
from ._simulate import Delete, Result, Statement, Violation
from ._verdict import Reason
from ._world import Row

DIRECT_ONLY = ("mysql", "mariadb")  # triggers do not fire in cascades there
FIRST = ("BEFORE", "RULE", "INSTEAD OF")


def trusted(schema: Schema, policy: DeletionPolicy | None) -> Schema:
    """The schema without the triggers that *policy* calls harmless. Rules stay: they rewrite the database's own checks."""
    if policy is None:
        return schema
    tables = {}
    for key, table in schema.tables.items():
        kept = tuple(
            each for each in table.triggers if each.timing == "RULE" or not policy.harmless(key, each.name)
        )
        tables[key] = table if len(kept) == len(table.triggers) else replace(table, triggers=kept)
    return replace(schema, tables=tables)


def firing(table: Table, event: str, changed: Iterable[str] | None = None) -> Iterator[Trigger]:
    """The triggers of *table* for the event; those for UPDATE OF other columns are left out."""
    names = None if changed is None else set(changed)
    for trigger in table.triggers:
        watches = not trigger.columns or names is None or names & set(trigger.columns)
        if event in trigger.events and watches:
            yield trigger


def fired(
    schema: Schema, deleted: Iterable[Row], changed: Iterable[Row], direct: Sequence[Row]
) -> Iterator[tuple[Table, Trigger]]:
    """The triggers that fire when these rows go or change; *direct* are those that statements name themselves."""
    named = set(direct)
    silent = schema.dialect in DIRECT_ONLY
    tables: dict[str, None] = {}
    for row in deleted:
        if not silent or row in named:
            tables.update(dict.fromkeys(schema.lineage(row.table)))
    for key in tables:
        yield from ((schema.tables[key], each) for each in firing(schema.tables[key], "DELETE"))
    for row in changed:
        if not silent or row in named:
            for key in schema.lineage(row.table):
                yield from (
                    (schema.tables[key], each) for each in firing(schema.tables[key], "UPDATE", row.changes)
                )
    if schema.dialect == "postgresql":
        yield from _of_statements(schema, tables)


def _of_statements(schema: Schema, gone: Iterable[str]) -> Iterator[tuple[Table, Trigger]]:
    """Triggers of statements: PostgreSQL's cascades send their statement even where it meets no row."""
    for key in gone:
        for fk in schema.children_of(key):
            if fk.enforced:
                table = schema.tables[fk.table]
                yield from ((table, each) for each in of_action(table, fk) if each.statement)


def of_action(table: Table, fk: ForeignKey) -> Iterator[Trigger]:
    """The triggers of *table* that the action of its key *fk* could fire."""
    if fk.ondelete is Action.CASCADE:
        yield from firing(table, "DELETE")
    elif not fk.ondelete.refuses:
        yield from firing(table, "UPDATE", fk.touched)


# what is certain


def refused_first(schema: Schema, statements: Sequence[Statement], result: Result) -> bool:
    """True where a constraint refuses a statement before any trigger could mend what it objects to."""
    for place, (statement, mark) in enumerate(zip(statements, result.marks, strict=True)):
        before = result.marks[place - 1] if place else None
        start = before.violations if before is not None else 0
        if mark.violations == start:
            continue
        if before is not None:
            deleted, changed = result.deleted[: before.deleted], list(result.changed)[: before.changed]
            if any(fired(schema, deleted, changed, directly(statements[:place]))):
                return False
        return any(_at_once(schema, statement, item) for item in result.violations[start : mark.violations])
    return False


def _at_once(schema: Schema, statement: Statement, item: Violation) -> bool:
    """True where *statement* meets the violation before a trigger of its own or of its cascades has run."""
    if isinstance(statement, Delete):
        return len(statement.rows) == 1 and _at_once_by_key(schema, statement.rows[0], item)
    tables = [schema.tables[key] for key in schema.lineage(statement.row.table)]
    early = any(
        each.timing in FIRST for table in tables for each in firing(table, "UPDATE", statement.columns)
    )
    immediate = item.reason in (Reason.NOT_NULL, Reason.CHECK) and item.fk is None
    return item.row is statement.row and immediate and not early


def _at_once_by_key(schema: Schema, row: Row, item: Violation) -> bool:
    """The same for DELETE of *row*, where a foreign key objects or its action meets a constraint."""
    table = schema.tables[row.table]
    shared = len(schema.lineage(table.key)) > 1 or schema.descendants(table.key)
    if item.fk is None or shared or any(each.timing in FIRST for each in firing(table, "DELETE")):
        return False
    if schema.dialect in DIRECT_ONLY:
        return True  # row by row, at any depth, before the row is gone and AFTER triggers fire
    if schema.dialect == "postgresql":
        return item.parent is row and _by_name(table, item.fk) and not _cascades(schema, table, FIRST)
    counted = item.reason is Reason.FOREIGN_KEY and item.fk.ondelete is not Action.RESTRICT
    known = schema.dialect == "sqlite" and item.parent is row and not counted
    return known and not _cascades(schema, table, (*FIRST, "AFTER"))


def _by_name(table: Table, fk: ForeignKey) -> bool:
    """True where the check runs before every trigger of the row: PostgreSQL fires AFTER triggers by name."""
    name = str(fk.order[0]) if fk.order else ""
    return bool(name) and all(each.name.encode() > name.encode() for each in firing(table, "DELETE"))


def _cascades(schema: Schema, table: Table, timings: Sequence[str]) -> bool:
    """True where actions of the table's keys, which may come before the check, could fire a trigger."""
    pending, seen = [table.key], {table.key}
    while pending:
        for fk in schema.children_of(pending.pop()):
            below = schema.tables[fk.table]
            if fk.enforced and any(each.timing in timings for each in of_action(below, fk)):
                return True
            if fk.enforced and fk.ondelete is Action.CASCADE and fk.table not in seen:
                seen.add(fk.table)
                pending.append(fk.table)
    return False


def directly(statements: Iterable[Statement]) -> list[Row]:
    """The rows that statements name themselves."""
    found: list[Row] = []
    for statement in statements:
        found += statement.rows if isinstance(statement, Delete) else [statement.row]
    return found
