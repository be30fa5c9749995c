"""What SQLite's COMMIT would refuse: it has no SET CONSTRAINTS, by which PostgreSQL checks before."""

from __future__ import annotations

from collections import Counter
from typing import Any

import sqlalchemy as sa

from ._schema import Schema
from ._switches import read_switches


def dangling(connection: sa.Connection, schema: Schema) -> Counter[tuple[Any, ...]]:
    """The rows that refer to nothing in tables whose foreign keys wait for COMMIT, as PRAGMA foreign_key_check tells them.

    Nothing on other databases. It reads those tables whole.
    """
    if connection.dialect.name != "sqlite":
        return Counter()
    switches = read_switches(connection)
    quote = connection.dialect.identifier_preparer.quote
    return Counter(
        tuple(row)
        for table in (schema.tables.values() if switches.enforced else ())
        if any(switches.deferred or fk.initially_deferred for fk in table.foreign_keys)
        for row in connection.exec_driver_sql(f"PRAGMA foreign_key_check({quote(table.name)})")
    )
