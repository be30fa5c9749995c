"""The short way for a connection that cannot be opened: through an outage, each request meets the same error again.

What such an error means follows from the classes and the arguments of its chain, from SQLAlchemy's flag, and from where it was met.
The texts name hosts and accounts, so that a mark holds their hashes only.
"""

from __future__ import annotations

from typing import Any

from . import _settings
from ._drivers import reader_of
from ._links import Link, links
from ._phase import phase_of
from ._short import Mark

_BY_ARGUMENTS = frozenset({"psycopg", "psycopg2", "pymysql", "aiomysql", "asyncmy", "MySQLdb"})
"""Drivers whose exceptions say nothing beyond their arguments, where they have no SQLSTATE."""


def mark_of(error: Any) -> Mark | None:
    """Return the mark of SQLAlchemy's wrapper *error* of a driver's exception, or None where only the long way can tell."""
    try:
        chain = links(error)
        if not all(map(_is_plain, chain[1:])):
            return None
        said = tuple(
            (type(each), parent, hash(each.args), getattr(each, "errno", None)) for each, parent in chain
        )
        return _settings.generation, error.connection_invalidated, phase_of(error, error), *said
    except Exception:  # noqa: BLE001 - a field is missing, or an argument has no hash: the long way survives that
        return None


def _is_plain(link: Link) -> bool:
    """Tell whether what stands behind the wrapper says nothing that its class and its arguments do not."""
    error: Any = link.error
    known = reader_of(type(error))
    if known is None:
        return isinstance(error, OSError) and type(error).__module__ in {"builtins", "socket"}
    return known[0] in _BY_ARGUMENTS and _sqlstate(error) is None


def _sqlstate(error: Any) -> Any:
    own = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    return own or getattr(getattr(error, "diag", None), "sqlstate", None)
