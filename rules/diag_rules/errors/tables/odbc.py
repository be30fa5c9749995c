"""SQLSTATEs of ODBC and of MySQL that PostgreSQL does not have.

Source: Microsoft's "Appendix A: ODBC Error Codes" and MySQL's error reference; read 2026-11-22.
"""

from __future__ import annotations

from diag_rules.errors._classification import Category
from diag_rules.errors._kinds import Kind
from diag_rules.errors._row import Table, row, table

CODES: Table = table(
    row("01002", Kind.CONNECTION_FAILURE, weak=True),
    row("01S00", Kind.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
    row("07002", Kind.WRONG_PARAMETERS),
    row("07006", Kind.DATATYPE_MISMATCH),
    row("07009", Kind.WRONG_PARAMETERS),
    row("08002", Kind.DRIVER_MISUSE),
    row("08S01", Kind.CONNECTION_FAILURE, "communication_link_failure", weak=True),
    row("08S02", Kind.CONNECTION_FAILURE, weak=True),
    row("21S01", Kind.SYNTAX_ERROR),
    row("21S02", Kind.SYNTAX_ERROR),
    row("23000", Kind.INTEGRITY_CONSTRAINT_VIOLATION),
    row("25S03", Kind.TRANSACTION_ROLLBACK),
    row("25S01", Kind.TRANSACTION_RESOLUTION_UNKNOWN),
    row("42S01", Kind.DUPLICATE_TABLE),
    row("42S02", Kind.UNDEFINED_TABLE),
    row("42S11", Kind.DUPLICATE_OBJECT),
    row("42S12", Kind.UNDEFINED_OBJECT),
    row("42S21", Kind.DUPLICATE_COLUMN),
    row("42S22", Kind.UNDEFINED_COLUMN),
    row("45000", Kind.RAISE_EXCEPTION),
    row("70100", Kind.QUERY_CANCELED),
    row("HY001", Kind.OUT_OF_MEMORY),
    row("HY004", Kind.WRONG_PARAMETERS),
    row("HY008", Kind.QUERY_CANCELED),
    row("HY010", Kind.DRIVER_MISUSE, "function_sequence_error"),
    row("HY090", Kind.WRONG_PARAMETERS),
    row("HY104", Kind.WRONG_PARAMETERS),
    row("HYC00", Kind.FEATURE_NOT_SUPPORTED),
    row("HYT00", Kind.QUERY_CANCELED, "timeout_expired", weak=True),
    row("HYT01", Kind.CONNECT_TIMEOUT, "connection_timeout_expired"),
    row("IM001", Kind.FEATURE_NOT_SUPPORTED),
    row("IM002", Kind.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, "no_data_source_or_driver",
        summary="The ODBC driver or data source named in the connection settings is not installed."),
    row("IM003", Kind.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, "driver_could_not_be_loaded"),
    row("IM004", Kind.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
    row("IM005", Kind.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
    row("XAE00", Kind.INVALID_TRANSACTION_STATE),
    row("XA100", Kind.TRANSACTION_ROLLBACK),
    row("XA102", Kind.DEADLOCK_DETECTED),
    row("XA106", Kind.LOCK_NOT_AVAILABLE),
    row("0100S", Kind.DATA_EXCEPTION, category=Category.BUSINESS_RULE),
)  # fmt: skip
