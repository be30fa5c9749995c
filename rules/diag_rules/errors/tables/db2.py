"""Db2's SQLCODEs that matter to applications.

Source: IBM Db2 11.5 "SQL messages" and "SQLSTATE messages", read 2026-11-22; not seen live. -913 has a SQLSTATE of class 57
and -1224 one of class 55: the number decides, not the class.
"""

from __future__ import annotations

from diag_rules.errors._classification import Category
from diag_rules.errors._kinds import Kind
from diag_rules.errors._row import Table, row, table

CODES: Table = table(
    row(-104, Kind.SYNTAX_ERROR),
    row(-117, Kind.SYNTAX_ERROR),
    row(-180, Kind.INVALID_DATETIME_FORMAT),
    row(-181, Kind.DATETIME_FIELD_OVERFLOW),
    row(-204, Kind.UNDEFINED_TABLE),
    row(-206, Kind.UNDEFINED_COLUMN),
    row(-302, Kind.STRING_DATA_RIGHT_TRUNCATION),
    row(-305, Kind.NULL_VALUE_NO_INDICATOR_PARAMETER),
    row(-401, Kind.DATATYPE_MISMATCH),
    row(-407, Kind.NOT_NULL_VIOLATION),
    row(-408, Kind.DATATYPE_MISMATCH),
    row(-413, Kind.NUMERIC_VALUE_OUT_OF_RANGE),
    row(-420, Kind.INVALID_TEXT_REPRESENTATION),
    row(-433, Kind.STRING_DATA_RIGHT_TRUNCATION),
    row(-438, Kind.RAISE_EXCEPTION),
    row(-440, Kind.UNDEFINED_FUNCTION),
    row(-501, Kind.INVALID_CURSOR_STATE),
    row(-530, Kind.FOREIGN_KEY_VIOLATION),
    row(-531, Kind.FOREIGN_KEY_VIOLATION),
    row(-532, Kind.FOREIGN_KEY_VIOLATION),
    row(-545, Kind.CHECK_VIOLATION),
    row(-551, Kind.INSUFFICIENT_PRIVILEGE),
    row(-552, Kind.INSUFFICIENT_PRIVILEGE),
    row(-601, Kind.DUPLICATE_OBJECT),
    row(-723, Kind.TRIGGERED_ACTION_EXCEPTION),
    row(-801, Kind.DIVISION_BY_ZERO),
    row(-802, Kind.NUMERIC_VALUE_OUT_OF_RANGE),
    row(-803, Kind.UNIQUE_VIOLATION),
    row(-811, Kind.CARDINALITY_VIOLATION),
    row(-904, Kind.INSUFFICIENT_RESOURCES),
    row(-905, Kind.QUERY_CANCELED),
    row(
        -911,
        Kind.DEADLOCK_DETECTED,
        summary="A deadlock or a lock time-out: the transaction was rolled back.",
    ),
    row(
        -913, Kind.LOCK_NOT_AVAILABLE, summary="A deadlock or a lock time-out: the statement was rolled back."
    ),
    row(-952, Kind.QUERY_CANCELED),
    row(-954, Kind.OUT_OF_MEMORY),
    row(-964, Kind.DISK_FULL, summary="The transaction log is full."),
    row(-968, Kind.DISK_FULL),
    row(-289, Kind.DISK_FULL),
    row(-980, Kind.IO_ERROR),
    row(-1013, Kind.INVALID_CATALOG_NAME),
    row(-1015, Kind.CANNOT_CONNECT_NOW),
    row(-1024, Kind.CONNECTION_DOES_NOT_EXIST, weak=True),
    row(-1032, Kind.CANNOT_CONNECT_NOW),
    row(-1035, Kind.OBJECT_IN_USE),
    row(-1040, Kind.TOO_MANY_CONNECTIONS),
    row(-1060, Kind.INSUFFICIENT_PRIVILEGE, category=Category.DEFECT),
    row(-1224, Kind.ADMIN_SHUTDOWN),
    row(-1226, Kind.TOO_MANY_CONNECTIONS),
    row(-1585, Kind.PROGRAM_LIMIT_EXCEEDED),
    row(-20157, Kind.CANNOT_CONNECT_NOW),
    row(-30081, Kind.CONNECTION_FAILURE),
    row(-30082, Kind.INVALID_PASSWORD),
    row(-99999, Kind.DRIVER_MISUSE),
)
"""By SQLCODE."""
