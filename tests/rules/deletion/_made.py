"""Small databases of one test: made, judged, and really deleted from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from conftest import Database
from diag_rules.deletion import DeletionRules, Verdict

Rows = tuple[str, dict[str, Any]]  # a table, and the values of one row


@contextmanager
def made(database: Database, metadata: sa.MetaData, *rows: Rows) -> Iterator[sa.Engine]:
    """The tables of *metadata* with those rows."""
    engine = database.engine()
    metadata.create_all(engine)
    with engine.begin() as connection:
        for table, values in rows:
            connection.execute(sa.insert(metadata.tables[table]).values(values))
    yield engine


def passes(engine: sa.Engine, delete: Callable[[Session], object]) -> bool:
    """Whether a deletion, taken back afterwards, really passes."""
    with Session(engine) as session:
        try:
            delete(session)
            session.flush()
        except sa.exc.SQLAlchemyError:
            return False
        finally:
            session.rollback()
        return True


def deletes(engine: sa.Engine, subject: Any, key: Any) -> bool:
    """Whether ``session.delete()`` of that object, taken back afterwards, really passes."""
    return passes(engine, lambda session: session.delete(session.get_one(subject, key)))


def checked(engine: sa.Engine, subject: Any, key: Any, how: str) -> Verdict:
    """The verdict."""
    with engine.connect() as connection:
        return DeletionRules(subject).check(connection, key, how)
