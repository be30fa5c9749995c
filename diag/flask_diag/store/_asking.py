"""Ask the store, and wait for the answer for a limited time only: a server that hangs has no limit of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from diag_rules.errors import classify
from flask_diag._aside import aside

from ._database import READ_SECONDS, Database
from ._errors import StoreUnavailable

T = TypeVar("T")
MAX_AT_ONCE = 8  # questions of one process to one store
_SLACK = 1.0  # seconds: the database's own limit passes first, which costs no thread


class Asking:
    """Answers questions about a store."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._slots = threading.BoundedSemaphore(MAX_AT_ONCE)

    def ask(self, question: Callable[[Connection], T]) -> T:
        """Return what *question* answers.

        Raises:
            StoreUnavailable: the store does not answer, or not in time.
            StoreSchemaError: its schema is not ours.
        """
        return self.within(lambda: self._here(question))

    def within(self, call: Callable[[], T]) -> T:
        """Return what *call*, which asks the store, returns; raises StoreUnavailable where that takes too long."""
        if self._database.dialect == "sqlite":  # it has a time limit for locks, and nothing else to wait for
            return call()
        if not self._slots.acquire(timeout=READ_SECONDS):
            raise StoreUnavailable(
                f"The store has {MAX_AT_ONCE} questions of this process open: ask again later."
            )
        try:
            found = aside(call, self._slots.release)
        except RuntimeError:
            self._slots.release()
            return call()
        if not found.within(READ_SECONDS + _SLACK):
            raise StoreUnavailable(f"The store did not answer within {READ_SECONDS + _SLACK:.0f} seconds.")
        return found.answer()

    def _here(self, question: Callable[[Connection], T]) -> T:
        try:
            with self._database.read() as connection:
                return question(connection)
        except (SQLAlchemyError, OSError) as error:
            meaning = classify(error)
            raise StoreUnavailable(
                f"The store can't be asked: {meaning.category}, {meaning.kind}. {meaning.advice}"
            ) from error
