"""SQLite's own fixed texts, which alone tell the errors of result code 1 apart. Never localised.

Source: the string literals of SQLite 3.40 to 3.50 and of CPython's ``_sqlite`` module; read 2026-11-22.
A text that an application's trigger raises has code 1811 and is never looked up here.
"""

from __future__ import annotations

from .._classification import Category
from .._kinds import Kind as K
from .._row import Row, row
from .sqlite import VALUE

_RULE = {"category": Category.BUSINESS_RULE, "advice": VALUE}


def _row(kind: K) -> Row:
    return row(1, kind, "SQLITE_ERROR")


BEFORE_COLON: dict[str, Row] = {
    # what stands before the first ": "
    "no such table": _row(K.UNDEFINED_TABLE),
    "no such view": _row(K.UNDEFINED_TABLE),
    "no such column": _row(K.UNDEFINED_COLUMN),
    "no such function": _row(K.UNDEFINED_FUNCTION),
    "no such index": _row(K.UNDEFINED_OBJECT),
    "no such trigger": _row(K.UNDEFINED_OBJECT),
    "no such module": _row(K.UNDEFINED_OBJECT),
    "no such collation sequence": _row(K.UNDEFINED_OBJECT),
    "no such window": _row(K.UNDEFINED_OBJECT),
    "no such database": _row(K.UNDEFINED_OBJECT),
    "no such savepoint": _row(K.INVALID_SAVEPOINT_SPECIFICATION),
    "no such vfs": _row(K.CANNOT_OPEN_DATABASE),
    "no such access mode": _row(K.CANNOT_OPEN_DATABASE),
    "no such cache mode": _row(K.CANNOT_OPEN_DATABASE),
    "ambiguous column name": _row(K.AMBIGUOUS_COLUMN),
    "duplicate column name": _row(K.DUPLICATE_COLUMN),
    "unrecognized token": _row(K.SYNTAX_ERROR),
    "error in trigger": _row(K.SYNTAX_ERROR),
    "misuse of aggregate": _row(K.GROUPING_ERROR),
    "misuse of aggregate function": _row(K.GROUPING_ERROR),
    "misuse of window function": _row(K.WINDOWING_ERROR),
    "malformed JSON": _row(K.INVALID_JSON_TEXT),
    "bad JSON path": _row(K.INVALID_ARGUMENT_FOR_SQL_JSON_DATETIME_FUNCTION),
    "fts5": row(1, K.DATA_EXCEPTION, "SQLITE_ERROR", summary="The text to search for is no valid FTS5 query."),
    "malformed MATCH expression": row(1, K.DATA_EXCEPTION, "SQLITE_ERROR"),
    "UNIQUE constraint failed": row(2067, K.UNIQUE_VIOLATION, "SQLITE_CONSTRAINT_UNIQUE"),
    "NOT NULL constraint failed": row(1299, K.NOT_NULL_VIOLATION, "SQLITE_CONSTRAINT_NOTNULL"),
    "CHECK constraint failed": row(275, K.CHECK_VIOLATION, "SQLITE_CONSTRAINT_CHECK"),
    "database table is locked": row(6, K.LOCK_NOT_AVAILABLE, "SQLITE_LOCKED"),
    "unable to open database": row(14, K.CANNOT_OPEN_DATABASE, "SQLITE_CANTOPEN"),
}
BEFORE_COLON["bad JSON path"] = row(1, K.INVALID_SQL_JSON_SUBSCRIPT, "SQLITE_ERROR")

WHOLE: dict[str, Row] = {
    "FOREIGN KEY constraint failed": row(787, K.FOREIGN_KEY_VIOLATION, "SQLITE_CONSTRAINT_FOREIGNKEY"),
    "constraint failed": row(19, K.INTEGRITY_CONSTRAINT_VIOLATION, "SQLITE_CONSTRAINT"),
    "PRIMARY KEY must be unique": row(1555, K.UNIQUE_VIOLATION, "SQLITE_CONSTRAINT_PRIMARYKEY"),
    "datatype mismatch": row(20, K.DATATYPE_MISMATCH, "SQLITE_MISMATCH", **_RULE),
    "malformed JSON": _row(K.INVALID_JSON_TEXT),
    "integer overflow": _row(K.NUMERIC_VALUE_OUT_OF_RANGE),
    "string or blob too big": row(18, K.STRING_DATA_RIGHT_TRUNCATION, "SQLITE_TOOBIG"),
    "LIKE or GLOB pattern too complex": _row(K.STRING_DATA_RIGHT_TRUNCATION),
    "ESCAPE expression must be a single character": _row(K.INVALID_ESCAPE_CHARACTER),
    "database is locked": row(5, K.LOCK_NOT_AVAILABLE, "SQLITE_BUSY"),
    "database table is locked": row(6, K.LOCK_NOT_AVAILABLE, "SQLITE_LOCKED"),
    "database schema is locked": row(6, K.LOCK_NOT_AVAILABLE, "SQLITE_LOCKED"),
    "database schema has changed": row(17, K.SCHEMA_CHANGED, "SQLITE_SCHEMA"),
    "locking protocol": row(15, K.LOCK_NOT_AVAILABLE, "SQLITE_PROTOCOL"),
    "interrupted": row(9, K.QUERY_CANCELED, "SQLITE_INTERRUPT"),
    "query aborted": row(4, K.QUERY_CANCELED, "SQLITE_ABORT"),
    "abort due to ROLLBACK": row(516, K.TRANSACTION_ROLLBACK, "SQLITE_ABORT_ROLLBACK"),
    "disk I/O error": row(10, K.IO_ERROR, "SQLITE_IOERR"),
    "database or disk is full": row(13, K.DISK_FULL, "SQLITE_FULL"),
    "unable to open database file": row(14, K.CANNOT_OPEN_DATABASE, "SQLITE_CANTOPEN"),
    "attempt to write a readonly database": row(8, K.READ_ONLY_SQL_TRANSACTION, "SQLITE_READONLY"),
    "database disk image is malformed": row(11, K.DATA_CORRUPTED, "SQLITE_CORRUPT"),
    "file is not a database": row(26, K.DATA_CORRUPTED, "SQLITE_NOTADB"),
    "file is encrypted or is not a database": row(26, K.DATA_CORRUPTED, "SQLITE_NOTADB"),
    "unsupported file format": row(24, K.DATA_CORRUPTED, "SQLITE_FORMAT"),
    "out of memory": row(7, K.OUT_OF_MEMORY, "SQLITE_NOMEM"),
    "large file support is disabled": row(22, K.FEATURE_NOT_SUPPORTED, "SQLITE_NOLFS"),
    "not authorized": row(23, K.INSUFFICIENT_PRIVILEGE, "SQLITE_AUTH"),
    "authorization denied": row(23, K.INSUFFICIENT_PRIVILEGE, "SQLITE_AUTH"),
    "access permission denied": row(3, K.CANNOT_OPEN_DATABASE, "SQLITE_PERM"),
    "column index out of range": row(25, K.WRONG_PARAMETERS, "SQLITE_RANGE"),
    "bad parameter or other API misuse": row(21, K.DRIVER_MISUSE, "SQLITE_MISUSE"),
    "library routine called out of sequence": row(21, K.DRIVER_MISUSE, "SQLITE_MISUSE"),
    "incomplete input": _row(K.SYNTAX_ERROR),
    "row value misused": _row(K.SYNTAX_ERROR),
    "user-defined function raised exception": _row(K.EXTERNAL_ROUTINE_EXCEPTION),
    "user-defined aggregate's 'step' method raised error": _row(K.EXTERNAL_ROUTINE_EXCEPTION),
    "user-defined aggregate's 'finalize' method raised error": _row(K.EXTERNAL_ROUTINE_EXCEPTION),
    "too many SQL variables": _row(K.TOO_MANY_ARGUMENTS),
    "parser stack overflow": _row(K.STATEMENT_TOO_COMPLEX),
    "too many terms in compound SELECT": _row(K.STATEMENT_TOO_COMPLEX),
    "too many levels of trigger recursion": _row(K.STATEMENT_TOO_COMPLEX),
    "cannot start a transaction within a transaction": _row(K.ACTIVE_SQL_TRANSACTION),
    "cannot VACUUM from within a transaction": _row(K.ACTIVE_SQL_TRANSACTION),
    "cannot commit - no transaction is active": _row(K.NO_ACTIVE_SQL_TRANSACTION),
    "cannot rollback - no transaction is active": _row(K.NO_ACTIVE_SQL_TRANSACTION),
    "Cannot add a NOT NULL column with default value NULL": _row(K.INVALID_COLUMN_DEFINITION),
    "Cannot add a UNIQUE column": _row(K.INVALID_COLUMN_DEFINITION),
    "Cannot add a PRIMARY KEY column": _row(K.INVALID_COLUMN_DEFINITION),
    "all VALUES must have the same number of terms": _row(K.SYNTAX_ERROR),
    "Cannot operate on a closed database.": row(21, K.DRIVER_MISUSE, "ProgrammingError"),
    "Cannot operate on a closed cursor.": row(21, K.DRIVER_MISUSE, "ProgrammingError"),
    "Python int too large to convert to SQLite INTEGER": row(1, K.NUMERIC_VALUE_OUT_OF_RANGE, "OverflowError"),
}

PATTERNS: tuple[tuple[str, Row], ...] = (
    # anchored at both ends where a name stands between; the first that fits wins
    (r'near ".*": syntax error', _row(K.SYNTAX_ERROR)),
    (r"(table|view|index|trigger|there is already an? \w+ named) .* already exists|there is already .* named .*",
     _row(K.DUPLICATE_TABLE)),
    (r"columns? .* (is|are) not unique", row(2067, K.UNIQUE_VIOLATION, "SQLITE_CONSTRAINT_UNIQUE")),
    (r".* may not be NULL", row(1299, K.NOT_NULL_VIOLATION, "SQLITE_CONSTRAINT_NOTNULL")),
    (r"cannot store \w+ value in \w+ column .*", row(3091, K.DATATYPE_MISMATCH, "SQLITE_CONSTRAINT_DATATYPE", **_RULE)),
    (r"foreign key mismatch - .*|foreign key on .*", _row(K.INVALID_FOREIGN_KEY)),
    (r"table .* has no column named .*", _row(K.UNDEFINED_COLUMN)),
    (r"table .* has \d+ columns? but \d+ values were supplied|\d+ values for \d+ columns", _row(K.SYNTAX_ERROR)),
    (r"sub-select returns \d+ columns.*|SELECTs to the left and right of .*", _row(K.SYNTAX_ERROR)),
    (r"wrong number of arguments to function .*", _row(K.UNDEFINED_FUNCTION)),
    (r"misuse of aggregate.*|aggregate functions are not allowed .*", _row(K.GROUPING_ERROR)),
    (r"misuse of window function .*", _row(K.WINDOWING_ERROR)),
    (r"bad JSON path: .*|JSON path error near .*", row(1, K.INVALID_SQL_JSON_SUBSCRIPT, "SQLITE_ERROR")),
    (r"JSON cannot hold BLOB values|json_\w+\(\) .*", _row(K.INVALID_JSON_TEXT)),
    (r"fts5: .*|unterminated string|malformed MATCH .*", row(1, K.DATA_EXCEPTION, "SQLITE_ERROR")),
    (r"database .* is locked", row(6, K.LOCK_NOT_AVAILABLE, "SQLITE_LOCKED")),
    (r"database .* is already in use|unknown database .*", _row(K.UNDEFINED_OBJECT)),
    (r"unable to open database: .*", row(14, K.CANNOT_OPEN_DATABASE, "SQLITE_CANTOPEN")),
    (r"malformed database schema .*", row(11, K.DATA_CORRUPTED, "SQLITE_CORRUPT")),
    (r"cannot (INSERT into|UPDATE) generated column .*", _row(K.GENERATED_ALWAYS)),
    (r"cannot modify .* because it is a view|(table|view) .* may not be (modified|dropped|altered|indexed)|"
     r"use DROP \w+ to delete \w+ .*|object name reserved for internal use: .*", _row(K.WRONG_OBJECT_TYPE)),
    (r"access to .* is prohibited|not authorized to use function: .*|unsafe use of .*",
     row(23, K.INSUFFICIENT_PRIVILEGE, "SQLITE_AUTH")),
    (r"Expression tree is too large .*|too many (columns|terms|FROM|arguments|attached) .*|at most \d+ tables in a join",
     _row(K.STATEMENT_TOO_COMPLEX)),
    (r"circular reference: .*|multiple references to recursive table: .*", _row(K.INVALID_RECURSION)),
    (r"(RIGHT and FULL|a JOIN clause|a NATURAL join|cannot join using|ON clause|HAVING clause|a GROUP BY clause|"
     r"ORDER BY clause|LIMIT clause|\d+\w\w (ORDER|GROUP) BY term|no tables specified|near |hex literal) ?.*",
     _row(K.SYNTAX_ERROR)),
    (r"Incorrect number of bindings supplied\..*|You did not supply a value for binding .*|"
     r"Binding \d+ has no name.*|Error binding parameter .*|Binding .*|query contains a null character|"
     r"the query contains a null character|embedded null character",
     row(25, K.WRONG_PARAMETERS, "ProgrammingError")),
    (r"SQLite objects created in a thread .*|Recursive use of cursors not allowed\.|"
     r"Base (Connection|Cursor)\.__init__ not called\.|You can only execute one statement at a time\.|"
     r"execute\(\) argument .*|executemany\(\) can only .*|cannot .* transaction .*|"
     r"safety level may not be changed inside a transaction", row(21, K.DRIVER_MISUSE, "ProgrammingError")),
)  # fmt: skip
