"""What requests do to the database in a drill, beside reading and writing: what fails by itself."""

from __future__ import annotations

import itertools
import random
from typing import Any

from sqlalchemy import Engine, text

_turn = itertools.count()
_chance = random.Random(8)
CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def impatient_write(engine: Engine) -> object:
    """Change a row that somebody else holds, and wait a moment for it."""
    mysql = engine.dialect.name == "mysql"
    with engine.begin() as connection:
        if not mysql:
            connection.execute(text("SET LOCAL lock_timeout = '30ms'"))
        row = "SELECT n FROM things WHERE id = 1 FOR UPDATE"
        return connection.execute(text(f"{row} NOWAIT" if mysql else row)).scalar()


def long_read(engine: Engine) -> object:
    """Ask for more than a statement's time allows."""
    with engine.begin() as connection:
        if engine.dialect.name == "mysql":
            slow = "SELECT count(*) FROM seq_1_to_10000000 WHERE MD5(seq) = 'x'"
            return connection.execute(text(f"SET STATEMENT max_statement_time = 0.03 FOR {slow}")).scalar()
        connection.execute(text("SET LOCAL statement_timeout = '30ms'"))
        return connection.execute(text("SELECT pg_sleep(10)")).scalar()


def crossing_writes(engine: Engine) -> object:
    """Change two rows, in one order or the other."""
    first, second = ((1, 2), (2, 1))[next(_turn) % 2]
    with engine.begin() as connection:
        for number in (first, second):
            connection.execute(text("UPDATE things SET n = n + 1 WHERE id = :id"), {"id": number})
    return "done"


def write_skew(engine: Engine) -> object:
    """Two transactions that each rely on what the other changes: the second COMMIT is refused."""
    serializable = engine.execution_options(isolation_level="SERIALIZABLE")
    with serializable.connect() as one, serializable.connect() as other:
        for connection in (one, other):
            connection.execute(text("SELECT sum(n) FROM things")).scalar()
        one.execute(text("UPDATE things SET n = n + 1 WHERE id = 3"))
        other.execute(text("UPDATE things SET n = n + 1 WHERE id = 4"))
        one.commit()
        other.commit()
    return "done"


def broken_promise(engine: Engine) -> object:
    """Break a rule that is only looked at in COMMIT."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TEMPORARY TABLE promises (id INTEGER PRIMARY KEY, other INTEGER "
                "REFERENCES promises (id) DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP"
            )
        )
        connection.execute(text("INSERT INTO promises VALUES (1, 2)"))
    return "done"


def lost_before_commit(engine: Engine) -> object:
    """Lose the connection between the last statement and COMMIT."""
    mysql = engine.dialect.name == "mysql"
    with engine.connect() as connection:
        connection.execute(text("UPDATE things SET n = n + 1 WHERE id = 1"))
        mine = connection.execute(
            text("SELECT CONNECTION_ID()" if mysql else "SELECT pg_backend_pid()")
        ).scalar()
        _end(engine, f"KILL {mine}" if mysql else f"SELECT pg_terminate_backend({mine}, 5000)")
        connection.commit()
    return "done"


def _end(engine: Engine, statement: str) -> None:
    """End a session of one's own, which an account may, by way of a second connection."""
    with engine.connect() as connection:
        connection.execute(text(statement))
        connection.rollback()


def garbage(engine: Engine) -> object:
    """Raise a code that nobody has heard of, another each time."""
    state = "Z" + "".join(_chance.choices(CHARACTERS, k=4))
    number = _chance.randrange(20_000, 60_000)
    statement: Any = (
        f"BEGIN NOT ATOMIC SIGNAL SQLSTATE '{state}' SET MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'deadlock detected'; END"
        if engine.dialect.name == "mysql"
        else f"DO $$ BEGIN RAISE 'server closed the connection unexpectedly' USING ERRCODE = '{state}'; END $$"
    )
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    return "done"
