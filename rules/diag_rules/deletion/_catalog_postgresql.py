"""Read the model of the schema from PostgreSQL's catalogs: reflection loses trigger order, NOT VALID, partitions and RLS.

Source: PostgreSQL 15 and 18 manuals, chapter "System Catalogs", read 2026-11-22; proved on 15.18 and 18.4.
"""
# ruff: noqa: S608 - the queries are put together from constants of this module alone

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from ._schema import Action, Check, Column, ForeignKey, Index, Schema, Table, Trigger, Unique

ACTIONS = {
    "a": Action.NO_ACTION,
    "r": Action.RESTRICT,
    "c": Action.CASCADE,
    "n": Action.SET_NULL,
    "d": Action.SET_DEFAULT,
}
KINDS = {"r": "table", "p": "partitioned", "f": "foreign"}
ROW, BEFORE, INSERT, DELETE, UPDATE, TRUNCATE, INSTEAD = 1, 2, 4, 8, 16, 32, 64
EVENTS = {INSERT: "INSERT", DELETE: "DELETE", UPDATE: "UPDATE", TRUNCATE: "TRUNCATE"}
RULE_EVENTS = {"2": "UPDATE", "3": "INSERT", "4": "DELETE"}

OURS = (
    "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND NOT pg_is_other_temp_schema(n.oid)"
)

TABLES = f"""
SELECT c.oid, n.nspname, c.relname, c.relkind, row_security_active(c.oid),
       has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),
       has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'DELETE')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND {OURS} ORDER BY c.oid"""

COLUMNS = f"""
WITH RECURSIVE domain(oid, base, forbids, fallback) AS (
  SELECT oid, typbasetype, typnotnull, typdefault FROM pg_type WHERE typtype = 'd'
  UNION ALL
  SELECT d.oid, t.typbasetype, d.forbids OR t.typnotnull, coalesce(d.fallback, t.typdefault)
  FROM domain d JOIN pg_type t ON t.oid = d.base WHERE t.typtype = 'd'
)
SELECT a.attrelid, a.attnum, a.attname,
       a.attnotnull OR EXISTS (SELECT FROM domain WHERE domain.oid = a.atttypid AND domain.forbids),
       coalesce(pg_get_expr(d.adbin, d.adrelid), (SELECT max(fallback) FROM domain WHERE domain.oid = a.atttypid)),
       a.attgenerated <> ''
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f') AND {OURS}
ORDER BY a.attrelid, a.attnum"""

FOREIGN_KEYS = f"""
SELECT k.oid, k.conname, k.conrelid, k.confrelid, k.conkey::int[], k.confkey::int[], k.confdeltype, k.confupdtype,
       k.confmatchtype, k.condeferrable, k.condeferred, k.convalidated, %s
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND {OURS} ORDER BY k.oid"""

CHECKS = f"""
SELECT k.conrelid, k.conname, pg_get_expr(k.conbin, k.conrelid), k.conkey::int[]
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'c' AND k.conrelid <> 0 AND %s AND {OURS}
UNION ALL
SELECT a.attrelid, k.conname,
       regexp_replace(pg_get_expr(k.conbin, 0), '\\mVALUE\\M', quote_ident(a.attname), 'g'), ARRAY[a.attnum]::int[]
FROM pg_constraint k JOIN pg_attribute a ON a.atttypid = k.contypid AND NOT a.attisdropped AND a.attnum > 0
JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'c' AND k.contypid <> 0 AND c.relkind IN ('r', 'p') AND {OURS}
ORDER BY 1, 2"""

INDEXES = f"""
SELECT i.indrelid, ic.relname, i.indisunique, i.indisprimary, i.indimmediate,
       i.indpred IS NOT NULL OR 0 = ANY (i.indkey::int2[]), i.indkey::text, i.indnkeyatts, %s,
       i.indisexclusion, pg_get_expr(i.indpred, i.indrelid),
       (SELECT array_agg(pg_get_indexdef(i.indexrelid, k, true) ORDER BY k) FROM generate_series(1, i.indnkeyatts) k)
FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE i.indislive AND i.indisvalid AND {OURS} ORDER BY i.indexrelid"""

TRIGGERS = f"""
SELECT t.tgrelid, t.tgname, t.tgtype, t.tgisinternal, t.tgenabled, t.tgconstraint, t.tgattr::text, t.tginitdeferred
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE (NOT t.tgisinternal OR t.tgconstraint <> 0) AND {OURS}
UNION ALL
SELECT r.ev_class, r.rulename, ascii(r.ev_type::text) * 256, false, r.ev_enabled, 0, '', false
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.rulename <> '_RETURN' AND {OURS}"""

INHERITS = f"""
SELECT i.inhrelid, i.inhparent, c.relispartition
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND {OURS} ORDER BY i.inhrelid, i.inhseqno"""

Rows = Iterable[Any]


def read_postgresql(connection: sa.Connection) -> Schema:
    """The schema of every table that the catalogs show to *connection*, other schemas included."""
    return _Reader(connection).read()


class _Reader:
    """One reading: names by oid, then each part by table."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._version = int((connection.dialect.server_version_info or (0,))[0])
        self._default: str | None = connection.scalar(sa.text("SELECT current_schema()"))
        self._keys: dict[int, str] = {}
        self._names: dict[int, dict[int, str]] = defaultdict(dict)
        self._columns: dict[int, dict[str, Column]] = defaultdict(dict)

    def read(self) -> Schema:
        tables = list(self._rows(TABLES))
        for oid, schema, name, *_ in tables:
            self._keys[oid] = name if schema == self._default else f"{schema}.{name}"
        self._read_columns()
        triggers = list(self._rows(TRIGGERS))
        parts: dict[str, Any] = {
            "foreign_keys": self._foreign_keys(triggers),
            "checks": self._checks(),
            "triggers": self._triggers(triggers),
            "partitions": defaultdict(list),
            "inherits": defaultdict(list),
        }
        for child, parent, partition in self._rows(INHERITS):
            if parent in self._keys:
                parts["partitions" if partition else "inherits"][child].append(self._keys[parent])
        uniques, indexes = self._indexes()
        found = {
            self._keys[row[0]]: self._table(row, parts, uniques[row[0]], indexes[row[0]]) for row in tables
        }
        return Schema(tables=found, dialect="postgresql", default=self._default)

    def _rows(self, sql: str) -> Rows:
        return self._connection.exec_driver_sql(sql)

    def _table(self, row: Any, parts: dict[str, Any], uniques: list[Unique], indexes: list[Index]) -> Table:
        oid, schema, name, kind, rls, readable, removable = row
        primary = [unique.columns for unique in uniques if unique.primary]
        return Table(
            key=self._keys[oid],
            name=name,
            schema=schema,
            kind=KINDS[_text(kind)],
            columns=self._columns[oid],
            primary_key=primary[0] if primary else (),
            foreign_keys=tuple(parts["foreign_keys"][oid]),
            uniques=tuple(uniques),
            checks=tuple(parts["checks"][oid]),
            indexes=tuple(indexes),
            triggers=tuple(parts["triggers"][oid]),
            partition_of=next(iter(parts["partitions"][oid]), None),
            inherits=tuple(parts["inherits"][oid]),
            rls=rls,
            readable=readable,
            removable=removable,
        )

    def _read_columns(self) -> None:
        for table, number, name, forbids, default, generated in self._rows(COLUMNS):
            self._names[table][number] = name
            self._columns[table][name] = Column(
                name=name,
                nullable=not forbids,
                default=None if generated else default,
                generated=generated,
                formula=default if generated else None,
            )

    def _named(self, table: int, numbers: Iterable[int] | None) -> tuple[str, ...]:
        return tuple(self._names[table][number] for number in numbers or ())

    def _foreign_keys(self, triggers: list[Any]) -> dict[int, list[ForeignKey]]:
        firing = _constraint_triggers(triggers)
        has_columns = "k.confdelsetcols::int[]" if self._version >= 15 else "NULL::int[]"
        found: dict[int, list[ForeignKey]] = defaultdict(list)
        for row in self._rows(FOREIGN_KEYS % has_columns):
            if row[3] in self._keys:
                found[row[2]].append(self._foreign_key(row, firing))
        return found

    def _foreign_key(self, row: Any, firing: dict[tuple[int, int, int], tuple[str, bool]]) -> ForeignKey:
        (
            oid,
            name,
            child,
            parent,
            columns,
            referred,
            ondelete,
            onupdate,
            match,
            late,
            deferred,
            valid,
            some,
        ) = row
        on_delete, enforced = firing.get((oid, parent, DELETE), ("", False))
        on_update, _ = firing.get((oid, parent, UPDATE), ("", False))
        on_check, _ = firing.get((oid, child, -UPDATE), ("", False))
        return ForeignKey(
            name=name,
            table=self._keys[child],
            columns=self._named(child, columns),
            referred=self._keys[parent],
            referred_columns=self._named(parent, referred),
            ondelete=ACTIONS[_text(ondelete)],
            onupdate=ACTIONS[_text(onupdate)],
            match="FULL" if _text(match) == "f" else "SIMPLE",
            deferrable=late,
            initially_deferred=deferred,
            validated=valid,
            set_null_columns=self._named(child, some),
            enforced=enforced,
            order=(on_delete,),
            order_update=(on_update,),
            order_check=(on_check,),
        )

    def _checks(self) -> dict[int, list[Check]]:
        found: dict[int, list[Check]] = defaultdict(list)
        held = "k.conenforced" if self._version >= 18 else "true"
        for table, name, sql, columns in self._rows(CHECKS % held):
            found[table].append(Check(name=name, sql=sql, columns=self._named(table, columns)))
        return found

    def _indexes(self) -> tuple[dict[int, list[Unique]], dict[int, list[Index]]]:
        nulls = "i.indnullsnotdistinct" if self._version >= 15 else "false"
        uniques: dict[int, list[Unique]] = defaultdict(list)
        indexes: dict[int, list[Index]] = defaultdict(list)
        for row in self._rows(INDEXES % nulls):
            table, name, unique, primary, immediate, partial, numbers, keys, same, exclusion, where, terms = (
                row
            )
            numbers = _vector(numbers)
            plain = numbers[:keys] if 0 not in numbers[:keys] else numbers[: numbers.index(0)]
            columns = self._named(table, plain)
            indexes[table].append(Index(name=name, columns=columns, unique=unique, partial=partial))
            if unique or exclusion:
                uniques[table].append(
                    Unique(
                        name=name,
                        columns=columns,
                        primary=primary,
                        nulls_distinct=not same,
                        deferrable=not immediate,
                        partial=partial or exclusion,
                        exclusion=exclusion,
                        terms=tuple(terms) if partial else (),
                        where=where,
                    )
                )
        return uniques, indexes

    def _triggers(self, rows: list[Any]) -> dict[int, list[Trigger]]:
        found: dict[int, list[Trigger]] = defaultdict(list)
        for table, name, kind, internal, enabled, _, columns, late in rows:
            if not internal and _text(enabled) in "OA":
                trigger = _trigger(name, kind, self._named(table, _vector(columns)))
                found[table].append(replace(trigger, deferred=bool(late)))
        return found


def _constraint_triggers(rows: list[Any]) -> dict[tuple[int, int, int], tuple[str, bool]]:
    """Name and state of each foreign key's triggers, by (constraint, table, event); a check's event is negative.

    A check fires on INSERT and UPDATE of the child, an action on DELETE and UPDATE of the parent. Where both are one
    table (a self-reference), the letter in the name tells them apart.
    """
    found = {}
    for table, name, kind, internal, enabled, constraint, _, _ in rows:
        if internal and constraint:
            sign = -1 if name.startswith("RI_ConstraintTrigger_c_") else 1
            found[constraint, table, sign * (kind & (DELETE | UPDATE | INSERT))] = (
                name,
                _text(enabled) in "OA",
            )
    return found


def _trigger(name: str, kind: int, columns: tuple[str, ...]) -> Trigger:
    if kind >= 256:
        return Trigger(name=name, timing="RULE", events=frozenset({RULE_EVENTS.get(chr(kind // 256), "")}))
    timing = "INSTEAD OF" if kind & INSTEAD else "BEFORE" if kind & BEFORE else "AFTER"
    events = frozenset(word for bit, word in EVENTS.items() if kind & bit)
    return Trigger(name=name, timing=timing, events=events, columns=columns, statement=not kind & ROW)


def _vector(text: str) -> list[int]:
    """An int2vector, asked for as text: as an array it would begin at 0, which pg8000 can't read."""
    return [int(number) for number in text.split()]


def _text(char: Any) -> str:
    """PostgreSQL's "char" comes as bytes from some drivers."""
    return char.decode() if isinstance(char, bytes) else str(char)
