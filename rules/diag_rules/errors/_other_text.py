"""What python-oracledb, pyodbc, pymssql and ibm_db_dbi say where they give no code."""

from __future__ import annotations

import re
from functools import lru_cache

from ._kinds import Kind
from ._reading import Reading
from ._row import Row, row

_TEXTS: tuple[tuple[str, Kind], ...] = (
    ((r"([Nn]ot connected|Connection is closed|connection is closed|Attempt to use a closed connection|"
     r"Cannot operate on a closed connection|Server connection dropped)"), Kind.CONNECTION_DOES_NOT_EXIST),
    ((r"(Connection to the database failed|Unable to connect|Adaptive Server (is unavailable|connection failed)|"
     r"Can't open lib|Login timeout expired)"), Kind.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
    ((r"(The SQL contains \d+ parameter markers, but|not enough arguments|Invalid parameter type|"
     r"The cursor's connection has been closed|Attempt to use a closed cursor|Cursor is closed|No results|"
     r"Statement not executed|Previous SQL was not a query)"), Kind.DRIVER_MISUSE),
)  # fmt: skip


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[re.Pattern[str], Kind]]:
    return [(re.compile(pattern), kind) for pattern, kind in _TEXTS]


def judge(reading: Reading) -> tuple[Row, str] | None:
    """Return the row and the evidence of a *reading* without a code, or None."""
    for pattern, kind in _patterns():
        if pattern.match(reading.message):
            return row("", kind, weak=True), f"text of {reading.driver}: no code"
    return None
