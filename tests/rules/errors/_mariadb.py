"""Situations of MariaDB, each provoked on a real server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from diag_rules.errors import Category, Kind
from rules.errors._attempt import Bench, Situation

OUTAGE, RACE, RULE, DEFECT = Category.OUTAGE, Category.CONTENTION, Category.BUSINESS_RULE, Category.DEFECT

DRIVERS = ("pymysql", "mysqldb", "mysqlconnector", "mariadbconnector", "aiomysql", "asyncmy")

SCHEMA = """
CREATE TABLE parent (id int PRIMARY KEY, name varchar(80) NOT NULL, qty int,
  code varchar(3), mood enum('sad', 'happy'), amount decimal(4, 2), day date, data json,
  CONSTRAINT parent_name_key UNIQUE (name), CONSTRAINT parent_qty_positive CHECK (qty > 0));
CREATE TABLE child (id int PRIMARY KEY, parent_id int NOT NULL,
  CONSTRAINT child_parent_fk FOREIGN KEY (parent_id) REFERENCES parent (id));
CREATE TABLE restricted (id int PRIMARY KEY, parent_id int,
  CONSTRAINT restricted_parent_fk FOREIGN KEY (parent_id) REFERENCES parent (id) ON DELETE RESTRICT);
CREATE TABLE composite (a int, b int, PRIMARY KEY (a, b));
CREATE TABLE composite_child (id int PRIMARY KEY, a int, b int,
  CONSTRAINT composite_child_fk FOREIGN KEY (a, b) REFERENCES composite (a, b));
CREATE TABLE tree (id int PRIMARY KEY, up int, CONSTRAINT tree_up_fk FOREIGN KEY (up) REFERENCES tree (id));
CREATE TABLE guarded (id int PRIMARY KEY, note text);
CREATE TRIGGER guarded_refuse BEFORE INSERT ON guarded FOR EACH ROW BEGIN
  IF NEW.note = 'numbered' THEN SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 5001, MESSAGE_TEXT = 'legal hold'; END IF;
  SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'Lost connection to MySQL server during query'; END;
CREATE TABLE parts (id int, region varchar(2)) PARTITION BY LIST COLUMNS (region) (PARTITION eu VALUES IN ('eu'));
CREATE VIEW cheap AS SELECT id, name, qty FROM parent WHERE qty < 10 WITH CHECK OPTION;
INSERT INTO parent (id, name, qty) VALUES (1, 'one', 1), (2, 'two', 2);
INSERT INTO child VALUES (1, 1);
INSERT INTO restricted VALUES (1, 2);
INSERT INTO composite VALUES (1, 1);
INSERT INTO tree VALUES (1, NULL), (2, 1);
"""

FORGED = "connection was killed"


def sql(*statements: str) -> Callable[[Bench], Any]:
    return lambda bench: bench.run(*statements)


def committed(*statements: str) -> Callable[[Bench], Any]:
    return lambda bench: bench.commit(*statements)


WAITING = "SELECT count(*) FROM information_schema.processlist WHERE info = 'UPDATE parent SET qty = 6 WHERE id = 1'"


def _until_somebody_waits(bench: Bench) -> None:
    with bench.other().connect() as watcher:
        for _ in range(2_000):
            if watcher.execute(text(WAITING)).scalar():
                return
            watcher.execute(text("SELECT SLEEP(0.005)"))
            watcher.rollback()
    raise AssertionError("nobody waits for a lock")


def _deadlock(bench: Bench, connection: Any) -> None:
    connection.exec_driver_sql("UPDATE parent SET qty = 5 WHERE id = 1")
    # InnoDB ends the transaction that has changed less
    thread = bench.elsewhere(
        "UPDATE parent SET qty = 6 WHERE id = 2",
        "INSERT INTO composite SELECT seq + 100, seq FROM seq_1_to_200",
        "UPDATE parent SET qty = 6 WHERE id = 1",
    )
    try:
        _until_somebody_waits(bench)
        connection.exec_driver_sql("UPDATE parent SET qty = 5 WHERE id = 2")
    finally:
        thread.join()


def deadlock(bench: Bench) -> None:
    with bench.begun() as connection:
        _deadlock(bench, connection)


def savepoint_after_deadlock(bench: Bench) -> None:
    with bench.begun() as connection:
        connection.exec_driver_sql("SAVEPOINT mine")
        try:
            _deadlock(bench, connection)
        except DBAPIError:
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT mine")


def _with_a_lock(*statements: str) -> Callable[[Bench], Any]:
    def provoke(bench: Bench) -> None:
        with bench.other().connect() as other:
            other.execute(text("SELECT * FROM parent WHERE id = 1 FOR UPDATE"))
            bench.run(*statements)

    return provoke


def _kill(bench: Bench, what: str, number: int) -> None:
    with bench.other().connect() as other:
        other.execute(text(f"KILL {what} {number}"))
        for _ in range(2_000):
            if not other.execute(
                text(f"SELECT count(*) FROM information_schema.processlist WHERE id = {number}")
            ).scalar():
                return
            other.execute(text("SELECT SLEEP(0.002)"))


def killed(bench: Bench) -> None:
    with bench.begun() as connection:
        _kill(bench, "CONNECTION", connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one())
        connection.exec_driver_sql("SELECT 1")


def killed_before_commit(bench: Bench) -> None:
    with bench.begun() as connection:
        connection.exec_driver_sql("UPDATE parent SET qty = 3 WHERE id = 1")
        _kill(bench, "CONNECTION", connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one())
        connection.commit()


def query_killed(bench: Bench) -> None:
    with bench.begun() as connection:
        number = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()
        thread = bench.elsewhere(
            "BEGIN NOT ATOMIC DECLARE n int DEFAULT 0; WHILE n < 2000 DO "
            f"IF (SELECT count(*) FROM information_schema.processlist WHERE id = {number} AND info LIKE '%SLEEP(20)%') THEN "
            f"KILL QUERY {number}; SET n = 2000; END IF; DO SLEEP(0.005); SET n = n + 1; END WHILE; END"
        )
        try:
            connection.exec_driver_sql("INSERT INTO guarded SELECT SLEEP(20), 'x'")
        finally:
            thread.join()


def idle(bench: Bench) -> None:
    with bench.begun() as connection:
        connection.exec_driver_sql("SET SESSION idle_transaction_timeout = 1")
        connection.exec_driver_sql("SELECT * FROM parent")
        number = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()
        with bench.other().connect() as other:
            for _ in range(3_000):
                if not other.execute(
                    text(f"SELECT count(*) FROM information_schema.processlist WHERE id = {number}")
                ).scalar():
                    break
                other.execute(text("SELECT SLEEP(0.005)"))
        connection.exec_driver_sql("SELECT 1")


def snapshot(bench: Bench) -> None:
    with bench.begun() as connection:
        connection.exec_driver_sql("SET innodb_snapshot_isolation = ON")
        connection.exec_driver_sql("SELECT * FROM parent")
        with bench.other().begin() as other:
            other.execute(text("UPDATE parent SET qty = qty + 1 WHERE id = 1"))
        connection.exec_driver_sql("UPDATE parent SET qty = 9 WHERE id = 1")


def too_large(bench: Bench) -> None:
    with bench.begun() as connection:
        size = connection.exec_driver_sql("SELECT @@max_allowed_packet").scalar_one()
        connection.execute(text("SELECT LENGTH(:big)"), {"big": "x" * (size + 1_000)})


LOST = (Kind.CONNECTION_FAILURE, Kind.CONNECTION_DOES_NOT_EXIST, Kind.ADMIN_SHUTDOWN)

SITUATIONS = (
    Situation("unique", RULE, Kind.UNIQUE_VIOLATION, sql("INSERT INTO parent (id, name) VALUES (3, 'one')"), "parent_name_key"),
    Situation("primary key", RULE, Kind.UNIQUE_VIOLATION, sql("INSERT INTO parent (id, name) VALUES (1, 'x')"), "PRIMARY"),
    Situation("a forged duplicate", RULE, Kind.UNIQUE_VIOLATION,
              sql(f"INSERT INTO parent (id, name) VALUES (3, '{FORGED}')", f"INSERT INTO parent (id, name) VALUES (4, '{FORGED}')"),
              "parent_name_key"),
    Situation("a duplicate with quotes", RULE, Kind.UNIQUE_VIOLATION,
              sql("INSERT INTO parent (id, name) VALUES (3, 'x'' for key ''y')", "INSERT INTO parent (id, name) VALUES (4, 'x'' for key ''y')"),
              "parent_name_key"),
    Situation("no parent", RULE, Kind.FOREIGN_KEY_VIOLATION, sql("INSERT INTO child VALUES (9, 99)"), "child_parent_fk"),
    Situation("still referenced", RULE, Kind.FOREIGN_KEY_VIOLATION, sql("DELETE FROM parent WHERE id = 1"), "child_parent_fk"),
    Situation("restricted", RULE, Kind.FOREIGN_KEY_VIOLATION, sql("DELETE FROM parent WHERE id = 2"), "restricted_parent_fk"),
    Situation("composite reference", RULE, Kind.FOREIGN_KEY_VIOLATION,
              sql("INSERT INTO composite_child VALUES (1, 5, 5)"), "composite_child_fk"),
    Situation("tree", RULE, Kind.FOREIGN_KEY_VIOLATION, sql("DELETE FROM tree WHERE id = 1"), "tree_up_fk"),
    Situation("not null", RULE, Kind.NOT_NULL_VIOLATION, sql("INSERT INTO parent (id, name) VALUES (3, NULL)")),
    Situation("no default", RULE, Kind.NOT_NULL_VIOLATION, sql("INSERT INTO parent (id) VALUES (3)")),
    Situation("nulled by the ORM", RULE, Kind.NOT_NULL_VIOLATION, sql("UPDATE child SET parent_id = NULL")),
    Situation("check", RULE, Kind.CHECK_VIOLATION, sql("INSERT INTO parent (id, name, qty) VALUES (3, 'x', -1)"), "parent_qty_positive"),
    Situation("no partition", RULE, Kind.CHECK_VIOLATION, sql("INSERT INTO parts VALUES (1, 'us')")),
    Situation("view", RULE, Kind.WITH_CHECK_OPTION_VIOLATION, sql("INSERT INTO cheap VALUES (7, 'x', 20)")),
    Situation("a forged SIGNAL", RULE, Kind.RAISE_EXCEPTION, sql("INSERT INTO guarded VALUES (1, 'x')")),
    Situation("a numbered SIGNAL", RULE, Kind.RAISE_EXCEPTION, sql("INSERT INTO guarded VALUES (1, 'numbered')"),
              drivers=("pymysql", "mysqlconnector", "aiomysql", "asyncmy")),
    Situation("too long", RULE, Kind.STRING_DATA_RIGHT_TRUNCATION, sql("INSERT INTO parent (id, name, code) VALUES (3, 'x', 'abcd')")),
    Situation("out of range", RULE, Kind.NUMERIC_VALUE_OUT_OF_RANGE, sql("INSERT INTO parent (id, name, amount) VALUES (3, 'x', 1000)")),
    Situation("big", RULE, Kind.NUMERIC_VALUE_OUT_OF_RANGE, sql("SELECT 18446744073709551615 + 1")),
    Situation("division", RULE, Kind.DIVISION_BY_ZERO, sql("SET sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO'",
                                                        "INSERT INTO parent (id, name, qty) VALUES (3, 'x', 1/0)")),
    Situation("no number", RULE, Kind.INVALID_TEXT_REPRESENTATION, sql("INSERT INTO parent (id, name, qty) VALUES (3, 'x', 'abc')")),
    Situation("no date", RULE, Kind.INVALID_DATETIME_FORMAT, sql("INSERT INTO parent (id, name, day) VALUES (3, 'x', 'abc')")),
    Situation("no such mood", RULE, Kind.INVALID_TEXT_REPRESENTATION, sql("INSERT INTO parent (id, name, mood) VALUES (3, 'x', 'angry')")),
    Situation("no JSON", RULE, Kind.CHECK_VIOLATION, sql("INSERT INTO parent (id, name, data) VALUES (3, 'x', '{')")),
    Situation("no regular expression", RULE, Kind.INVALID_REGULAR_EXPRESSION, sql("SELECT 'a' REGEXP '['")),
    Situation("no table", DEFECT, Kind.UNDEFINED_TABLE, sql("SELECT * FROM nowhere")),
    Situation("no column", DEFECT, Kind.UNDEFINED_COLUMN, sql("SELECT nothing FROM parent")),
    Situation("no function", DEFECT, Kind.UNDEFINED_FUNCTION, sql("SELECT nothing(1)")),
    Situation("no database in a statement", DEFECT, Kind.INVALID_CATALOG_NAME, sql("USE nowhere"), bare=False),
    Situation("syntax", DEFECT, Kind.SYNTAX_ERROR, sql("SELEC 1")),
    Situation("ambiguous", DEFECT, Kind.AMBIGUOUS_COLUMN, sql("SELECT id FROM parent, child")),
    Situation("too few values", DEFECT, Kind.SYNTAX_ERROR, sql("INSERT INTO child VALUES (1)")),
    Situation("table exists", DEFECT, Kind.DUPLICATE_TABLE, sql("CREATE TABLE parent (id int)")),
    Situation("two rows", DEFECT, Kind.CARDINALITY_VIOLATION, sql("SELECT (SELECT id FROM parent)")),
    Situation("no savepoint", DEFECT, Kind.INVALID_SAVEPOINT_SPECIFICATION, sql("ROLLBACK TO SAVEPOINT nothing")),
    Situation("read-only transaction", DEFECT, Kind.READ_ONLY_SQL_TRANSACTION, sql("COMMIT", "START TRANSACTION READ ONLY", "DELETE FROM child")),
    Situation("deadlock", RACE, Kind.DEADLOCK_DETECTED, deadlock),
    Situation("no savepoint after a deadlock", RACE, Kind.DEADLOCK_DETECTED, savepoint_after_deadlock, bare=False,
              drivers=("pymysql", "mysqldb", "mysqlconnector", "mariadbconnector")),  # asyncio drops the context
    Situation("lock time-out", RACE, Kind.LOCK_NOT_AVAILABLE,
              _with_a_lock("SET innodb_lock_wait_timeout = 0", "UPDATE parent SET qty = 5 WHERE id = 1")),
    Situation("nowait", RACE, Kind.LOCK_NOT_AVAILABLE, _with_a_lock("SELECT * FROM parent WHERE id = 1 FOR UPDATE NOWAIT")),
    Situation("statement time-out", RACE, Kind.QUERY_CANCELED,
              sql("SET max_statement_time = 0.02", "SELECT count(*) FROM seq_1_to_1000000 a, seq_1_to_1000000 b")),
    Situation("cancelled", RACE, Kind.QUERY_CANCELED, query_killed),
    Situation("snapshot", RACE, Kind.SERIALIZATION_FAILURE, snapshot),
    Situation("killed", OUTAGE, Kind.CONNECTION_FAILURE, killed, known=LOST),
    Situation("killed before COMMIT", OUTAGE, Kind.CONNECTION_FAILURE, killed_before_commit, known=LOST),
    Situation("idle transaction", OUTAGE, Kind.CONNECTION_FAILURE, idle, known=LOST),
    Situation("sent to the procedure of nobody", DEFECT, Kind.UNDEFINED_FUNCTION, sql("CALL nothing()")),
)  # fmt: skip
