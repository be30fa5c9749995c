"""SQLite's own fixed texts, which alone tell the errors of result code 1 apart. Never localised.

Source: the string literals of SQLite 3.40 to 3.50 and of CPython's ``_sqlite`` module; read 2026-11-22.
A text that an application's trigger raises has code 1811 and is never looked up here.
"""

from __future__ import annotations

from diag_rules.errors._classification import Category
from diag_rules.errors._kinds import Kind
from diag_rules.errors._row import Row, row

from .sqlite import VALUE


def _row(kind: Kind) -> Row:
    return row(1, kind, "SQLITE_ERROR")


BEFORE_COLON: dict[str, Row] = {
    # what stands before the first ": "
    "no such table": _row(Kind.UNDEFINED_TABLE),
    "no such view": _row(Kind.UNDEFINED_TABLE),
    "no such column": _row(Kind.UNDEFINED_COLUMN),
    "no such function": _row(Kind.UNDEFINED_FUNCTION),
    "no such index": _row(Kind.UNDEFINED_OBJECT),
    "no such trigger": _row(Kind.UNDEFINED_OBJECT),
    "no such module": _row(Kind.UNDEFINED_OBJECT),
    "no such collation sequence": _row(Kind.UNDEFINED_OBJECT),
    "no such window": _row(Kind.UNDEFINED_OBJECT),
    "no such database": _row(Kind.UNDEFINED_OBJECT),
    "no such savepoint": _row(Kind.INVALID_SAVEPOINT_SPECIFICATION),
    "no such vfs": _row(Kind.CANNOT_OPEN_DATABASE),
    "no such access mode": _row(Kind.CANNOT_OPEN_DATABASE),
    "no such cache mode": _row(Kind.CANNOT_OPEN_DATABASE),
    "ambiguous column name": _row(Kind.AMBIGUOUS_COLUMN),
    "duplicate column name": _row(Kind.DUPLICATE_COLUMN),
    "unrecognized token": _row(Kind.SYNTAX_ERROR),
    "error in trigger": _row(Kind.SYNTAX_ERROR),
    "misuse of aggregate": _row(Kind.GROUPING_ERROR),
    "misuse of aggregate function": _row(Kind.GROUPING_ERROR),
    "misuse of window function": _row(Kind.WINDOWING_ERROR),
    "malformed JSON": _row(Kind.INVALID_JSON_TEXT),
    "bad JSON path": _row(Kind.INVALID_ARGUMENT_FOR_SQL_JSON_DATETIME_FUNCTION),
    "fts5": row(
        1, Kind.DATA_EXCEPTION, "SQLITE_ERROR", summary="The text to search for is no valid FTS5 query."
    ),
    "malformed MATCH expression": row(1, Kind.DATA_EXCEPTION, "SQLITE_ERROR"),
    "UNIQUE constraint failed": row(2067, Kind.UNIQUE_VIOLATION, "SQLITE_CONSTRAINT_UNIQUE"),
    "NOT NULL constraint failed": row(1299, Kind.NOT_NULL_VIOLATION, "SQLITE_CONSTRAINT_NOTNULL"),
    "CHECK constraint failed": row(275, Kind.CHECK_VIOLATION, "SQLITE_CONSTRAINT_CHECK"),
    "database table is locked": row(6, Kind.LOCK_NOT_AVAILABLE, "SQLITE_LOCKED"),
    "unable to open database": row(14, Kind.CANNOT_OPEN_DATABASE, "SQLITE_CANTOPEN"),
}
BEFORE_COLON["bad JSON path"] = row(1, Kind.INVALID_SQL_JSON_SUBSCRIPT, "SQLITE_ERROR")

WHOLE: dict[str, Row] = {
    "FOREIGN KEY constraint failed": row(787, Kind.FOREIGN_KEY_VIOLATION, "SQLITE_CONSTRAINT_FOREIGNKEY"),
    "constraint failed": row(19, Kind.INTEGRITY_CONSTRAINT_VIOLATION, "SQLITE_CONSTRAINT"),
    "PRIMARY KEY must be unique": row(1555, Kind.UNIQUE_VIOLATION, "SQLITE_CONSTRAINT_PRIMARYKEY"),
    "datatype mismatch": row(
        20, Kind.DATATYPE_MISMATCH, "SQLITE_MISMATCH", category=Category.BUSINESS_RULE, advice=VALUE
    ),
    "malformed JSON": _row(Kind.INVALID_JSON_TEXT),
    "integer overflow": _row(Kind.NUMERIC_VALUE_OUT_OF_RANGE),
    "string or blob too big": row(18, Kind.STRING_DATA_RIGHT_TRUNCATION, "SQLITE_TOOBIG"),
    "LIKE or GLOB pattern too complex": _row(Kind.STRING_DATA_RIGHT_TRUNCATION),
    "ESCAPE expression must be a single character": _row(Kind.INVALID_ESCAPE_CHARACTER),
    "database is locked": row(5, Kind.LOCK_NOT_AVAILABLE, "SQLITE_BUSY"),
    "database table is locked": row(6, Kind.LOCK_NOT_AVAILABLE, "SQLITE_LOCKED"),
    "database schema is locked": row(6, Kind.LOCK_NOT_AVAILABLE, "SQLITE_LOCKED"),
    "database schema has changed": row(17, Kind.SCHEMA_CHANGED, "SQLITE_SCHEMA"),
    "locking protocol": row(15, Kind.LOCK_NOT_AVAILABLE, "SQLITE_PROTOCOL"),
    "interrupted": row(9, Kind.QUERY_CANCELED, "SQLITE_INTERRUPT"),
    "query aborted": row(4, Kind.QUERY_CANCELED, "SQLITE_ABORT"),
    "abort due to ROLLBACK": row(516, Kind.TRANSACTION_ROLLBACK, "SQLITE_ABORT_ROLLBACK"),
    "disk I/O error": row(10, Kind.IO_ERROR, "SQLITE_IOERR"),
    "database or disk is full": row(13, Kind.DISK_FULL, "SQLITE_FULL"),
    "unable to open database file": row(14, Kind.CANNOT_OPEN_DATABASE, "SQLITE_CANTOPEN"),
    "attempt to write a readonly database": row(8, Kind.READ_ONLY_SQL_TRANSACTION, "SQLITE_READONLY"),
    "database disk image is malformed": row(11, Kind.DATA_CORRUPTED, "SQLITE_CORRUPT"),
    "file is not a database": row(26, Kind.DATA_CORRUPTED, "SQLITE_NOTADB"),
    "file is encrypted or is not a database": row(26, Kind.DATA_CORRUPTED, "SQLITE_NOTADB"),
    "unsupported file format": row(24, Kind.DATA_CORRUPTED, "SQLITE_FORMAT"),
    "out of memory": row(7, Kind.OUT_OF_MEMORY, "SQLITE_NOMEM"),
    "large file support is disabled": row(22, Kind.FEATURE_NOT_SUPPORTED, "SQLITE_NOLFS"),
    "not authorized": row(23, Kind.INSUFFICIENT_PRIVILEGE, "SQLITE_AUTH"),
    "authorization denied": row(23, Kind.INSUFFICIENT_PRIVILEGE, "SQLITE_AUTH"),
    "access permission denied": row(3, Kind.CANNOT_OPEN_DATABASE, "SQLITE_PERM"),
    "column index out of range": row(25, Kind.WRONG_PARAMETERS, "SQLITE_RANGE"),
    "bad parameter or other API misuse": row(21, Kind.DRIVER_MISUSE, "SQLITE_MISUSE"),
    "library routine called out of sequence": row(21, Kind.DRIVER_MISUSE, "SQLITE_MISUSE"),
    "incomplete input": _row(Kind.SYNTAX_ERROR),
    "row value misused": _row(Kind.SYNTAX_ERROR),
    "user-defined function raised exception": _row(Kind.EXTERNAL_ROUTINE_EXCEPTION),
    "user-defined aggregate's 'step' method raised error": _row(Kind.EXTERNAL_ROUTINE_EXCEPTION),
    "user-defined aggregate's 'finalize' method raised error": _row(Kind.EXTERNAL_ROUTINE_EXCEPTION),
    "too many SQL variables": _row(Kind.TOO_MANY_ARGUMENTS),
    "parser stack overflow": _row(Kind.STATEMENT_TOO_COMPLEX),
    "too many terms in compound SELECT": _row(Kind.STATEMENT_TOO_COMPLEX),
    "too many levels of trigger recursion": _row(Kind.STATEMENT_TOO_COMPLEX),
    "cannot start a transaction within a transaction": _row(Kind.ACTIVE_SQL_TRANSACTION),
    "cannot VACUUM from within a transaction": _row(Kind.ACTIVE_SQL_TRANSACTION),
    "cannot commit - no transaction is active": _row(Kind.NO_ACTIVE_SQL_TRANSACTION),
    "cannot rollback - no transaction is active": _row(Kind.NO_ACTIVE_SQL_TRANSACTION),
    "Cannot add a NOT NULL column with default value NULL": _row(Kind.INVALID_COLUMN_DEFINITION),
    "Cannot add a UNIQUE column": _row(Kind.INVALID_COLUMN_DEFINITION),
    "Cannot add a PRIMARY KEY column": _row(Kind.INVALID_COLUMN_DEFINITION),
    "all VALUES must have the same number of terms": _row(Kind.SYNTAX_ERROR),
    "Cannot operate on a closed database.": row(21, Kind.DRIVER_MISUSE, "ProgrammingError"),
    "Cannot operate on a closed cursor.": row(21, Kind.DRIVER_MISUSE, "ProgrammingError"),
    "Python int too large to convert to SQLite INTEGER": row(
        1, Kind.NUMERIC_VALUE_OUT_OF_RANGE, "OverflowError"
    ),
}

PATTERNS: tuple[tuple[str, Row], ...] = (
    # anchored at both ends where a name stands between; the first that fits wins
    (r'near ".*": syntax error', _row(Kind.SYNTAX_ERROR)),
    (r"(table|view|index|trigger|there is already an? \w+ named) .* already exists|there is already .* named .*",
     _row(Kind.DUPLICATE_TABLE)),
    (r"columns? .* (is|are) not unique", row(2067, Kind.UNIQUE_VIOLATION, "SQLITE_CONSTRAINT_UNIQUE")),
    (r".* may not be NULL", row(1299, Kind.NOT_NULL_VIOLATION, "SQLITE_CONSTRAINT_NOTNULL")),
    (r"cannot store \w+ value in \w+ column .*", row(3091, Kind.DATATYPE_MISMATCH, "SQLITE_CONSTRAINT_DATATYPE", category=Category.BUSINESS_RULE, advice=VALUE)),
    (r"foreign key mismatch - .*|foreign key on .*", _row(Kind.INVALID_FOREIGN_KEY)),
    (r"table .* has no column named .*", _row(Kind.UNDEFINED_COLUMN)),
    (r"table .* has \d+ columns? but \d+ values were supplied|\d+ values for \d+ columns", _row(Kind.SYNTAX_ERROR)),
    (r"sub-select returns \d+ columns.*|SELECTs to the left and right of .*", _row(Kind.SYNTAX_ERROR)),
    (r"wrong number of arguments to function .*", _row(Kind.UNDEFINED_FUNCTION)),
    (r"misuse of aggregate.*|aggregate functions are not allowed .*", _row(Kind.GROUPING_ERROR)),
    (r"misuse of window function .*", _row(Kind.WINDOWING_ERROR)),
    (r"bad JSON path: .*|JSON path error near .*", row(1, Kind.INVALID_SQL_JSON_SUBSCRIPT, "SQLITE_ERROR")),
    (r"JSON cannot hold BLOB values|json_\w+\(\) .*", _row(Kind.INVALID_JSON_TEXT)),
    (r"fts5: .*|unterminated string|malformed MATCH .*", row(1, Kind.DATA_EXCEPTION, "SQLITE_ERROR")),
    (r"database .* is locked", row(6, Kind.LOCK_NOT_AVAILABLE, "SQLITE_LOCKED")),
    (r"database .* is already in use|unknown database .*", _row(Kind.UNDEFINED_OBJECT)),
    (r"unable to open database: .*", row(14, Kind.CANNOT_OPEN_DATABASE, "SQLITE_CANTOPEN")),
    (r"malformed database schema .*", row(11, Kind.DATA_CORRUPTED, "SQLITE_CORRUPT")),
    (r"cannot (INSERT into|UPDATE) generated column .*", _row(Kind.GENERATED_ALWAYS)),
    ((r"cannot modify .* because it is a view|(table|view) .* may not be (modified|dropped|altered|indexed)|"
     r"use DROP \w+ to delete \w+ .*|object name reserved for internal use: .*"), _row(Kind.WRONG_OBJECT_TYPE)),
    (r"access to .* is prohibited|not authorized to use function: .*|unsafe use of .*",
     row(23, Kind.INSUFFICIENT_PRIVILEGE, "SQLITE_AUTH")),
    (r"Expression tree is too large .*|too many (columns|terms|FROM|arguments|attached) .*|at most \d+ tables in a join",
     _row(Kind.STATEMENT_TOO_COMPLEX)),
    (r"circular reference: .*|multiple references to recursive table: .*", _row(Kind.INVALID_RECURSION)),
    ((r"(RIGHT and FULL|a JOIN clause|a NATURAL join|cannot join using|ON clause|HAVING clause|a GROUP BY clause|"
     r"ORDER BY clause|LIMIT clause|\d+\w\w (ORDER|GROUP) BY term|no tables specified|near |hex literal) ?.*"),
     _row(Kind.SYNTAX_ERROR)),
    ((r"Incorrect number of bindings supplied\..*|You did not supply a value for binding .*|"
     r"Binding \d+ has no name.*|Error binding parameter .*|Binding .*|query contains a null character|"
     r"the query contains a null character|embedded null character"),
     row(25, Kind.WRONG_PARAMETERS, "ProgrammingError")),
    ((r"SQLite objects created in a thread .*|Recursive use of cursors not allowed\.|"
     r"Base (Connection|Cursor)\.__init__ not called\.|You can only execute one statement at a time\.|"
     r"execute\(\) argument .*|executemany\(\) can only .*|cannot .* transaction .*|"
     r"safety level may not be changed inside a transaction"), row(21, Kind.DRIVER_MISUSE, "ProgrammingError")),
)  # fmt: skip
