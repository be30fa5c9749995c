"""Situations of PostgreSQL, each provoked on a real server."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from diag_rules.errors import Category, Kind
from rules.errors._attempt import Bench, Situation

OUTAGE, RACE, RULE, DEFECT = Category.OUTAGE, Category.CONTENTION, Category.BUSINESS_RULE, Category.DEFECT

DRIVERS = ("psycopg2", "psycopg", "psycopg_async", "pg8000", "asyncpg")

SCHEMA = """
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN posint AS int CONSTRAINT posint_check CHECK (VALUE > 0);
CREATE TABLE parent (id int PRIMARY KEY, name text NOT NULL CONSTRAINT parent_name_key UNIQUE,
  qty int CONSTRAINT parent_qty_positive CHECK (qty > 0), code varchar(3), mood mood, amount numeric(4, 2), day date,
  data jsonb, nr posint);
CREATE TABLE child (id int PRIMARY KEY, parent_id int NOT NULL CONSTRAINT child_parent_fk REFERENCES parent (id));
CREATE TABLE restricted (id int PRIMARY KEY,
  parent_id int CONSTRAINT restricted_parent_fk REFERENCES parent (id) ON DELETE RESTRICT);
CREATE TABLE composite (a int, b int, PRIMARY KEY (a, b));
CREATE TABLE composite_child (id int PRIMARY KEY, a int, b int,
  CONSTRAINT composite_child_fk FOREIGN KEY (a, b) REFERENCES composite (a, b));
CREATE TABLE tree (id int PRIMARY KEY, up int CONSTRAINT tree_up_fk REFERENCES tree (id));
CREATE TABLE late (id int PRIMARY KEY,
  parent_id int CONSTRAINT late_parent_fk REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE booking (room int, during int4range, CONSTRAINT booking_no_overlap EXCLUDE USING gist (during WITH &&));
CREATE TABLE guarded (id int PRIMARY KEY, note text);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.note = 'private' THEN RAISE EXCEPTION 'legal hold' USING ERRCODE = 'LH001'; END IF;
  IF NEW.note = 'borrowed' THEN RAISE EXCEPTION 'closed' USING ERRCODE = '57P01'; END IF;
  RAISE EXCEPTION USING MESSAGE = NEW.note; END $$;
CREATE TRIGGER guarded_refuse BEFORE INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TABLE secret (id int PRIMARY KEY);
CREATE TABLE rls (id int PRIMARY KEY, owner text);
ALTER TABLE rls ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON rls USING (owner = current_user) WITH CHECK (owner = current_user);
GRANT ALL ON rls TO clerk;
CREATE TABLE parts (id int, region text) PARTITION BY LIST (region);
CREATE TABLE parts_eu PARTITION OF parts FOR VALUES IN ('eu');
CREATE VIEW cheap AS SELECT id, name, qty FROM parent WHERE qty < 10 WITH CHECK OPTION;
CREATE TABLE long_key (k text PRIMARY KEY);
INSERT INTO parent (id, name, qty) VALUES (1, 'one', 1), (2, 'two', 2);
INSERT INTO child VALUES (1, 1);
INSERT INTO restricted VALUES (1, 2);
INSERT INTO composite VALUES (1, 1);
INSERT INTO tree VALUES (1, NULL), (2, 1);
"""

FORGED = "server closed the connection unexpectedly"


def sql(*statements: str) -> Callable[[Bench], Any]:
    return lambda bench: bench.run(*statements)


def committed(*statements: str) -> Callable[[Bench], Any]:
    return lambda bench: bench.commit(*statements)


def deadlock(bench: Bench) -> None:
    with bench.begun() as connection:
        connection.exec_driver_sql("SET deadlock_timeout = '5ms'")
        connection.exec_driver_sql("UPDATE parent SET qty = 5 WHERE id = 1")
        thread = bench.elsewhere(
            "SET deadlock_timeout = '20s'",
            "UPDATE parent SET qty = 6 WHERE id = 2",
            "UPDATE parent SET qty = 6 WHERE id = 1",
        )
        try:
            _until_somebody_waits(bench)
            connection.exec_driver_sql("UPDATE parent SET qty = 5 WHERE id = 2")
        finally:
            connection.rollback()
            thread.join()


def _until_somebody_waits(bench: Bench) -> None:
    with bench.other().connect() as watcher:
        for _ in range(2_000):
            if watcher.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar():
                return
            watcher.execute(text("SELECT pg_sleep(0.005)"))
    raise AssertionError("nobody waits for a lock")


def serialization(bench: Bench) -> None:
    with bench.begun() as connection:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.exec_driver_sql("SELECT * FROM parent")
        with bench.other().begin() as other:
            other.execute(text("UPDATE parent SET qty = qty + 1 WHERE id = 1"))
        connection.exec_driver_sql("UPDATE parent SET qty = 9 WHERE id = 1")


def write_skew(bench: Bench) -> None:
    with bench.begun() as connection:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        connection.exec_driver_sql("SELECT sum(qty) FROM parent")
        connection.exec_driver_sql("UPDATE parent SET qty = 7 WHERE id = 1")
        with bench.other().connect().execution_options(isolation_level="SERIALIZABLE") as other:
            other.execute(text("SELECT sum(qty) FROM parent"))
            other.execute(text("UPDATE parent SET qty = 8 WHERE id = 2"))
            other.commit()
        connection.commit()


def _with_a_lock(*statements: str) -> Callable[[Bench], Any]:
    def provoke(bench: Bench) -> None:
        with bench.other().connect() as other:
            other.execute(text("SELECT * FROM parent WHERE id = 1 FOR UPDATE"))
            bench.run(*statements)

    return provoke


def cancelled(bench: Bench) -> None:
    with bench.begun() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        thread = bench.elsewhere(
            "DO $$ BEGIN FOR i IN 1..1000 LOOP "
            f"PERFORM 1 FROM pg_stat_activity WHERE pid = {pid} AND wait_event = 'PgSleep'; "
            f"IF FOUND THEN PERFORM pg_cancel_backend({pid}); EXIT; END IF; "
            "PERFORM pg_sleep(0.005); PERFORM pg_stat_clear_snapshot(); END LOOP; END $$"
        )
        try:
            connection.exec_driver_sql("SELECT pg_sleep(20)")
        finally:
            thread.join()


def _terminate(bench: Bench, pid: int) -> None:
    with bench.other().connect() as other:
        other.execute(text(f"SELECT pg_terminate_backend({pid}, 5000)"))


def terminated(bench: Bench) -> None:
    with bench.begun() as connection:
        _terminate(bench, connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
        connection.exec_driver_sql("SELECT 1")


def terminated_before_commit(bench: Bench) -> None:
    with bench.begun() as connection:
        connection.exec_driver_sql("UPDATE parent SET qty = 3 WHERE id = 1")
        _terminate(bench, connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
        connection.commit()


def idle_in_transaction(bench: Bench) -> None:
    with bench.begun() as connection:
        connection.exec_driver_sql("SET idle_in_transaction_session_timeout = 20")
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with bench.other().connect() as watcher:
            for _ in range(2_000):
                if not watcher.execute(
                    text(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}")
                ).scalar():
                    break
                watcher.execute(text("SELECT pg_sleep(0.005)"))
                watcher.rollback()
        connection.exec_driver_sql("SELECT 1")


def failed_transaction(bench: Bench) -> None:
    with bench.begun() as connection:
        with contextlib.suppress(Exception):
            connection.exec_driver_sql("SELECT 1/0")
        connection.exec_driver_sql("SELECT 1")


def failed_in_handler(bench: Bench) -> None:
    with bench.begun() as connection:
        try:
            connection.exec_driver_sql("SELECT 1/0")
        except DBAPIError:
            connection.exec_driver_sql("SELECT 1")


def nul_character(bench: Bench) -> None:
    with bench.begun() as connection:
        connection.execute(text("INSERT INTO parent (id, name) VALUES (50, :name)"), {"name": "a\x00b"})


def bound_value(kind: str, value: Any) -> Callable[[Bench], Any]:
    def provoke(bench: Bench) -> None:
        with bench.begun() as connection:
            connection.execute(text(f"SELECT CAST(:value AS {kind})"), {"value": value})

    return provoke


def as_clerk(*statements: str) -> Callable[[Bench], Any]:
    return sql("SET ROLE clerk", *statements)


SITUATIONS = (
    Situation("unique", RULE, Kind.UNIQUE_VIOLATION, sql("INSERT INTO parent (id, name) VALUES (3, 'one')"), "parent_name_key"),
    Situation("primary key", RULE, Kind.UNIQUE_VIOLATION, sql("INSERT INTO parent (id, name) VALUES (1, 'x')"), "parent_pkey"),
    Situation("a forged duplicate", RULE, Kind.UNIQUE_VIOLATION,
              sql("INSERT INTO parent (id, name) VALUES (3, 'deadlock detected')",
                  "INSERT INTO parent (id, name) VALUES (4, 'deadlock detected')"), "parent_name_key"),
    Situation("no parent", RULE, Kind.FOREIGN_KEY_VIOLATION, sql("INSERT INTO child VALUES (9, 99)"), "child_parent_fk"),
    Situation("still referenced", RULE, Kind.FOREIGN_KEY_VIOLATION, sql("DELETE FROM parent WHERE id = 1"), "child_parent_fk"),
    Situation("restricted", RULE, Kind.RESTRICT_VIOLATION, sql("DELETE FROM parent WHERE id = 2"), "restricted_parent_fk",
              servers=("postgresql",)),
    Situation("restricted before 18", RULE, Kind.FOREIGN_KEY_VIOLATION, sql("DELETE FROM parent WHERE id = 2"),
              "restricted_parent_fk", servers=("postgresql15",)),
    Situation("composite reference", RULE, Kind.FOREIGN_KEY_VIOLATION,
              sql("INSERT INTO composite_child VALUES (1, 5, 5)"), "composite_child_fk"),
    Situation("tree", RULE, Kind.FOREIGN_KEY_VIOLATION, sql("DELETE FROM tree WHERE id = 1"), "tree_up_fk"),
    Situation("not null", RULE, Kind.NOT_NULL_VIOLATION, sql("INSERT INTO parent (id) VALUES (3)")),
    Situation("nulled by the ORM", RULE, Kind.NOT_NULL_VIOLATION, sql("UPDATE child SET parent_id = NULL")),
    Situation("check", RULE, Kind.CHECK_VIOLATION, sql("INSERT INTO parent VALUES (3, 'x', -1)"), "parent_qty_positive"),
    Situation("domain", RULE, Kind.CHECK_VIOLATION, sql("INSERT INTO parent (id, name, nr) VALUES (3, 'x', -1)"), "posint_check"),
    Situation("no partition", RULE, Kind.CHECK_VIOLATION, sql("INSERT INTO parts VALUES (1, 'us')")),
    Situation("exclusion", RULE, Kind.EXCLUSION_VIOLATION,
              sql("INSERT INTO booking VALUES (1, '[1,5)')", "INSERT INTO booking VALUES (1, '[2,3)')"), "booking_no_overlap"),
    Situation("view", RULE, Kind.WITH_CHECK_OPTION_VIOLATION, sql("INSERT INTO cheap VALUES (7, 'x', 20)")),
    Situation("raise", RULE, Kind.RAISE_EXCEPTION, sql("INSERT INTO guarded VALUES (1, 'not like this')")),
    Situation("raise a forged outage", RULE, Kind.RAISE_EXCEPTION, sql(f"INSERT INTO guarded VALUES (1, '{FORGED}')")),
    Situation("raise a private code", RULE, Kind.RAISE_EXCEPTION, sql("INSERT INTO guarded VALUES (1, 'private')")),
    Situation("raise a borrowed code", RULE, Kind.RAISE_EXCEPTION, sql("INSERT INTO guarded VALUES (1, 'borrowed')"),
              drivers=("psycopg", "psycopg_async", "pg8000")),
    Situation("too long", RULE, Kind.STRING_DATA_RIGHT_TRUNCATION, sql("INSERT INTO parent (id, name, code) VALUES (3, 'x', 'abcd')")),
    Situation("out of range", RULE, Kind.NUMERIC_VALUE_OUT_OF_RANGE, sql("INSERT INTO parent (id, name, amount) VALUES (3, 'x', 1000)")),
    Situation("division", RULE, Kind.DIVISION_BY_ZERO, sql("SELECT 1/0")),
    Situation("no number", RULE, Kind.INVALID_TEXT_REPRESENTATION, sql("SELECT 'abc'::int")),
    Situation("no date", RULE, Kind.INVALID_DATETIME_FORMAT, sql("SELECT 'abc'::date")),
    Situation("no such day", RULE, Kind.DATETIME_FIELD_OVERFLOW, sql("SELECT '2023-02-30'::date")),
    Situation("no such mood", RULE, Kind.INVALID_TEXT_REPRESENTATION, sql("SELECT 'angry'::mood")),
    Situation("no JSON", RULE, Kind.INVALID_TEXT_REPRESENTATION, sql("SELECT '{'::jsonb")),
    Situation("no regular expression", RULE, Kind.INVALID_REGULAR_EXPRESSION, sql("SELECT 'a' ~ '['")),
    Situation("a bound text that is no number", RULE, Kind.INVALID_TEXT_REPRESENTATION, bound_value("int", "abc"),
              drivers=("psycopg2", "psycopg", "psycopg_async", "pg8000")),
    Situation("a bound text that is no number, refused by the driver", RULE, Kind.DATA_EXCEPTION, bound_value("int", "abc"),
              drivers=("asyncpg",)),
    Situation("a NUL", RULE, Kind.CHARACTER_NOT_IN_REPERTOIRE, nul_character),
    Situation("too long for an index", RULE, Kind.PROGRAM_LIMIT_EXCEEDED,
              sql("INSERT INTO long_key SELECT string_agg(md5(i::text), '') FROM generate_series(1, 2000) i")),
    Situation("no table", DEFECT, Kind.UNDEFINED_TABLE, sql("SELECT * FROM nowhere")),
    Situation("no column", DEFECT, Kind.UNDEFINED_COLUMN, sql("SELECT nothing FROM parent")),
    Situation("no function", DEFECT, Kind.UNDEFINED_FUNCTION, sql("SELECT nothing(1)")),
    Situation("no schema", DEFECT, Kind.INVALID_SCHEMA_NAME, sql("CREATE TABLE nowhere.t (id int)")),
    Situation("syntax", DEFECT, Kind.SYNTAX_ERROR, sql("SELEC 1")),
    Situation("ambiguous", DEFECT, Kind.AMBIGUOUS_COLUMN, sql("SELECT id FROM parent, child")),
    Situation("grouping", DEFECT, Kind.GROUPING_ERROR, sql("SELECT name, count(*) FROM parent")),
    Situation("table exists", DEFECT, Kind.DUPLICATE_TABLE, sql("CREATE TABLE parent (id int)")),
    Situation("depends", DEFECT, Kind.DEPENDENT_OBJECTS_STILL_EXIST, sql("DROP TABLE parent")),
    Situation("two rows", DEFECT, Kind.CARDINALITY_VIOLATION, sql("SELECT (SELECT id FROM parent)")),
    Situation("no privilege", DEFECT, Kind.INSUFFICIENT_PRIVILEGE, as_clerk("SELECT * FROM secret")),
    Situation("row-level security", RULE, Kind.INSUFFICIENT_PRIVILEGE, as_clerk("INSERT INTO rls VALUES (1, 'nobody')")),
    Situation("no savepoint", DEFECT, Kind.INVALID_SAVEPOINT_SPECIFICATION, sql("ROLLBACK TO SAVEPOINT nothing")),
    Situation("failed transaction, cause forgotten", DEFECT, Kind.IN_FAILED_SQL_TRANSACTION, failed_transaction),
    Situation("failed transaction, cause in the chain", RULE, Kind.DIVISION_BY_ZERO, failed_in_handler, bare=False,
              drivers=("psycopg2", "psycopg", "pg8000")),  # asyncio drops the context
    Situation("read-only transaction", OUTAGE, Kind.READ_ONLY_SQL_TRANSACTION,
              sql("SET TRANSACTION READ ONLY", "DELETE FROM child")),
    Situation("deadlock", RACE, Kind.DEADLOCK_DETECTED, deadlock),
    Situation("serialization", RACE, Kind.SERIALIZATION_FAILURE, serialization),
    Situation("write skew at COMMIT", RACE, Kind.SERIALIZATION_FAILURE, write_skew),
    Situation("lock time-out", RACE, Kind.LOCK_NOT_AVAILABLE,
              _with_a_lock("SET lock_timeout = 20", "UPDATE parent SET qty = 5 WHERE id = 1")),
    Situation("nowait", RACE, Kind.LOCK_NOT_AVAILABLE, _with_a_lock("SELECT * FROM parent WHERE id = 1 FOR UPDATE NOWAIT")),
    Situation("statement time-out", RACE, Kind.QUERY_CANCELED, sql("SET statement_timeout = 20", "SELECT pg_sleep(5)")),
    Situation("transaction time-out", RACE, Kind.TRANSACTION_TIMEOUT, sql("SET transaction_timeout = 50", "SELECT pg_sleep(5)"),
              servers=("postgresql",), drivers=("psycopg", "psycopg_async", "asyncpg")),
    Situation("transaction time-out of which the driver keeps nothing", OUTAGE, Kind.CONNECTION_FAILURE,
              sql("SET transaction_timeout = 50", "SELECT pg_sleep(5)"), bare=False,
              servers=("postgresql",), drivers=("psycopg2", "pg8000")),
    Situation("idle in transaction", RACE, Kind.IDLE_IN_TRANSACTION_SESSION_TIMEOUT, idle_in_transaction,
              drivers=("psycopg", "psycopg_async", "asyncpg")),
    Situation("idle in transaction of which the driver keeps nothing", OUTAGE, Kind.CONNECTION_FAILURE, idle_in_transaction,
              known=(Kind.IDLE_IN_TRANSACTION_SESSION_TIMEOUT,), drivers=("psycopg2", "pg8000")),
    Situation("cancelled", RACE, Kind.QUERY_CANCELED, cancelled),
    Situation("deferred reference at COMMIT", RULE, Kind.FOREIGN_KEY_VIOLATION,
              committed("INSERT INTO late VALUES (1, 99)"), "late_parent_fk"),
    Situation("terminated", OUTAGE, Kind.ADMIN_SHUTDOWN, terminated, known=(Kind.CONNECTION_FAILURE, Kind.CONNECTION_DOES_NOT_EXIST)),
    Situation("terminated before COMMIT", OUTAGE, Kind.ADMIN_SHUTDOWN, terminated_before_commit,
              known=(Kind.CONNECTION_FAILURE, Kind.CONNECTION_DOES_NOT_EXIST)),
    Situation("too large for temporary files", OUTAGE, Kind.CONFIGURATION_LIMIT_EXCEEDED,
              sql("SET work_mem = '64kB'", "SET temp_file_limit = '100kB'",
                  "SELECT count(*) FROM (SELECT i FROM generate_series(1, 200000) i ORDER BY md5(i::text)) s")),
)  # fmt: skip
