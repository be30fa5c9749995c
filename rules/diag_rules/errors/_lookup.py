"""From a reading to its row: the code's own row, else the row of its class."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, TypeAlias

from . import _registry, _settings
from ._classification import Category
from ._decide import DECIDERS, Decider, raised
from ._kinds import Kind
from ._reading import Reading
from ._row import Code, Row, Table, row

Found: TypeAlias = "tuple[Row, str]"


@cache
def _module(name: str) -> Any:
    # tables are loaded when the first error of their database is met
    return import_module(f".tables.{name}", __package__)


@cache
def codes(name: str) -> dict[Code, Found]:
    """Return the rows of the table *name* with their evidence; raises ImportError where there is no such table."""
    table: Table = _module(name).CODES
    shows_symbol = name in {"sqlite", "mysql", "mariadb", "mysql_client"}
    return {code: (each, _evidence(each, shows_symbol=shows_symbol)) for code, each in table.items()}


def _evidence(found: Row, *, shows_symbol: bool) -> str:
    if shows_symbol:
        return (
            f"code {found.symbol}"
            if found.symbol.startswith("SQLITE")
            else f"code {found.code} {found.symbol}"
        )
    return f"code {found.code}"


def by_class(sqlstate: str) -> Row | None:
    """Return the row of a SQLSTATE's class, the same for every database that has SQLSTATEs."""
    found: Row | None = _module("postgresql").CLASSES.get(sqlstate[:2])
    return found


def _postgresql(reading: Reading) -> Found | None:
    sqlstate = reading.sqlstate
    if sqlstate is None:
        return None
    found = codes("postgresql").get(sqlstate) or codes("cockroachdb").get(sqlstate)
    if found is not None:
        return found
    fallback = by_class(sqlstate)
    return (fallback, f"code {sqlstate}, by its class {sqlstate[:2]}") if fallback else None


def _sqlite(reading: Reading) -> Found | None:
    code = reading.code
    if not isinstance(code, int):
        return None
    found = codes("sqlite").get(code)
    if found is not None:
        return found
    primary = codes("sqlite").get(code & 0xFF)
    return (primary[0], f"code {code}, by its primary {primary[1]}") if primary else None


def _number(reading: Reading) -> Found | None:
    """Oracle, SQL Server and Db2: their own number, else the class of the SQLSTATE."""
    code = reading.code
    found = codes(reading.family).get(code) if code is not None else None
    if found is not None:
        return found
    fallback = None
    if isinstance(code, int):
        fallback = _of_the_application(reading.family, code)
    elif isinstance(code, str):
        fallback = getattr(_module(reading.family), "CLASSES", {}).get(code[:5])
    return (fallback, f"code {code}") if fallback else _sqlstate(reading)


_OF_A_CONNECTION = ("08", "HYT0", "28")


def _mssql(reading: Reading) -> Found | None:
    """SQL Server's number, unless the SQLSTATE is of a connection and the number says something else.

    Who cannot reach the server puts a number of his own behind the text: 104 is ECONNRESET of Linux there, and a syntax
    error of the server's. A SQLSTATE of statements (42000) leaves the number the word: 40613 is an outage by it.
    """
    if reading.sqlstate is None or not reading.sqlstate.startswith(_OF_A_CONNECTION):
        return _number(reading)
    found = codes("mssql").get(reading.code) if reading.code is not None else None
    if found is not None and found[0].category in {Category.OUTAGE, Category.CONTENTION}:
        return found
    return _sqlstate(reading)


def _of_the_application(family: str, code: int) -> Row | None:
    """Return the row of the numbers that a database leaves to RAISERROR, THROW and RAISE_APPLICATION_ERROR."""
    if (family == "mssql" and code >= 50_000) or (family == "oracle" and 20_000 <= code < 21_000):
        raised_row: Row = _module(family).RAISED
        return raised_row
    return None


def _sqlstate(reading: Reading) -> Found | None:
    if reading.sqlstate is None:
        return None
    found = codes("odbc").get(reading.sqlstate)
    if found is not None:
        return found
    found = codes("postgresql").get(reading.sqlstate)
    if found is not None:
        return found
    fallback = by_class(reading.sqlstate)
    return (fallback, f"code {reading.sqlstate}, by its class {reading.sqlstate[:2]}") if fallback else None


def _mysql(reading: Reading) -> Found | None:
    code = reading.code
    if isinstance(code, int):
        if 2000 <= code < 3000 or (5000 <= code < 6000 and reading.driver in {"mariadb", "MySQLdb"}):
            found = codes("mysql_client").get(code)
            if found is not None and not (reading.sqlstate or "").startswith("45"):
                return found
        first = flavour(reading, code)
        for family in (first, "mysql" if first == "mariadb" else "mariadb"):
            found = codes(family).get(code)
            if found is not None:
                reading.family = family
                return found
    return _signal(reading) or _sqlstate(reading)


_SIGNAL = row("45000", Kind.RAISE_EXCEPTION)


def _signal(reading: Reading) -> Found | None:
    """A number of the application's own: servers send none from 5000 to 5999 (X Plugin's) or from 50000."""
    if reading.sqlstate and reading.sqlstate.startswith("45"):
        return _SIGNAL, f"code {reading.sqlstate}, of a SIGNAL"
    code = reading.code
    if (
        isinstance(code, int)
        and reading.sqlstate in {None, "HY000"}
        and (5000 <= code < 6000 or code >= 50_000)
    ):
        return _SIGNAL, f"code {code}, which no server sends by itself: a SIGNAL"
    return None


def flavour(reading: Reading, number: int) -> str:
    """Return ``mysql`` or ``mariadb``, whichever server sent *number*.

    The lists agree below 1900; from 1900 to 1999 only MariaDB has numbers, from 3061 to 3999 only MySQL, and from
    4000 on both, with other meanings. There the SQLSTATE and the start of two texts tell, then the operator.
    """
    if reading.family_is_sure:
        return reading.family
    chosen = _settings.current.mysql_flavour
    if chosen != "auto":
        return chosen
    if 1887 < number < 2000:
        return "mariadb"
    if 4000 <= number < 5000:
        if number not in codes("mariadb") or reading.message.startswith(
            "The client was disconnected by the server"
        ):
            return "mysql"
        return "mariadb"
    return "mariadb" if reading.driver == "mariadb" and number in codes("mariadb") else "mysql"


_FINDERS: dict[str, Callable[[Reading], Found | None]] = {
    "postgresql": _postgresql,
    "cockroachdb": _postgresql,
    "sqlite": _sqlite,
    "mysql": _mysql,
    "mariadb": _mysql,
    "oracle": _number,
    "mssql": _mssql,
    "db2": _number,
    "odbc": _sqlstate,
}


def find(reading: Reading) -> Found | None:
    """Return the row of the reading's code with the evidence, or None where it has no code that is known."""
    if not _registry.quiet:
        mine = _registry.find(reading)
        if mine is not None:
            return mine
    family = reading.family
    finder = _FINDERS.get(family)
    found = finder(reading) if finder else None
    if reading.routine is not None:
        found = raised(reading, found)
    if found is None:
        return None
    decide = _deciders(reading.family).get(found[0].code)
    return decide(reading, found) if decide else found


@cache
def _deciders(family: str) -> dict[str | int, Decider]:
    """Return the deciders of a family by code, loaded when its first error is met."""
    if family == "postgresql":
        return DECIDERS
    if family == "sqlite":
        from ._sqlite_text import DECIDERS as OF_SQLITE

        return OF_SQLITE
    from ._decide_others import OTHERS

    return OTHERS.get(family, {})
