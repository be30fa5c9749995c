"""The short way: an error of the same schema means the same as the last time, however its values differ.

An answer holds names of the schema and no values. A mark is the little of a driver's exception that decides the
answer: class, code, the constraint's name and the text up to the first value. It costs a third of reading all
fields, since each field of libpq costs a call. Where a mark cannot be told, the long way is gone as ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from . import _settings
from ._classification import Classification

Mark: TypeAlias = "tuple[object, ...]"

_BY_KEY = frozenset({"23503", "23001", "23505", "23P01"})
_REFERENCES = frozenset({"23503", "23001"})

_MOST = 1_000
_answers: dict[Mark, Classification] = {}


def look_up(driver: str, error: Any) -> tuple[Mark | None, Classification | None]:
    """Return the mark of *driver*'s exception, and the answer that is kept under it.

    The mark is None where only the long way can tell, the answer where there is none yet.
    """
    of = _MARKS.get(driver)
    if of is None:
        return None, None
    try:
        mark = of(error)
        return mark, _answers.get(mark) if mark is not None else None
    except Exception:  # noqa: BLE001 - a field is missing, or of a type without a hash: the long way survives that
        return None, None


def kept(mark: Mark) -> Classification | None:
    """Return the answer that is kept under *mark*, or None."""
    return _answers.get(mark)


def keep(new: Mark, answer: Classification) -> None:
    """Keep *answer*; settings and registered rows are part of the mark, so that answers from before are not found."""
    if len(_answers) >= _MOST:
        _answers.clear()
    _answers[new] = answer


def forget() -> None:
    """Drop what is kept."""
    _answers.clear()


def _of_psycopg(error: Any) -> Mark | None:
    return _of_libpq(error, error.sqlstate)


def _of_psycopg2(error: Any) -> Mark | None:
    return _of_libpq(error, error.pgcode)


def _of_libpq(error: Any, code: str) -> Mark | None:
    start = code[:2]
    if start == "23":
        return _of_constraint(error, code, error.args[0], error.diag)
    if start == "42" and code != "42501":
        return _settings.generation, type(error), code
    return None


def _of_constraint(error: Any, code: str, message: str, diag: Any) -> Mark:
    """Mark by the text up to the first value, that of ``Key (columns)=(values)``, and by what it leaves open.

    The first line names the column of a not-null and the tables of a foreign key, in every language; only what follows
    the last value names the table that lacks the key. A unique constraint's table is in no text.
    """
    end = message.find(")=(") if code in _BY_KEY else -1
    head = message[:end] if end >= 0 else message.partition("\n")[0]
    if code in _REFERENCES:
        open_ = message[message.rfind(")") :], diag.constraint_name
    elif code == "23502":
        open_ = diag.table_name, None
    else:
        open_ = diag.constraint_name, diag.table_name
    return _settings.generation, type(error), code, head, open_, diag.schema_name


_BY_NUMBER_ALONE = frozenset({1054, 1064, 1146, 1205, 1213})
"""Numbers of MySQL and MariaDB whose texts say nothing that an answer holds or depends on."""


def _of_number(error: Any) -> Mark | None:
    number = error.args[0]
    if number in _BY_NUMBER_ALONE and type(number) is int:
        return _settings.generation, type(error), number
    return None


_WITHOUT_VALUES = frozenset({275, 787, 1299, 1555, 2067})
"""SQLite's constraints, whose texts are SQLite's own and name columns only; a RAISE has 1811."""


def _of_sqlite(error: Any) -> Mark | None:
    code = error.sqlite_errorcode
    if code in _WITHOUT_VALUES:
        return _settings.generation, type(error), code, error.args[0]
    return None


_MARKS: dict[str, Callable[[Any], Mark | None]] = {
    "sqlite3": _of_sqlite,
    "aiosqlite": _of_sqlite,
    "psycopg": _of_psycopg,
    "psycopg2": _of_psycopg2,
    "pymysql": _of_number,
    "aiomysql": _of_number,
    "asyncmy": _of_number,
    "MySQLdb": _of_number,
}
