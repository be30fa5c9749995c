"""Which driver an exception comes from, by the module of its class; nothing is imported to find out."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TypeAlias

from ._reading import Reading

Reader: TypeAlias = Callable[[BaseException, str], "Reading | None"]

_READERS: dict[str, tuple[str, str, str]] = {
    # module of the classes: the driver, and the module and function here that read it
    "psycopg": ("psycopg", "postgresql", "read_libpq"),
    "psycopg_pool": ("psycopg", "others", "read_pool"),
    "psycopg2": ("psycopg2", "postgresql", "read_libpq"),
    "psycopg2cffi": ("psycopg2", "postgresql", "read_libpq"),
    "asyncpg": ("asyncpg", "postgresql", "read_asyncpg"),
    "sqlalchemy.dialects.postgresql.asyncpg": ("asyncpg", "postgresql", "read_asyncpg"),
    "pg8000": ("pg8000", "postgresql", "read_pg8000"),
    "sqlite3": ("sqlite3", "sqlite", "read_sqlite"),
    "_sqlite3": ("sqlite3", "sqlite", "read_sqlite"),
    "aiosqlite": ("aiosqlite", "sqlite", "read_sqlite"),
    "pysqlite2": ("sqlite3", "sqlite", "read_sqlite"),
    "pysqlite3": ("sqlite3", "sqlite", "read_sqlite"),
    "sqlcipher3": ("sqlite3", "sqlite", "read_sqlite"),
    "apsw": ("apsw", "sqlite", "read_sqlite"),
    "sqlalchemy.dialects.sqlite.aiosqlite": ("aiosqlite", "sqlite", "read_sqlite"),
    "pymysql": ("pymysql", "mysql", "read_number_first"),
    "aiomysql": ("aiomysql", "mysql", "read_number_first"),
    "asyncmy": ("asyncmy", "mysql", "read_number_first"),
    "sqlalchemy.dialects.mysql.aiomysql": ("aiomysql", "mysql", "read_number_first"),
    "sqlalchemy.dialects.mysql.asyncmy": ("asyncmy", "mysql", "read_number_first"),
    "MySQLdb": ("MySQLdb", "mysql", "read_number_first"),
    "_mysql_exceptions": ("MySQLdb", "mysql", "read_number_first"),
    "cymysql": ("cymysql", "mysql", "read_number_first"),
    "mysql.connector": ("mysql.connector", "mysql", "read_attributes"),
    "_mysql_connector": ("mysql.connector", "mysql", "read_attributes"),
    "mariadb": ("mariadb", "mysql", "read_attributes"),
    "oracledb": ("oracledb", "oracle", "read_oracle"),
    "cx_Oracle": ("cx_Oracle", "oracle", "read_oracle"),
    "sqlalchemy.dialects.oracle.oracledb": ("oracledb", "oracle", "read_oracle"),
    "pyodbc": ("pyodbc", "mssql", "read_odbc"),
    "aioodbc": ("aioodbc", "mssql", "read_odbc"),
    "sqlalchemy.dialects.mssql.aioodbc": ("aioodbc", "mssql", "read_odbc"),
    "pymssql": ("pymssql", "mssql", "read_pymssql"),
    "_mssql": ("pymssql", "mssql", "read_pymssql"),
    "ibm_db_dbi": ("ibm_db_dbi", "others", "read_db2"),
}

_KNOWN: dict[type, tuple[str, Reader] | None] = {}
_MOST = 2_000  # classes remembered; a program that makes classes without end starts over


def reader_named(module: str) -> tuple[str, Reader] | None:
    """Return the reader of the longest known prefix of *module*."""
    while module:
        found = _READERS.get(module)
        if found is not None:
            driver, home, function = found
            return driver, getattr(import_module(f".drivers.{home}", __package__), function)
        module = module.rpartition(".")[0]
    return None


def _search(kind: type) -> tuple[str, Reader] | None:
    for base in kind.__mro__:
        module = base.__module__
        found = reader_named(str(module))
        if found is not None:
            return found
    return None


def reader_of(kind: type) -> tuple[str, Reader] | None:
    """Return the driver's name and the reader for exceptions of class *kind*; None for no driver's class."""
    try:
        return _KNOWN[kind]
    except KeyError:
        if len(_KNOWN) > _MOST:
            _KNOWN.clear()
        found = _KNOWN[kind] = _search(kind)
        return found
