"""From a reading to its row: the code's own row, else the row of its class."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any, TypeAlias

from . import _registry, _settings
from ._decide import DECIDERS, Decider, raised
from ._kinds import Kind
from ._reading import Reading
from ._row import Row, Table, row

Found: TypeAlias = "tuple[Row, str]"


@lru_cache(maxsize=None)
def _module(name: str) -> Any:
    # tables are loaded when the first error of their database is met
    return import_module(f".tables.{name}", __package__)


@lru_cache(maxsize=None)
def codes(name: str) -> Table:
    """Return the table *name*; raises ImportError where there is none."""
    table: Table = _module(name).CODES
    return table


def by_class(sqlstate: str) -> Row | None:
    """Return the row of a SQLSTATE's class, the same for every database that has SQLSTATEs."""
    found: Row | None = _module("postgresql").CLASSES.get(sqlstate[:2])
    return found


def _postgresql(reading: Reading) -> Found | None:
    sqlstate = reading.sqlstate
    if sqlstate is None:
        return None
    found = codes("postgresql").get(sqlstate)
    if found is not None:
        return found, f"code {sqlstate}"
    found = codes("cockroachdb").get(sqlstate) or by_class(sqlstate)
    return (found, f"code {sqlstate}, by its class {sqlstate[:2]}") if found else None


def _sqlite(reading: Reading) -> Found | None:
    code = reading.code
    if not isinstance(code, int):
        return None
    found = codes("sqlite").get(code)
    if found is not None:
        return found, f"code {found.symbol}"
    found = codes("sqlite").get(code & 0xFF)
    return (found, f"code {code}, by its primary code {found.symbol}") if found else None


def _number(reading: Reading) -> Found | None:
    """Oracle, SQL Server and Db2: their own number, else the class of the SQLSTATE."""
    code = reading.code
    found = codes(reading.family).get(code) if code is not None else None
    if found is None and isinstance(code, int):
        found = _of_the_application(reading.family, code)
    if found is None and isinstance(code, str):
        found = getattr(_module(reading.family), "CLASSES", {}).get(code[:5])
    if found is not None:
        return found, f"code {code}"
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
        return found, f"code {reading.sqlstate}"
    found = by_class(reading.sqlstate)
    return (found, f"code {reading.sqlstate}, by its class {reading.sqlstate[:2]}") if found else None


def _mysql(reading: Reading) -> Found | None:
    code = reading.code
    if isinstance(code, int):
        if 2000 <= code < 3000 or (5000 <= code < 6000 and reading.driver in {"mariadb", "MySQLdb"}):
            found = codes("mysql_client").get(code)
            if found is not None and not (reading.sqlstate or "").startswith("45"):
                return found, f"code {code} {found.symbol}"
        reading.family = flavour(reading, code)
        found = codes(reading.family).get(code)
        if found is not None:
            return found, f"code {code} {found.symbol}"
    return _signal(reading) or _sqlstate(reading)


_SIGNAL = row("45000", Kind.RAISE_EXCEPTION)


def _signal(reading: Reading) -> Found | None:
    """A number of the application's own: servers send none from 5000 to 5999 (X Plugin's) or from 50000."""
    if reading.sqlstate and reading.sqlstate.startswith("45"):
        return _SIGNAL, f"code {reading.sqlstate}, of a SIGNAL"
    code = reading.code
    if isinstance(code, int) and reading.sqlstate in {None, "HY000"} and (5000 <= code < 6000 or code >= 50_000):
        return _SIGNAL, f"code {code}, which no server sends by itself: a SIGNAL"
    return None


def flavour(reading: Reading, number: int) -> str:
    """Return ``mysql`` or ``mariadb``, whichever server sent *number*.

    The lists agree below 1900; from 1900 to 1999 only MariaDB has numbers, from 3061 to 3999 only MySQL, and from
    4000 on both, with other meanings. There the SQLSTATE and the start of two texts tell, then the operator.
    """
    chosen = _settings.current.mysql_flavour
    if chosen != "auto":
        return chosen
    if 1887 < number < 2000:
        return "mariadb"
    if 4000 <= number < 5000:
        if number not in codes("mariadb") or reading.message.startswith("The client was disconnected by the server"):
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
    "mssql": _number,
    "db2": _number,
    "odbc": _sqlstate,
}


def find(reading: Reading) -> Found | None:
    """Return the row of the reading's code with the evidence, or None where it has no code that is known."""
    mine = _registry.find(reading)
    if mine is not None:
        return mine
    finder = _FINDERS.get(reading.family)
    found = finder(reading) if finder else None
    if reading.routine is not None:
        found = raised(reading, found)
    if found is None:
        return None
    decide = _decider(reading.family, found[0].code)
    return decide(reading, found) if decide else found


def _decider(family: str, code: str | int) -> Decider | None:
    if family in {"postgresql", "sqlite"}:
        return DECIDERS.get((family, code))
    from ._decide_others import OTHERS

    return OTHERS.get((family, code))
