"""SQLSTATEs of ODBC and of MySQL that PostgreSQL does not have.

Source: Microsoft's "Appendix A: ODBC Error Codes" and MySQL's error reference; read 2026-11-22.
"""

from __future__ import annotations

from .._classification import Category
from .._kinds import Kind as K
from .._row import Table, row, table

CODES: Table = table(
    row("01002", K.CONNECTION_FAILURE, weak=True),
    row("01S00", K.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
    row("07002", K.WRONG_PARAMETERS),
    row("07006", K.DATATYPE_MISMATCH),
    row("07009", K.WRONG_PARAMETERS),
    row("08002", K.DRIVER_MISUSE),
    row("08S01", K.CONNECTION_FAILURE, "communication_link_failure", weak=True),
    row("08S02", K.CONNECTION_FAILURE, weak=True),
    row("21S01", K.SYNTAX_ERROR),
    row("21S02", K.SYNTAX_ERROR),
    row("23000", K.INTEGRITY_CONSTRAINT_VIOLATION),
    row("25S03", K.TRANSACTION_ROLLBACK),
    row("25S01", K.TRANSACTION_RESOLUTION_UNKNOWN),
    row("42S01", K.DUPLICATE_TABLE),
    row("42S02", K.UNDEFINED_TABLE),
    row("42S11", K.DUPLICATE_OBJECT),
    row("42S12", K.UNDEFINED_OBJECT),
    row("42S21", K.DUPLICATE_COLUMN),
    row("42S22", K.UNDEFINED_COLUMN),
    row("45000", K.RAISE_EXCEPTION),
    row("70100", K.QUERY_CANCELED),
    row("HY001", K.OUT_OF_MEMORY),
    row("HY004", K.WRONG_PARAMETERS),
    row("HY008", K.QUERY_CANCELED),
    row("HY010", K.DRIVER_MISUSE, "function_sequence_error"),
    row("HY090", K.WRONG_PARAMETERS),
    row("HY104", K.WRONG_PARAMETERS),
    row("HYC00", K.FEATURE_NOT_SUPPORTED),
    row("HYT00", K.QUERY_CANCELED, "timeout_expired", weak=True),
    row("HYT01", K.CONNECT_TIMEOUT, "connection_timeout_expired"),
    row("IM001", K.FEATURE_NOT_SUPPORTED),
    row("IM002", K.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, "no_data_source_or_driver",
        summary="The ODBC driver or data source named in the connection settings is not installed."),
    row("IM003", K.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, "driver_could_not_be_loaded"),
    row("IM004", K.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
    row("IM005", K.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
    row("XAE00", K.INVALID_TRANSACTION_STATE),
    row("XA100", K.TRANSACTION_ROLLBACK),
    row("XA102", K.DEADLOCK_DETECTED),
    row("XA106", K.LOCK_NOT_AVAILABLE),
    row("0100S", K.DATA_EXCEPTION, category=Category.BUSINESS_RULE),
)  # fmt: skip
