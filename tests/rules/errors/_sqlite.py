"""Situations of SQLite, each provoked on a real file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from diag_rules.errors import Category, Kind
from rules.errors._attempt import Bench, Situation

OUTAGE, RACE, RULE, DEFECT = Category.OUTAGE, Category.CONTENTION, Category.BUSINESS_RULE, Category.DEFECT

DRIVERS = ("pysqlite", "aiosqlite")

SCHEMA = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
  qty INTEGER CONSTRAINT parent_qty_positive CHECK (qty > 0), data TEXT CHECK (data IS NULL OR json_valid(data)));
CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL REFERENCES parent (id));
CREATE TABLE pair (a INTEGER, b INTEGER, UNIQUE (a, b));
CREATE TABLE named (id INTEGER PRIMARY KEY, name TEXT);
CREATE UNIQUE INDEX named_lower ON named (lower(name));
CREATE TABLE late (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE strictly (id INTEGER PRIMARY KEY, n INTEGER) STRICT;
CREATE TABLE guarded (id INTEGER PRIMARY KEY);
CREATE TRIGGER guarded_refuse BEFORE INSERT ON guarded BEGIN SELECT RAISE(ABORT, 'database is locked'); END;
INSERT INTO parent (id, name, qty) VALUES (1, 'one', 1), (2, 'two', 2);
INSERT INTO child VALUES (1, 1);
INSERT INTO named VALUES (1, 'x');
"""


def sql(*statements: str) -> Callable[[Bench], Any]:
    return lambda bench: bench.run("PRAGMA foreign_keys = ON", *statements)


def committed(*statements: str) -> Callable[[Bench], Any]:
    return lambda bench: bench.commit("PRAGMA foreign_keys = ON", *statements)


def locked(bench: Bench) -> None:
    with bench.other().connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        bench.run("PRAGMA busy_timeout = 10", "INSERT INTO parent (id, name) VALUES (9, 'nine')")


def stale_snapshot(bench: Bench) -> None:
    with bench.other().begin() as other:
        other.exec_driver_sql("PRAGMA journal_mode = WAL")
    with bench.begun() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("SELECT * FROM parent").all()
        with bench.other().begin() as other:
            other.execute(text("UPDATE parent SET qty = 7 WHERE id = 1"))
        connection.exec_driver_sql("UPDATE parent SET qty = 8 WHERE id = 1")


def too_big(bench: Bench) -> None:
    with bench.begun() as connection:
        connection.execute(text("INSERT INTO parent (id, name) VALUES (:id, 'x')"), {"id": 2**70})


def bindings(bench: Bench) -> None:
    with bench.begun() as connection:
        connection.exec_driver_sql("SELECT ?", (1, 2))


def wrong_type(bench: Bench) -> None:
    with bench.begun() as connection:
        connection.exec_driver_sql("SELECT ?", ({},))


def surrogate(bench: Bench) -> None:
    with bench.begun() as connection:
        connection.execute(text("SELECT :x"), {"x": "\ud800"})


def full(bench: Bench) -> None:
    with bench.begun() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 1}")
        connection.exec_driver_sql("INSERT INTO parent (id, name) VALUES (9, hex(zeroblob(100000)))")


def _file(bench: Bench) -> Path:
    return Path(str(bench.engine.url.database))


def corrupt(bench: Bench) -> None:
    with bench.begun() as connection:
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    data = bytearray(_file(bench).read_bytes())
    data[size:] = b"\xa5" * (len(data) - size)
    _file(bench).write_bytes(data)
    bench.run("SELECT * FROM parent")


def not_a_database(bench: Bench) -> None:
    _file(bench).write_bytes(b"this is no database, " * 100)
    bench.run("SELECT * FROM parent")


def gone(bench: Bench) -> None:
    _file(bench).unlink()
    _file(bench).mkdir()
    bench.run("SELECT * FROM parent")


def read_only(bench: Bench) -> None:
    bench.run("PRAGMA query_only = ON", "DELETE FROM child")


def cause_in_the_chain(bench: Bench) -> None:
    with bench.begun() as connection:
        try:
            connection.exec_driver_sql("SELECT * FROM nowhere")
        except DBAPIError:
            raise KeyError("lost in translation")  # noqa: B904 - the context alone is the point


SITUATIONS = (
    Situation("unique", RULE, Kind.UNIQUE_VIOLATION, sql("INSERT INTO parent (id, name) VALUES (3, 'one')")),
    Situation("unique pair", RULE, Kind.UNIQUE_VIOLATION, sql("INSERT INTO pair VALUES (1, 1), (1, 1)")),
    Situation("unique expression", RULE, Kind.UNIQUE_VIOLATION, sql("INSERT INTO named VALUES (2, 'X')"), "named_lower"),
    Situation("primary key", RULE, Kind.UNIQUE_VIOLATION, sql("INSERT INTO parent (id, name) VALUES (1, 'x')")),
    Situation("no parent", RULE, Kind.FOREIGN_KEY_VIOLATION, sql("INSERT INTO child VALUES (9, 99)")),
    Situation("still referenced", RULE, Kind.FOREIGN_KEY_VIOLATION, sql("DELETE FROM parent WHERE id = 1")),
    Situation("deferred reference at COMMIT", RULE, Kind.FOREIGN_KEY_VIOLATION, committed("BEGIN", "INSERT INTO late VALUES (1, 99)")),
    Situation("not null", RULE, Kind.NOT_NULL_VIOLATION, sql("INSERT INTO parent (id) VALUES (3)")),
    Situation("nulled by the ORM", RULE, Kind.NOT_NULL_VIOLATION, sql("UPDATE child SET parent_id = NULL")),
    Situation("check", RULE, Kind.CHECK_VIOLATION, sql("INSERT INTO parent (id, name, qty) VALUES (3, 'x', -1)"), "parent_qty_positive"),
    Situation("check without a name", RULE, Kind.CHECK_VIOLATION, sql("INSERT INTO parent (id, name, data) VALUES (3, 'x', '{')")),
    Situation("a forged RAISE", RULE, Kind.RAISE_EXCEPTION, sql("INSERT INTO guarded VALUES (1)")),
    Situation("a text in an integer key", RULE, Kind.DATATYPE_MISMATCH, sql("INSERT INTO parent (id, name) VALUES ('abc', 'x')")),
    Situation("a text in a STRICT table", RULE, Kind.DATATYPE_MISMATCH, sql("INSERT INTO strictly VALUES (1, 'abc')")),
    Situation("an integer too big", RULE, Kind.NUMERIC_VALUE_OUT_OF_RANGE, too_big),
    Situation("an overflow", RULE, Kind.NUMERIC_VALUE_OUT_OF_RANGE, sql("SELECT abs(-9223372036854775808)")),
    Situation("no JSON", RULE, Kind.INVALID_JSON_TEXT, sql("SELECT json('{')")),
    Situation("a lone surrogate", RULE, Kind.CHARACTER_NOT_IN_REPERTOIRE, surrogate),
    Situation("too long", RULE, Kind.STRING_DATA_RIGHT_TRUNCATION, sql("SELECT zeroblob(2000000000)")),
    Situation("no table", DEFECT, Kind.UNDEFINED_TABLE, sql("SELECT * FROM nowhere")),
    Situation("no column", DEFECT, Kind.UNDEFINED_COLUMN, sql("SELECT absent FROM parent")),
    Situation("no function", DEFECT, Kind.UNDEFINED_FUNCTION, sql("SELECT absent(1)")),
    Situation("syntax", DEFECT, Kind.SYNTAX_ERROR, sql("SELEC 1")),
    Situation("unfinished", DEFECT, Kind.SYNTAX_ERROR, sql("SELECT (")),
    Situation("ambiguous", DEFECT, Kind.AMBIGUOUS_COLUMN, sql("SELECT id FROM parent, child")),
    Situation("too few values", DEFECT, Kind.SYNTAX_ERROR, sql("INSERT INTO child VALUES (1)")),
    Situation("table exists", DEFECT, Kind.DUPLICATE_TABLE, sql("CREATE TABLE parent (id int)")),
    Situation("aggregate", DEFECT, Kind.GROUPING_ERROR, sql("SELECT 1 WHERE count(*) > 1")),
    Situation("no savepoint", DEFECT, Kind.INVALID_SAVEPOINT_SPECIFICATION, sql("ROLLBACK TO SAVEPOINT absent")),
    Situation("begun twice", DEFECT, Kind.ACTIVE_SQL_TRANSACTION, sql("BEGIN", "BEGIN")),
    Situation("too many bindings", DEFECT, Kind.WRONG_PARAMETERS, bindings),
    Situation("a value of no SQL type", DEFECT, Kind.WRONG_PARAMETERS, wrong_type),
    Situation("locked", RACE, Kind.LOCK_NOT_AVAILABLE, locked),
    Situation("stale snapshot", RACE, Kind.SERIALIZATION_FAILURE, stale_snapshot, known=(Kind.LOCK_NOT_AVAILABLE,)),
    Situation("full", OUTAGE, Kind.DISK_FULL, full),
    Situation("read-only", OUTAGE, Kind.READ_ONLY_SQL_TRANSACTION, read_only),
    Situation("corrupt", OUTAGE, Kind.DATA_CORRUPTED, corrupt),
    Situation("no database", OUTAGE, Kind.DATA_CORRUPTED, not_a_database),
    Situation("gone", OUTAGE, Kind.CANNOT_OPEN_DATABASE, gone,
              drivers=("pysqlite",)),  # aiosqlite leaves a thread behind where it cannot open
    Situation("behind a KeyError", DEFECT, Kind.UNDEFINED_TABLE, cause_in_the_chain),
)  # fmt: skip
