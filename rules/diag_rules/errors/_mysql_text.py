"""What PyMySQL, mysqlclient, mysql-connector and mariadb say where they give no number."""

from __future__ import annotations

import re
from functools import lru_cache

from ._kinds import Kind
from ._reading import Reading
from ._row import Row, row

_CLASSES = {
    "ReadTimeoutError": Kind.CONNECTION_FAILURE,
    "WriteTimeoutError": Kind.CONNECTION_FAILURE,
    "ConnectionTimeoutError": Kind.CONNECT_TIMEOUT,
    "PoolError": Kind.POOL_TIMEOUT,
}

_TEXTS: tuple[tuple[str, Kind], ...] = (
    ((r"Already closed|Not connected|not connected|MySQL Connection not available|MySQL server has gone away|"
     r"Server connection is closed|Connection (isn't|is not) valid|Connection was closed|Invalid connection|"
     r"Connection is not open|Connection is closed|Connection closed|Cursor is not connected"), Kind.CONNECTION_DOES_NOT_EXIST),
    (r"Packet sequence number wrong|Lost connection|Connection lost|Bad handshake|unexpected end of packet",
     Kind.CONNECTION_FAILURE),
    (r"No connection (available|in pool)|Failed getting connection; pool exhausted", Kind.POOL_TIMEOUT),
    (r"Can't connect|Unable to connect|Failed to connect", Kind.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
    ((r"not (all|enough) (arguments|parameters)|Not (all|enough) parameters|Could not process parameters|"
     r"Python '?\w+'? cannot be converted|Incorrect number of (arguments|parameters)|Data ?type '.*' in column|"
     r"Parameter (number|count)|The number of parameters|dict can not be used|can't adapt"), Kind.WRONG_PARAMETERS),
    ((r"[Cc]ursor (is )?closed|Cursor doesn't have a result set|No result set|No result available|"
     r"Unread result found|Commands out of sync|execute\(\) first|Cursor isn't connected|No data"), Kind.DRIVER_MISUSE),
)  # fmt: skip


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[re.Pattern[str], Kind]]:
    return [(re.compile(pattern), kind) for pattern, kind in _TEXTS]


def judge(reading: Reading) -> tuple[Row, str] | None:
    """Return the row and the evidence of a *reading* without a number, or None."""
    named = _CLASSES.get(reading.name)
    if named is not None:
        return row("", named, weak=named is Kind.CONNECTION_FAILURE), f"class {reading.name}"
    for pattern, kind in _patterns():
        if pattern.match(reading.message):
            return row(
                "", kind, weak=kind is Kind.CONNECTION_DOES_NOT_EXIST
            ), f"text of {reading.driver}: no number"
    if reading.name == "InterfaceError" and not reading.message:
        # PyMySQL and mysqlclient raise InterfaceError(0, "") on a connection that is closed
        return row(
            "", Kind.CONNECTION_DOES_NOT_EXIST, weak=True
        ), "class InterfaceError without number or text"
    return None
