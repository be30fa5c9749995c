"""What an exception means: the value that `classify` returns, and its vocabularies."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ._kinds import Kind


class Category(StrEnum):
    """The family of an error: who has to act."""

    OUTAGE = "outage"
    CONTENTION = "contention"
    BUSINESS_RULE = "business_rule"
    DEFECT = "defect"
    UNKNOWN = "unknown"


class Retry(StrEnum):
    """What may be repeated."""

    NO = "no"
    STATEMENT = "statement"
    TRANSACTION = "transaction"
    UNKNOWN_OUTCOME = "unknown_outcome"


class Phase(StrEnum):
    """Where the error was met."""

    CONNECT = "connect"
    CHECKOUT = "checkout"
    EXECUTE = "execute"
    COMMIT = "commit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """What an exception means.

    Attributes:
        sqlstate: five characters, or None where the driver gives none.
        vendor_code: the database's own code: MySQL's number, SQLite's extended result code, ``ORA-02292``.
        dialect: SQLAlchemy's name of the database (``postgresql``, ``mysql``, ``mariadb``, ``sqlite``).
        driver: the import name of the driver (``psycopg``), or None.
        constraint: the violated constraint's name, or None where the database names none.
        table: the table that owns the constraint.
        columns: the columns that the database names; empty where it names none.
        referenced_table: the table that a foreign key points to.
        evidence: what the answer rests on. The first word is one of ``code``, ``flag``, ``class``, ``text``
            or ``none``; what follows says which, and how an ambiguous code was decided.
        phase: where the error was met, or None where that is not known.
        summary: what it means in one sentence, from the table's row.
        advice: what to do in one sentence, from the table's row.
    """

    category: Category
    kind: Kind
    sqlstate: str | None = None
    vendor_code: int | str | None = None
    dialect: str | None = None
    driver: str | None = None
    constraint: str | None = None
    table: str | None = None
    columns: tuple[str, ...] = ()
    referenced_table: str | None = None
    retry: Retry = Retry.NO
    evidence: str = "none"
    phase: Phase | None = None
    summary: str = ""
    advice: str = ""

    def violates(self, target: Any, models: Any = None) -> bool:
        """Return whether this error breaks *target*, so that ``except`` blocks need not read messages.

        Args:
            target: ``User.email`` or a column (any constraint that it is part of), several columns (the constraint of
                exactly these), a constraint, a foreign key or a unique index of the models, or the name of one.
            models: for a name, where the database names columns only (SQLite): a declarative base, a MetaData, a
                table, or several of them.

        False where the database does not say which constraint it was (a foreign key of SQLite). Raises TypeError for a
        *target* or *models* that is none of these.
        """
        from ._violates import violates

        return violates(self, target, models)
