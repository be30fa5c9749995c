"""The switches of one connection that decide whether foreign keys hold at all."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

QUERIES = {
    "sqlite": "SELECT (SELECT foreign_keys FROM pragma_foreign_keys), (SELECT defer_foreign_keys FROM pragma_defer_foreign_keys)",
    "postgresql": "SELECT CASE current_setting('session_replication_role') WHEN 'replica' THEN 0 ELSE 1 END, 0",
    "mysql": "SELECT @@foreign_key_checks, 0",
}
OFF = "foreign keys are not enforced on this connection: nothing blocks, nothing cascades, and references may dangle"


@dataclass(frozen=True, slots=True)
class Switches:
    """How a connection treats foreign keys.

    Attributes:
        enforced: they hold.
        deferred: all of them wait for COMMIT (SQLite's ``PRAGMA defer_foreign_keys``).
    """

    enforced: bool = True
    deferred: bool = False


def read_switches(connection: sa.Connection) -> Switches:
    """The switches as they are now; one small query, nothing where the database has none."""
    name = "mysql" if connection.dialect.name == "mariadb" else connection.dialect.name
    query = QUERIES.get(name)
    if query is None:
        return Switches()
    enforced, deferred = connection.exec_driver_sql(query).one()
    return Switches(bool(enforced), bool(deferred))
