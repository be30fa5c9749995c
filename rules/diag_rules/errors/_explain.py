"""What a bare code means: for people who have a code and no exception."""

from __future__ import annotations

import re

from ._answer import answer
from ._classification import Classification
from ._classify import classify
from ._judge import judged
from ._lookup import codes
from ._pending import quoted_error
from ._reading import Reading, sqlstate_of


def explain(dialect: str, code: str | int) -> Classification:
    """Return what *code* means on *dialect*, from the same tables as `classify`.

    ``explain("postgresql", "23503")``, ``explain("mysql", 1451)``, ``explain("sqlite", "SQLITE_BUSY")``,
    ``explain("oracle", "ORA-02292")``, ``explain("db2", "SQL0803N")``. A code that no table knows is ``unknown``.
    """
    text = str(code).strip().upper()
    sqlstate = sqlstate_of(text)
    number = _number(dialect, text)
    if dialect in {"postgresql", "cockroachdb"}:
        return answer(judged(Reading("", "postgresql", text, text)))
    if sqlstate is not None and (number is None or (dialect in {"mysql", "mariadb"} and number > 9_999)):
        return answer(judged(Reading("", dialect, sqlstate)))
    return answer(judged(_reading(dialect, number, text)))


_LINE = (
    # sqlalchemy.exc.IntegrityError: (psycopg.errors.UniqueViolation) duplicate key ...
    r"(?:[\w.]+: )?\((?P<name>[\w.]+)\) (?P<text>.*)",
    # psycopg.errors.UniqueViolation: duplicate key ...
    r"(?P<name>[A-Za-z_][\w.]*)(?:: (?P<text>.*))?",
)


def explain_line(line: str) -> Classification:
    """Return what the last line of a traceback means, as people paste it; ``unknown`` where it says too little.

    ``explain_line('pymysql.err.IntegrityError: (1062, "Duplicate entry ...")')``. A line has less than the exception had:
    `classify` the exception itself wherever there is one.
    """
    for pattern in _LINE:
        found = re.fullmatch(pattern, line.strip(), re.DOTALL)
        if found is None:
            continue
        chosen = quoted_error(found["name"], found["text"] or "")
        if chosen is not None:
            return answer(chosen)
        if found["name"].startswith("sqlalchemy."):
            return _of_sqlalchemy(found["name"], found["text"] or "")
    return classify(Exception(line))


def _of_sqlalchemy(name: str, text: str) -> Classification:
    """Return what an exception of SQLAlchemy's own means by its class and text."""
    module, _, class_name = name.rpartition(".")
    return classify(type(class_name, (Exception,), {"__module__": module})(text))


def _reading(dialect: str, number: int | None, text: str) -> Reading:
    reading = Reading("", dialect, None, text if number is None else number)
    reading.family_is_sure = True
    return reading


def _number(dialect: str, text: str) -> int | None:
    """Return the number that a code is, however people write it; None where it has none."""
    if dialect == "sqlite" and text.startswith("SQLITE_"):
        return next(
            (
                each
                for each, (row, _) in codes("sqlite").items()
                if row.symbol == text and isinstance(each, int)
            ),
            None,
        )
    if re.fullmatch(r"-?\d{1,6}", text):
        return int(text)
    found = re.fullmatch(r"ORA-(\d{1,5})", text)
    if found:
        return int(found[1])
    found = re.fullmatch(r"SQL(\d{4,5})[NCW]", text)
    return -int(found[1]) if found else None
