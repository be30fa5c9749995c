"""PendingRollbackError: a follow-up, whose text quotes the error that caused it."""

from __future__ import annotations

import re
from functools import lru_cache

from ._candidate import Candidate, Weight
from ._drivers import reader_named
from ._judge import judged
from ._kinds import Kind
from ._row import row


@lru_cache(maxsize=1)
def _original() -> re.Pattern[str]:
    # "... Original exception was: (psycopg2.errors.UniqueViolation) duplicate key ...": the first occurrence is SQLAlchemy's
    return re.compile(
        r"Original exception was: (?:\(raised as a result of [^)]*\)\s*)?\((?P<name>[\w.]+)\) (?P<text>.*)",
        re.DOTALL,
    )


def cause_of(error: BaseException) -> Candidate:
    """Return the cause that the text of *error* quotes, as a follow-up: a link that says the same weighs more."""
    message = str(error.args[0] if error.args else "")
    quoted = _original().search(message)
    if quoted:
        found = quoted_error(quoted["name"], quoted["text"])
        if found is not None:
            found.weight = Weight.WEAK
            found.why = f"{found.why}; quoted by PendingRollbackError"
            return found
    if message.startswith("Can't reconnect until invalid transaction"):
        why = "text of SQLAlchemy: the connection was lost earlier in this transaction"
        return Candidate(Weight.WEAK, row("", Kind.CONNECTION_FAILURE), why)
    return Candidate(Weight.FOLLOW_UP, row("", Kind.PENDING_ROLLBACK), f"class {type(error).__name__}")


def quoted_error(name: str, message: str) -> Candidate | None:
    """Judge the exception of class *name* that SQLAlchemy quotes with its *message*."""
    module, _, class_name = name.rpartition(".")
    known = reader_named(module)
    if known is None:
        return None
    stand_in = _rebuilt(
        class_name, message.partition("\n[SQL: ")[0].partition("\n(Background on this error")[0]
    )
    reading = known[1](stand_in, known[0])
    if reading is None:
        return None
    found = judged(reading)
    return None if found.row.kind is Kind.UNRECOGNISED else found


def _rebuilt(class_name: str, message: str) -> Exception:
    """Return an exception with the arguments that *message* is the text of."""
    arguments = _arguments(message)
    kind = type(class_name, (Exception,), {})
    error: Exception = kind(*arguments)
    return error


@lru_cache(maxsize=1)
def _number() -> re.Pattern[str]:
    return re.compile(r"\((-?\d+), (?:b?['\"])?(.*?)['\"]?\)?$", re.DOTALL)


@lru_cache(maxsize=1)
def _fields() -> re.Pattern[str]:
    # pg8000's dict begins with severity and code, before any text
    return re.compile(r"\{'S': '[^']*', 'V': '(?P<V>[^']*)', 'C': '(?P<C>\w{5})'")


def _arguments(message: str) -> tuple[object, ...]:
    number = _number().match(message)
    if number:
        return int(number[1]), number[2]
    fields = _fields().match(message)
    if fields:
        return (fields.groupdict(),)
    plain = re.match(r"(\d{4,5}) \((\w{5})\): (.*)", message, re.DOTALL)  # mysql-connector
    return (int(plain[1]), plain[3]) if plain else (message,)
