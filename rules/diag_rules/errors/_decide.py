"""Codes of PostgreSQL that mean two things, decided with what else is known; the evidence says how."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from . import _settings
from ._classification import Category, Retry
from ._kinds import Kind
from ._meanings import MEANINGS
from ._reading import Reading
from ._row import Row

Found: TypeAlias = "tuple[Row, str]"
Decider: TypeAlias = "Callable[[Reading, Found], Found]"


def turned(found: Found, why: str, category: Category | None = None, kind: Kind | None = None) -> Found:
    """Return *found* as another kind or of another category, and *why* in its evidence."""
    row, evidence = found
    if kind is not None and kind is not row.kind:
        meaning = MEANINGS[kind]
        row = row._replace(kind=kind, weak=False, **meaning._asdict())
    if category is not None:
        row = row._replace(category=category)
    return row, f"{evidence}; {why}"


def read_only(reading: Reading, found: Found) -> Found:  # noqa: ARG001 - one signature for all deciders
    """25006, 1290 ...: a standby after a failover, unless the operator says that transactions are read-only here."""
    if _settings.current.read_only == "transaction":
        return turned(found, "a read-only transaction, by configure(read_only=...)", Category.DEFECT)
    return turned(
        found, "taken for a failover: configure(read_only='transaction') if it is none", Category.OUTAGE
    )


def _cancelled(reading: Reading, found: Found) -> Found:
    """57014: a statement time-out, or a cancel; only the text differs, in the server's language."""
    from ._postgresql_text import why_cancelled

    why = why_cancelled(reading.message)
    row, evidence = found
    if why is None:
        return row, f"{evidence}; a time-out or a cancel, the text does not say which"
    retry = Retry.NO if why == "cancelled on request" else row.retry
    return row._replace(retry=retry), f"{evidence}; {why}"


def _protocol(reading: Reading, found: Found) -> Found:
    """08P01: poolers before pgbouncer 1.19 send it for everything; a server sends it for wrong parameters.

    A server names the function of its source that raised the error, a pooler has none.
    """
    if reading.fatal is not True and (
        reading.routine is not None
        or reading.message.startswith(("bind message", "invalid message", "unnamed "))
    ):
        return turned(found, "of the server itself, and the connection lives", Category.DEFECT)
    return turned(found, "of a pooler, or the connection is lost", Category.OUTAGE)


def _privilege(reading: Reading, found: Found) -> Found:
    """42501: a missing GRANT, or a row that a row-level security policy refuses."""
    if reading.routine == "ExecWithCheckOptions" or reading.message.startswith(
        "new row violates row-level security"
    ):
        return turned(found, "a row-level security policy refuses the row", Category.BUSINESS_RULE)
    return found


_TOO_LONG = frozenset(
    {"_bt_check_third_page", "gistformtuple", "SpGistGetInnerTypeSize", "tsvectorin", "array_in"}
)


def _limit(reading: Reading, found: Found) -> Found:
    """54000: a value too long for an index, transaction ids used up, or a statement beyond a limit."""
    routine = reading.routine or ""
    if routine.startswith(("GetNewTransactionId", "GetNewMultiXactId")):
        return turned(found, "no transaction ids are left", Category.OUTAGE)
    if routine in _TOO_LONG or reading.message.startswith("index row "):
        return turned(found, "a value is too long for its index", Category.BUSINESS_RULE)
    return found


def raised(reading: Reading, found: Found | None) -> Found | None:
    """Judge a RAISE of PL/pgSQL by the server's function that raised it, which no user can name.

    A private SQLSTATE is a rule of the application's own, and a RAISE that borrows the code of an outage is none.
    """
    if reading.routine != "exec_stmt_raise":
        return found
    if found is None:
        meaning = MEANINGS[Kind.RAISE_EXCEPTION]
        row = Row(reading.sqlstate or "", "raise_exception", Kind.RAISE_EXCEPTION, *meaning)
        return row, f"code {reading.sqlstate}, private; raised by RAISE"
    if found[0].category is Category.OUTAGE:
        return turned(found, "raised by RAISE, so it is no outage", kind=Kind.RAISE_EXCEPTION)
    return found


def _named_by_a_statement(reading: Reading, found: Found) -> Found:
    """3D000, 28000: FATAL while connecting; an ERROR is about what a statement names."""
    if reading.fatal is False:
        return turned(found, "of a statement, and the connection lives", Category.DEFECT)
    return found


DECIDERS: dict[str | int, Decider] = {
    "3D000": _named_by_a_statement,
    "28000": _named_by_a_statement,
    "25006": read_only,
    "57014": _cancelled,
    "08P01": _protocol,
    "42501": _privilege,
    "54000": _limit,
}
"""PostgreSQL's, by SQLSTATE."""
