"""python-oracledb, pyodbc, pymssql, ibm_db_dbi and psycopg_pool."""

from __future__ import annotations

from .._reading import Reading


def read_pool(error: BaseException, driver: str) -> Reading | None:
    """Placeholder."""
    return None


read_oracle = read_odbc = read_pymssql = read_db2 = read_pool
