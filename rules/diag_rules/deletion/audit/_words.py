"""How the rules name things, so that every finding reads alike."""

from __future__ import annotations

import re

from diag_rules.deletion._metadata import mentions
from diag_rules.deletion._schema import ForeignKey, Schema, Table

from ._links import Link

_REQUIRES = r"""["`\[]?\b{name}\b["`\]]?\s*\)?\s+is\s+not\s+null"""
_TESTS = r"""\b{name}\b["`\]]?[\s)]*(::\s*[\w ]*?[\s)]*)?\s+is\s+null"""
_COUNTS = re.compile(r"\b(num_nulls|num_nonnulls|coalesce|ifnull|isnull)\s*\(", re.IGNORECASE)
_COMPARES = re.compile(r"[=<>+]|\bcase\b|\bxor\b|\bnot\b(?!\s+null)|\bdistinct\b", re.IGNORECASE)


def reference(table: str, columns: tuple[str, ...]) -> str:
    """Return ``releases.project_id``, or ``releases(tenant_id, project_id)`` for several columns."""
    return f"{table}.{columns[0]}" if len(columns) == 1 else f"{table}({', '.join(columns)})"


def where(fk: ForeignKey) -> str:
    """Return the referencing side of *fk*."""
    return reference(fk.table, fk.columns)


def target(fk: ForeignKey) -> str:
    """Return the referred side of *fk*."""
    return reference(fk.referred, fk.referred_columns)


def written(fk: ForeignKey, ondelete: str) -> str:
    """Return the mapping of *fk* with that action, as SQLAlchemy's declarative form has it."""
    if len(fk.columns) == 1:
        return f'ForeignKey("{target(fk)}", ondelete="{ondelete}")'
    columns = ", ".join(f'"{column}"' for column in fk.columns)
    referred = ", ".join(f'"{fk.referred}.{column}"' for column in fk.referred_columns)
    return f'ForeignKeyConstraint([{columns}], [{referred}], ondelete="{ondelete}")'


def actions(fk: ForeignKey, schema: Schema) -> str:
    """Return the change that gives *fk* an action: SET NULL only where the columns can hold NULL, and no CHECK minds."""
    keep = (
        f', or ondelete="SET NULL" to keep them without {fk.referred}'
        if nullable(fk.columns, fk.table, schema) and minds_null(schema.tables[fk.table], fk.columns) is None
        else ""
    )
    return f"{written(fk, 'CASCADE')} to delete the rows of {fk.table} too{keep}, and a migration that does the same"


def minds_null(table: Table, columns: tuple[str, ...]) -> str | None:
    """Return why a CHECK of *table* may refuse NULL in one of *columns*, or None."""
    for check in table.checks:
        for column in columns:
            name = check.name or "a CHECK"
            if re.search(_REQUIRES.format(name=re.escape(column)), check.sql, re.IGNORECASE):
                return f"{name} wants {column} to be set"
            if _weighs(check.sql, column):
                return f"{name} depends on whether {column} is set"
    return None


def _weighs(sql: str, column: str) -> bool:
    """Return whether the CHECK counts or compares what is NULL: ``(a IS NULL) <> (b IS NULL)``, ``num_nonnulls(a, b) = 1``.

    ``a IS NULL OR ...`` alone does not: NULL is what it allows.
    """
    if _COUNTS.search(sql) and mentions(sql, column):
        return True
    tested = re.search(_TESTS.format(name=re.escape(column)), sql, re.IGNORECASE)
    return tested is not None and _COMPARES.search(sql) is not None


def nullable(columns: tuple[str, ...], table: str, schema: Schema) -> bool:
    """Return whether all *columns* can hold NULL."""
    return not not_null(columns, table, schema)


def not_null(columns: tuple[str, ...], table: str, schema: Schema) -> tuple[str, ...]:
    """Return those of *columns* that can't hold NULL."""
    known = schema.tables[table].columns
    return tuple(column for column in columns if column in known and not known[column].nullable)


def owner(link: Link) -> str:
    """Return the class whose deletion the link is about."""
    name: str = link.owner.class_.__name__
    return name
