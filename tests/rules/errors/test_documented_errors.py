"""Errors that cannot be provoked here: Oracle, SQL Server, Db2, MySQL 8, poolers; from documented messages."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from diag_rules.errors import Category, Kind, classify
from rules.errors._stand_ins import stand_in, wrapped

OUTAGE, RACE, RULE, DEFECT = Category.OUTAGE, Category.CONTENTION, Category.BUSINESS_RULE, Category.DEFECT
UNKNOWN = Category.UNKNOWN


def ora(code: int, message: str, full_code: str | None = None, name: str = "DatabaseError") -> Exception:
    source = SimpleNamespace(
        code=code, full_code=full_code or f"ORA-{code:05}", message=message, isrecoverable=False
    )
    return stand_in(f"oracledb.exceptions.{name}", source)


def odbc(state: str, message: str, name: str = "ProgrammingError") -> Exception:
    return stand_in(f"pyodbc.{name}", state, f"[{state}] {message}")


MS = "[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]"
REFERENCE = (
    'The DELETE statement conflicted with the REFERENCE constraint "FK_child_parent". The conflict occurred in '
    'database "shop", table "dbo.child", column \'parent_id\'. (547) (SQLExecDirectW)'
)
CHECK = (
    'The INSERT statement conflicted with the CHECK constraint "CK_qty". The conflict occurred in database "shop", '
    "table \"dbo.parent\", column 'qty'. (547) (SQLExecDirectW); [23000] "
    + MS
    + "The statement has been terminated. (3621)"
)
GERMAN_CHECK = (
    'Die INSERT-Anweisung steht in Konflikt mit der CHECK-Einschr\u00e4nkung "CK_qty". Der Konflikt trat in der '
    '"shop"-Datenbank, Tabelle "dbo.parent", column \'qty\' auf. (547) (SQLExecDirectW)'
)
DUPLICATE = (
    "Violation of UNIQUE KEY constraint 'UQ_name'. Cannot insert duplicate key in object 'dbo.parent'. The duplicate key "
    "value is (deadlocked on lock resources (1205) (SQLExecDirectW)). (2627) (SQLExecDirectW)"
)

CASES: list[tuple[str, BaseException, Category, Kind, str | None]] = [
    # SQL Server by pyodbc
    ("547 reference", odbc("23000", MS + REFERENCE, "IntegrityError"), RULE, Kind.FOREIGN_KEY_VIOLATION, "FK_child_parent"),
    ("547 check", odbc("23000", MS + CHECK, "IntegrityError"), RULE, Kind.CHECK_VIOLATION, "CK_qty"),
    ("547 check in German", odbc("23000", MS + GERMAN_CHECK, "IntegrityError"), RULE, Kind.CHECK_VIOLATION, "CK_qty"),
    ("2627 forged", odbc("23000", MS + DUPLICATE, "IntegrityError"), RULE, Kind.UNIQUE_VIOLATION, "UQ_name"),
    ("2601", odbc("23000", MS + "Cannot insert duplicate key row in object 'dbo.parent' with unique index 'IX_name'. "
                  "The duplicate key value is (x). (2601) (SQLExecDirectW)", "IntegrityError"), RULE, Kind.UNIQUE_VIOLATION, "IX_name"),
    ("515", odbc("23000", MS + "Cannot insert the value NULL into column 'name', table 'shop.dbo.parent'; column does not allow "
                 "nulls. INSERT fails. (515) (SQLExecDirectW)", "IntegrityError"), RULE, Kind.NOT_NULL_VIOLATION, None),
    ("1205", odbc("40001", MS + "Transaction (Process ID 52) was deadlocked on lock resources with another process and has been "
                  "chosen as the deadlock victim. Rerun the transaction. (1205) (SQLExecDirectW)", "Error"), RACE, Kind.DEADLOCK_DETECTED, None),
    ("1222", odbc("42000", MS + "Lock request time out period exceeded. (1222) (SQLExecDirectW)"), RACE, Kind.LOCK_NOT_AVAILABLE, None),
    ("3960", odbc("42000", MS + "Snapshot isolation transaction aborted due to update conflict. (3960) (SQLExecDirectW)"),
     RACE, Kind.SERIALIZATION_FAILURE, None),
    ("HYT00", odbc("HYT00", "[Microsoft][ODBC Driver 18 for SQL Server]Query timeout expired (0) (SQLExecDirectW)", "OperationalError"),
     RACE, Kind.QUERY_CANCELED, None),
    ("HYT00 login", odbc("HYT00", "[Microsoft][ODBC Driver 18 for SQL Server]Login timeout expired (0) (SQLDriverConnect)", "OperationalError"),
     OUTAGE, Kind.CONNECT_TIMEOUT, None),
    ("40613", odbc("42000", MS + "Database 'shop' on server 'x' is not currently available. Please retry. (40613) (SQLDriverConnect)"),
     OUTAGE, Kind.CANNOT_CONNECT_NOW, None),
    ("4060", odbc("42000", MS + 'Cannot open database "nowhere" requested by the login. The login failed. (4060) (SQLDriverConnect)'),
     OUTAGE, Kind.INVALID_CATALOG_NAME, None),
    ("18456", odbc("28000", MS + "Login failed for user 'sa'. (18456) (SQLDriverConnect)", "InterfaceError"), OUTAGE, Kind.INVALID_PASSWORD, None),
    ("9002", odbc("42000", MS + "The transaction log for database 'shop' is full. (9002) (SQLExecDirectW)"), OUTAGE, Kind.DISK_FULL, None),
    ("lost", odbc("08S01", "[Microsoft][ODBC Driver 18 for SQL Server]TCP Provider: Error code 0x2746 (10054) (SQLExecDirectW)", "OperationalError"),
     OUTAGE, Kind.CONNECTION_FAILURE, None),
    ("lost, no number", odbc("08S01", "[FreeTDS][SQL Server]Unable to connect to data source (0) (SQLExecDirectW)", "OperationalError"),
     OUTAGE, Kind.CONNECTION_FAILURE, None),
    ("lost, by Linux's number", odbc("08S01", "[Microsoft][ODBC Driver 18 for SQL Server]TCP Provider: Error code 0x68 (104) (SQLExecDirectW)",
                                     "OperationalError"), OUTAGE, Kind.CONNECTION_FAILURE, None),
    ("no tags", odbc("08S01", "TCP Provider: Error code 0x68 (104) (SQLExecDirectW)", "OperationalError"), OUTAGE, Kind.CONNECTION_FAILURE, None),
    ("refused, by Linux's number", odbc("08001", "[Microsoft][ODBC Driver 18 for SQL Server]TCP Provider: Error code 0x6F (111) (SQLDriverConnect)",
                                        "OperationalError"), OUTAGE, Kind.CONNECTION_REFUSED, None),
    ("no answer, by Linux's number", odbc("08001", "[Microsoft][ODBC Driver 18 for SQL Server]TCP Provider: Error code 0x6E (110) (SQLDriverConnect)",
                                          "OperationalError"), OUTAGE, Kind.CONNECT_TIMEOUT, None),
    ("a number of nobody", odbc("08S01", "[Microsoft][ODBC Driver 18 for SQL Server]TCP Provider: Error code 0x9C (156) (SQLExecDirectW)",
                                "OperationalError"), OUTAGE, Kind.CONNECTION_FAILURE, None),
    ("login timed out, with a number", odbc("HYT00", "[Microsoft][ODBC Driver 18 for SQL Server]Login timeout expired (110) (SQLDriverConnect)",
                                            "OperationalError"), OUTAGE, Kind.CONNECT_TIMEOUT, None),
    ("HYT01", odbc("HYT01", "[Microsoft][ODBC Driver 18 for SQL Server]Connection timeout expired (102) (SQLExecDirectW)", "OperationalError"),
     OUTAGE, Kind.CONNECT_TIMEOUT, None),
    ("HYT00 1222", odbc("HYT00", MS + "Lock request time out period exceeded. (1222) (SQLExecDirectW)"), RACE, Kind.LOCK_NOT_AVAILABLE, None),
    ("28000, no number of the table", odbc("28000", MS + "Login failed. (104) (SQLDriverConnect)", "InterfaceError"), OUTAGE,
     Kind.INVALID_AUTHORIZATION_SPECIFICATION, None),
    ("08001, and the server says why", odbc("08001", MS + "SQL Server service has been paused. (17142) (SQLDriverConnect)", "OperationalError"),
     OUTAGE, Kind.CANNOT_CONNECT_NOW, None),
    ("104 of a statement", odbc("42000", MS + "ORDER BY items must appear in the select list. (104) (SQLExecDirectW)"), DEFECT, Kind.SYNTAX_ERROR, None),
    ("refused", odbc("08001", "[Microsoft][ODBC Driver 18 for SQL Server]TCP Provider: Error code 0x2749 (10061) (SQLDriverConnect)", "OperationalError"),
     OUTAGE, Kind.CONNECTION_REFUSED, None),
    ("no driver", stand_in("pyodbc.Error", "01000", "[01000] [unixODBC][Driver Manager]Can't open lib 'x' : file not found (0) (SQLDriverConnect)"),
     OUTAGE, Kind.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, None),
    ("208", odbc("42S02", MS + "Invalid object name 'nowhere'. (208) (SQLExecDirectW)"), DEFECT, Kind.UNDEFINED_TABLE, None),
    ("THROW", odbc("42000", MS + "connection is broken (50001) (SQLExecDirectW)"), RULE, Kind.RAISE_EXCEPTION, None),
    ("8152", odbc("22001", MS + "String or binary data would be truncated. (8152) (SQLExecDirectW)", "DataError"), RULE,
     Kind.STRING_DATA_RIGHT_TRUNCATION, None),
    ("reversed", stand_in("pyodbc.OperationalError", "[08S01] [Microsoft][ODBC Driver 17 for SQL Server]Communication link failure (0)", "08S01"),
     OUTAGE, Kind.CONNECTION_FAILURE, None),
    ("MySQL by ODBC", odbc("23000", "[MySQL][ODBC 8.0(w) Driver][mysqld-8.0.36]Duplicate entry 'a' for key 'parent.name_key' (1062) (SQLExecDirectW)",
                           "IntegrityError"), RULE, Kind.UNIQUE_VIOLATION, "name_key"),
    ("PostgreSQL by ODBC", odbc("23505", '[PostgreSQL][psqlODBC] ERROR: duplicate key value violates unique constraint "k"; (1) (SQLExecDirectW)',
                                "IntegrityError"), RULE, Kind.UNIQUE_VIOLATION, None),
    # pymssql
    ("pymssql 547", stand_in("pymssql.exceptions.IntegrityError", 547, b'The DELETE statement conflicted with the REFERENCE constraint '
                             b'"FK_child_parent". The conflict occurred in database "shop", table "dbo.child", column \'parent_id\'.DB-Lib error '
                             b"message 20018, severity 16:\nGeneral SQL Server error: Check messages from the SQL Server\n"),
     RULE, Kind.FOREIGN_KEY_VIOLATION, "FK_child_parent"),
    ("pymssql refused", stand_in("pymssql.exceptions.OperationalError", (20009, (b"DB-Lib error message 20009, severity 9:\nUnable to connect: "
                                 b"Adaptive Server is unavailable or does not exist (127.0.0.1)\n"))), OUTAGE,
     Kind.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, None),
    ("pymssql login", stand_in("pymssql.exceptions.OperationalError", (18456, b"Login failed for user 'sa'.DB-Lib error message 20018, severity 14:\n")),
     OUTAGE, Kind.INVALID_PASSWORD, None),
    ("pymssql 1205", stand_in("pymssql.exceptions.OperationalError", 1205, b"Transaction (Process ID 52) was deadlocked"), RACE,
     Kind.DEADLOCK_DETECTED, None),
    # Oracle
    ("ORA-00001", ora(1, "ORA-00001: unique constraint (SHOP.UQ_NAME) violated", name="IntegrityError"), RULE, Kind.UNIQUE_VIOLATION, "UQ_NAME"),
    ("ORA-02292", ora(2292, "ORA-02292: integrity constraint (SHOP.FK_CHILD) violated - child record found", name="IntegrityError"),
     RULE, Kind.FOREIGN_KEY_VIOLATION, "FK_CHILD"),
    ("ORA-02091", ora(2091, "ORA-02091: transaction rolled back\nORA-02291: integrity constraint (SHOP.FK_LATE) violated - parent key not found"),
     RULE, Kind.FOREIGN_KEY_VIOLATION, "FK_LATE"),
    ("ORA-01400", ora(1400, 'ORA-01400: cannot insert NULL into ("SHOP"."PARENT"."NAME")', name="IntegrityError"), RULE, Kind.NOT_NULL_VIOLATION, None),
    ("ORA-20001", ora(20001, "ORA-20001: end-of-file on communication channel\nORA-06512: at line 1"), RULE, Kind.RAISE_EXCEPTION, None),
    ("ORA-00060", ora(60, "ORA-00060: deadlock detected while waiting for resource"), RACE, Kind.DEADLOCK_DETECTED, None),
    ("ORA-08177", ora(8177, "ORA-08177: can't serialize access for this transaction"), RACE, Kind.SERIALIZATION_FAILURE, None),
    ("ORA-01653", ora(1653, "ORA-01653: unable to extend table SHOP.PARENT by 8 in tablespace USERS"), OUTAGE, Kind.DISK_FULL, None),
    ("ORA-00942", ora(942, "ORA-00942: table or view does not exist"), DEFECT, Kind.UNDEFINED_TABLE, None),
    ("DPY-4011", ora(0, "DPY-4011: the database or network closed the connection", "DPY-4011", "OperationalError"), OUTAGE, Kind.CONNECTION_FAILURE, None),
    ("DPY-4011 over 3113", ora(3113, "DPY-4011: the database or network closed the connection\nORA-03113: end-of-file on communication channel",
                               "DPY-4011", "OperationalError"), OUTAGE, Kind.CONNECTION_FAILURE, None),
    ("DPY-6005", ora(0, "DPY-6005: cannot connect to database (CONNECTION_ID=x).\n[Errno 111] Connection refused", "DPY-6005", "OperationalError"),
     OUTAGE, Kind.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, None),
    ("DPY-4005", ora(0, "DPY-4005: timed out waiting for the connection pool to return a connection", "DPY-4005"), OUTAGE, Kind.POOL_TIMEOUT, None),
    ("ORA as text", stand_in("oracledb.exceptions.DatabaseError", "ORA-00942: table or view does not exist"), DEFECT, Kind.UNDEFINED_TABLE, None),
    ("ORA as a dict", stand_in("oracledb.exceptions.IntegrityError", {"code": 1, "full_code": "ORA-00001", "message":
                               "ORA-00001: unique constraint (SHOP.UQ_NAME) violated"}), RULE, Kind.UNIQUE_VIOLATION, "UQ_NAME"),
    # Db2
    ("-803", stand_in("ibm_db_dbi.IntegrityError", "ibm_db_dbi::IntegrityError: Statement Execute Failed: [IBM][CLI Driver][DB2/LINUXX8664] SQL0803N  "
                      "One or more values are not valid.  SQLSTATE=23505 SQLCODE=-803"), RULE, Kind.UNIQUE_VIOLATION, None),
    ("-913", stand_in("ibm_db_dbi.OperationalError", "[IBM][CLI Driver][DB2/LINUXX8664] SQL0913N  Unsuccessful execution caused by deadlock or timeout.  "
                      "SQLSTATE=57033 SQLCODE=-913"), RACE, Kind.LOCK_NOT_AVAILABLE, None),
    # MySQL 8
    ("3819", stand_in("pymysql.err.OperationalError", 3819, "Check constraint 'parent_qty_positive' is violated."), RULE, Kind.CHECK_VIOLATION,
     "parent_qty_positive"),
    ("1062 of MySQL 8", stand_in("pymysql.err.IntegrityError", 1062, "Duplicate entry 'a' for key 'parent.name_key'"), RULE, Kind.UNIQUE_VIOLATION, "name_key"),
    ("3572", stand_in("pymysql.err.OperationalError", 3572, "Statement aborted because lock(s) could not be acquired immediately and NOWAIT is set."),
     RACE, Kind.LOCK_NOT_AVAILABLE, None),
    ("3024", stand_in("pymysql.err.OperationalError", 3024, "Query execution was interrupted, maximum statement execution time exceeded"),
     RACE, Kind.QUERY_CANCELED, None),
    ("3024 of the client", stand_in("mysql.connector.errors.ReadTimeoutError", 3024, "3024: timed out", None, errno=3024, msg="timed out", sqlstate=None),
     OUTAGE, Kind.CONNECTION_FAILURE, None),
    ("4031 of MySQL", stand_in("pymysql.err.OperationalError", 4031, "The client was disconnected by the server because of inactivity. See wait_timeout "
                               "and interactive_timeout for configuring this behavior."), OUTAGE, Kind.IDLE_SESSION_TIMEOUT, None),
    ("4031 of MariaDB", stand_in("pymysql.err.OperationalError", 4031, "Referenced trigger 'x' for the given action time and event type does not exist"),
     DEFECT, Kind.UNDEFINED_OBJECT, None),
    ("1290", stand_in("pymysql.err.OperationalError", 1290, "The MySQL server is running with the --read-only option so it cannot execute this statement"),
     OUTAGE, Kind.READ_ONLY_SQL_TRANSACTION, None),
    ("1290 of another option", stand_in("pymysql.err.OperationalError", 1290, "The MySQL server is running with the --secure-file-priv option so it "
                                        "cannot execute this statement"), DEFECT, Kind.FEATURE_NOT_SUPPORTED, None),
    ("1114", stand_in("pymysql.err.OperationalError", 1114, "The table 'parent' is full"), OUTAGE, Kind.DISK_FULL, None),
    ("1030", stand_in("pymysql.err.OperationalError", 1030, 'Got error 28 "No space left on device" from storage engine InnoDB'), OUTAGE, Kind.DISK_FULL, None),
    ("InterfaceError 0", stand_in("pymysql.err.InterfaceError", 0, ""), OUTAGE, Kind.CONNECTION_DOES_NOT_EXIST, None),
    ("2027", stand_in("MySQLdb.OperationalError", 2027, "Malformed packet"), DEFECT, Kind.PROTOCOL_VIOLATION, None),
    ("45000 with a number", stand_in("mysql.connector.errors.DatabaseError", 5001, "5001 (45000): x", "45000", errno=5001, sqlstate="45000", msg="x"),
     RULE, Kind.RAISE_EXCEPTION, None),
    # poolers and CockroachDB
    ("pgbouncer 1.18", stand_in("pg8000.exceptions.ProgrammingError", {"S": "FATAL", "C": "08P01", "M": "query_wait_timeout"}), OUTAGE, Kind.PROTOCOL_VIOLATION, None),
    ("bind message", stand_in("pg8000.exceptions.ProgrammingError", {"S": "ERROR", "V": "ERROR", "C": "08P01", "R": "exec_bind_message",
                              "M": 'bind message supplies 1 parameters, but prepared statement "" requires 2'}), DEFECT, Kind.PROTOCOL_VIOLATION, None),
    ("CockroachDB", stand_in("psycopg.errors.SerializationFailure", "restart transaction: TransactionRetryWithProtoRefreshError", sqlstate="40001"),
     RACE, Kind.SERIALIZATION_FAILURE, None),
    ("CockroachDB ambiguous", stand_in("psycopg.errors.StatementCompletionUnknown", "result is ambiguous", sqlstate="40003"), OUTAGE,
     Kind.STATEMENT_COMPLETION_UNKNOWN, None),
    # drivers without codes
    ("class alone", stand_in("psycopg.errors.UniqueViolation", "x"), RULE, Kind.UNIQUE_VIOLATION, None),
    ("class of asyncpg alone", stand_in("asyncpg.exceptions.DeadlockDetectedError", "x"), RACE, Kind.DEADLOCK_DETECTED, None),
    ("parameters", stand_in("psycopg.OperationalError", "sending query and params failed: number of parameters must be between 0 and 65535"),
     DEFECT, Kind.WRONG_PARAMETERS, None),
    ("pool of psycopg", stand_in("psycopg_pool.PoolTimeout", "couldn't get a connection after 0.10 sec"), OUTAGE, Kind.POOL_TIMEOUT, None),
    ("no code of SQLite", stand_in("sqlite3.OperationalError", "database is locked"), RACE, Kind.LOCK_NOT_AVAILABLE, None),
    ("no code of SQLite, a rule", stand_in("sqlite3.IntegrityError", "FOREIGN KEY constraint failed"), RULE, Kind.FOREIGN_KEY_VIOLATION, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "category", "kind", "constraint"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
@pytest.mark.parametrize("shape", ["bare", "wrapped"])
def test_a_documented_error_means_the_same_bare_and_wrapped(
    error: BaseException, category: Category, kind: Kind, constraint: str | None, shape: str
) -> None:
    answer = classify(error if shape == "bare" else wrapped(error))

    assert (answer.category, answer.kind) == (category, kind), answer
    if constraint is not None:
        assert answer.constraint == constraint


FORGERIES: list[tuple[str, Any]] = [
    ("psycopg2.errors.RaiseException", {"pgcode": "P0001"}),
    ("psycopg.errors.RaiseException", {"sqlstate": "P0001"}),
]


@pytest.mark.parametrize(
    "text",
    [
        "server closed the connection unexpectedly",
        "FATAL:  sorry, too many clients already",
        "could not connect to server",
    ],
)
@pytest.mark.parametrize(("name", "attributes"), FORGERIES)
def test_a_raised_text_never_makes_an_outage(name: str, attributes: dict[str, str], text: str) -> None:
    error = wrapped(stand_in(name, text, **attributes), lost=True)

    answer = classify(error)

    assert (answer.category, answer.kind) == (RULE, Kind.RAISE_EXCEPTION)
    assert answer.evidence.startswith("code P0001")


@pytest.mark.parametrize("driver", ["pymysql.err", "asyncmy.errors", "MySQLdb"])
def test_a_duplicate_value_never_makes_an_outage(driver: str) -> None:
    error = wrapped(
        stand_in(f"{driver}.IntegrityError", 1062, "Duplicate entry 'connection was killed' for key 'k'"),
        lost=True,
    )

    assert classify(error).category is RULE


def test_a_detail_never_makes_a_deadlock() -> None:
    fields = {
        "S": "ERROR",
        "V": "ERROR",
        "C": "23505",
        "M": "x",
        "D": "Key (name)=(deadlock detected) already exists.",
        "n": "k",
    }

    answer = classify(wrapped(stand_in("pg8000.exceptions.ProgrammingError", fields)))

    assert (answer.kind, answer.constraint, answer.columns) == (Kind.UNIQUE_VIOLATION, "k", ("name",))


def test_what_nobody_knows_is_unknown_and_shows_its_code() -> None:
    answer = classify(wrapped(stand_in("psycopg.errors.Error", "?", sqlstate="ZZ042")))

    assert (answer.category, answer.sqlstate) == (UNKNOWN, "ZZ042")


FOREIGN_KEY = (
    "Cannot add or update a child row: a foreign key constraint fails (`q`.`ch``ild`, CONSTRAINT `c``x` FOREIGN KEY "
    "(`p``i,d)`, `b`) REFERENCES `pa``r'(e)nt` (`id`, `b`) ON DELETE CASCADE)"
)
UNUSUAL_NAMES = [
    # seen on MariaDB 10.11, but 3819, which MySQL's messages list: constraint, table, columns, referenced table
    (1452, FOREIGN_KEY, ("c`x", "ch`ild", ("p`i,d)", "b"), "pa`r'(e)nt")),
    (1062, "Duplicate entry 'a' for key 'it's`k'", ("it's`k", None, (), None)),
    (1062, "Duplicate entry 'a' for key 'forged' for key 'parent.k`x'", ("k`x", "parent", (), None)),
    (1062, "Doppelter Eintrag 'a' f\u00fcr Schl\u00fcssel 'k``x'", ("k``x", None, (), None)),
    (4025, "CONSTRAINT `c``h'k` failed for `q`.`pa``r'(e)nt`", ("c`h'k", "pa`r'(e)nt", (), None)),
    (3819, "Check constraint 'c`x' is violated.", ("c`x", None, (), None)),
    (1366, "Incorrect integer value: 'zz' for column `q`.`x`t`.`d'd`x` at row 1", (None, "x`t", ("d'd`x",), None)),
    (1366, "Incorrect integer value: ' `a`.`b`.`c` ' for column `q`.`t`.`id` at row 1", (None, "t", ("id",), None)),
    (1366, "Incorrect integer value: 'x' for column 'forged' at row 1' for column 'n' at row 1", (None, None, ("n",), None)),
]  # fmt: skip


@pytest.mark.parametrize(("number", "message", "names"), UNUSUAL_NAMES)
def test_names_with_quotes_are_read_as_the_schema_has_them(number: int, message: str, names: Any) -> None:
    answer = classify(wrapped(stand_in("pymysql.err.IntegrityError", number, message)))

    assert (answer.constraint, answer.table, answer.columns, answer.referenced_table) == names
