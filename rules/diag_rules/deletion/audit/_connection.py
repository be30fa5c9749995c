"""The schema of a live connection, as an audit wants it: what the connection has switched off is off."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from diag_rules.deletion._catalog import read_catalog
from diag_rules.deletion._schema import Schema, Table
from diag_rules.deletion._switches import read_switches


def read_schema(connection: sa.Connection) -> Schema:
    """Return the catalogs behind *connection*, with no foreign key enforced where the connection enforces none."""
    schema = read_catalog(connection)
    if read_switches(connection).enforced:
        return schema
    return replace(schema, tables={key: _switched_off(table) for key, table in schema.tables.items()})


def _switched_off(table: Table) -> Table:
    return replace(table, foreign_keys=tuple(replace(fk, enforced=False) for fk in table.foreign_keys))
