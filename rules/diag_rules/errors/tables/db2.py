"""Db2's SQLCODEs that matter to applications.

Source: IBM Db2 11.5 "SQL messages" and "SQLSTATE messages", read 2026-11-22; not seen live. -913 has a SQLSTATE of class 57
and -1224 one of class 55: the number decides, not the class.
"""

from __future__ import annotations

from .._classification import Category
from .._kinds import Kind as K
from .._row import Table, row, table

CODES: Table = table(
    row(-104, K.SYNTAX_ERROR),
    row(-117, K.SYNTAX_ERROR),
    row(-180, K.INVALID_DATETIME_FORMAT),
    row(-181, K.DATETIME_FIELD_OVERFLOW),
    row(-204, K.UNDEFINED_TABLE),
    row(-206, K.UNDEFINED_COLUMN),
    row(-302, K.STRING_DATA_RIGHT_TRUNCATION),
    row(-305, K.NULL_VALUE_NO_INDICATOR_PARAMETER),
    row(-401, K.DATATYPE_MISMATCH),
    row(-407, K.NOT_NULL_VIOLATION),
    row(-408, K.DATATYPE_MISMATCH),
    row(-413, K.NUMERIC_VALUE_OUT_OF_RANGE),
    row(-420, K.INVALID_TEXT_REPRESENTATION),
    row(-433, K.STRING_DATA_RIGHT_TRUNCATION),
    row(-438, K.RAISE_EXCEPTION),
    row(-440, K.UNDEFINED_FUNCTION),
    row(-501, K.INVALID_CURSOR_STATE),
    row(-530, K.FOREIGN_KEY_VIOLATION),
    row(-531, K.FOREIGN_KEY_VIOLATION),
    row(-532, K.FOREIGN_KEY_VIOLATION),
    row(-545, K.CHECK_VIOLATION),
    row(-551, K.INSUFFICIENT_PRIVILEGE),
    row(-552, K.INSUFFICIENT_PRIVILEGE),
    row(-601, K.DUPLICATE_OBJECT),
    row(-723, K.TRIGGERED_ACTION_EXCEPTION),
    row(-801, K.DIVISION_BY_ZERO),
    row(-802, K.NUMERIC_VALUE_OUT_OF_RANGE),
    row(-803, K.UNIQUE_VIOLATION),
    row(-811, K.CARDINALITY_VIOLATION),
    row(-904, K.INSUFFICIENT_RESOURCES),
    row(-905, K.QUERY_CANCELED),
    row(-911, K.DEADLOCK_DETECTED, summary="A deadlock or a lock time-out: the transaction was rolled back."),
    row(-913, K.LOCK_NOT_AVAILABLE, summary="A deadlock or a lock time-out: the statement was rolled back."),
    row(-952, K.QUERY_CANCELED),
    row(-954, K.OUT_OF_MEMORY),
    row(-964, K.DISK_FULL, summary="The transaction log is full."),
    row(-968, K.DISK_FULL),
    row(-289, K.DISK_FULL),
    row(-980, K.IO_ERROR),
    row(-1013, K.INVALID_CATALOG_NAME),
    row(-1015, K.CANNOT_CONNECT_NOW),
    row(-1024, K.CONNECTION_DOES_NOT_EXIST, weak=True),
    row(-1032, K.CANNOT_CONNECT_NOW),
    row(-1035, K.OBJECT_IN_USE),
    row(-1040, K.TOO_MANY_CONNECTIONS),
    row(-1060, K.INSUFFICIENT_PRIVILEGE, category=Category.DEFECT),
    row(-1224, K.ADMIN_SHUTDOWN),
    row(-1226, K.TOO_MANY_CONNECTIONS),
    row(-1585, K.PROGRAM_LIMIT_EXCEEDED),
    row(-20157, K.CANNOT_CONNECT_NOW),
    row(-30081, K.CONNECTION_FAILURE),
    row(-30082, K.INVALID_PASSWORD),
    row(-99999, K.DRIVER_MISUSE),
)
"""By SQLCODE."""
