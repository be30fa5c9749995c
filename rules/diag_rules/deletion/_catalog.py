"""Read the schema that a connection really has, by the reader of its database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import sqlalchemy as sa

from ._catalog_mysql import read_mysql
from ._catalog_postgresql import read_postgresql
from ._catalog_sqlite import read_sqlite
from ._metadata import read_metadata
from ._schema import Schema

READERS: dict[str, Callable[[sa.Connection], Schema]] = {
    "postgresql": read_postgresql,
    "sqlite": read_sqlite,
    "mysql": read_mysql,
    "mariadb": read_mysql,
}


def read_catalog(connection: sa.Connection) -> Schema:
    """The schema behind *connection*; a database without a reader of ours is reflected, and the caveats say so."""
    name = connection.dialect.name
    reader = READERS.get(name)
    if reader is not None:
        return reader(connection)
    metadata = sa.MetaData()
    metadata.reflect(connection)
    caveat = (
        f"there are no proved rules for {name}: the schema is reflected, and its order of checks is not known"
    )
    return replace(read_metadata(metadata), dialect=name, caveats=(caveat,))
