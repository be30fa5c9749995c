"""Codes that mean two things, decided with what else is known; the evidence says how."""

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


def turned(found: Found, why: str, category: Category, kind: Kind | None = None) -> Found:
    """Return *found* with another category, and *why* in its evidence."""
    row, evidence = found
    if kind is not None and kind is not row.kind:
        meaning = MEANINGS[kind]
        row = row._replace(kind=kind, retry=meaning.retry, summary=meaning.summary, advice=meaning.advice)
    return row._replace(category=category), f"{evidence}; {why}"


def _read_only(reading: Reading, found: Found) -> Found:
    """25006, 1290 ...: a standby after a failover, unless the operator says that transactions are read-only here."""
    if _settings.current.read_only == "transaction":
        return turned(found, "read-only transaction, by configure(read_only=...)", Category.DEFECT)
    return turned(found, "taken for a failover: configure(read_only='transaction') if not", Category.OUTAGE)


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
    """08P01: poolers before pgbouncer 1.19 send it for everything; a server sends it for wrong parameters."""
    if reading.routine is not None and not reading.fatal:
        return turned(found, "from the server itself, connection alive", Category.DEFECT)
    if reading.message.startswith(("bind message", "invalid message", "unnamed prepared statement")):
        return turned(found, "a message of the client is wrong", Category.DEFECT)
    return turned(found, "from a pooler, or the connection is lost", Category.OUTAGE)


def _privilege(reading: Reading, found: Found) -> Found:
    """42501: a missing GRANT, or a row that a row-level security policy refuses."""
    if reading.routine == "ExecWithCheckOptions" or reading.message.startswith("new row violates row-level security"):
        return turned(found, "a row-level security policy refused the row", Category.BUSINESS_RULE)
    return found


def _limit(reading: Reading, found: Found) -> Found:
    """54000: a value too long for an index, transaction ids used up, or a statement beyond a limit."""
    routine = reading.routine or ""
    if routine.startswith(("GetNewTransactionId", "GetNewMultiXactId")):
        return turned(found, "no transaction ids left", Category.OUTAGE)
    if routine in {"_bt_check_third_page", "gistformtuple", "SpGistGetInnerTypeSize", "tsvectorin", "to_tsvector_byid"}:
        return turned(found, "a value too long for its index", Category.BUSINESS_RULE)
    return found


def _sqlite_error(reading: Reading, found: Found) -> Found:
    """SQLITE_ERROR: everything in a statement; SQLite's fixed texts say what."""
    from ._sqlite_text import by_text

    row = by_text(reading.message)
    if row is None:
        return found[0]._replace(kind=Kind.SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION), f"{found[1]}; text not known"
    return row, f"{found[1]}; text of SQLite"


def _sqlite_constraint(reading: Reading, found: Found) -> Found:
    """SQLITE_CONSTRAINT without its extended code, from old versions: SQLite's fixed texts say which."""
    from ._sqlite_text import by_text

    row = by_text(reading.message)
    if row is None or row.category is not Category.BUSINESS_RULE:
        return found
    return row, f"{found[1]}; text of SQLite"


DECIDERS: dict[tuple[str, str | int], Decider] = {
    ("postgresql", "25006"): _read_only,
    ("postgresql", "57014"): _cancelled,
    ("postgresql", "08P01"): _protocol,
    ("postgresql", "42501"): _privilege,
    ("postgresql", "54000"): _limit,
    ("sqlite", 1): _sqlite_error,
    ("sqlite", 19): _sqlite_constraint,
    ("sqlite", 8): _read_only,
}
