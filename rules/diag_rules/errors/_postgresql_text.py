"""What libpq, psycopg, asyncpg and pg8000 say where there is no SQLSTATE: connections that fail or break."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeAlias

from ._kinds import Kind
from ._meanings import MEANINGS
from ._reading import DBAPI_CLASSES, Reading
from ._row import Row, row
from .tables.postgresql_texts import CANCEL_TEXTS, CONNECTION_TEXTS

Choice: TypeAlias = "tuple[re.Pattern[str], dict[str, Kind]]"

_ODD = {
    # asyncpg's classes that are not called after their condition
    "PostgresSyntaxError": Kind.SYNTAX_ERROR,
    "PostgresConnectionError": Kind.CONNECTION_EXCEPTION,
    "PostgresSystemError": Kind.SYSTEM_ERROR,
    "PostgresIOError": Kind.IO_ERROR,
    "InternalServerError": Kind.INTERNAL_ERROR,
    "RaiseError": Kind.RAISE_EXCEPTION,
    "AssertError": Kind.ASSERT_FAILURE,
    "ConnectionTimeout": Kind.CONNECT_TIMEOUT,
}

_DRIVER_TEXTS: tuple[tuple[str, Kind], ...] = (
    # texts of the drivers' own, in English always; anchored at the start
    (r"sending query( and params)? failed: number of parameters must be", Kind.WRONG_PARAMETERS),
    ((r"(connection (already |is )?closed|the (underlying )?connection is closed|Connection is closed|"
     r"cannot (perform operation|call .*): (the )?(underlying )?connection is closed|not connected|no active connection)"),
     Kind.CONNECTION_DOES_NOT_EXIST),
    ((r"(network error|connection was closed in the middle of operation|server closed the connection|"
     r"unexpected connection_lost\(\) call|error with (no message|status \w+ and no message) from the libpq|"
     r"the connection is lost|consuming input failed|sending query failed|flushing failed|socket not open|"
     r"unexpected EOF|EOF detected|Connection reset by peer|Broken pipe)"), Kind.CONNECTION_FAILURE),
    (r"(connection timeout expired|connection attempt timed out|timeout expired)", Kind.CONNECT_TIMEOUT),
    ((r"(server refuses SSL|Server refuses SSL|PostgreSQL server at .* rejected SSL upgrade|SSL error|"
     r"certificate verify failed)"), Kind.TLS_FAILURE),
    (r"Can't create a connection to host ", Kind.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
    ((r"(failed to resolve host|could not translate host name|\[Errno -[2358]\]|Name or service not known|"
     r"Temporary failure in name resolution|nodename nor servname)"), Kind.HOST_UNKNOWN),
    (r"(couldn't get a connection after|the pool .* has already \d+ requests waiting|pool timeout)", Kind.POOL_TIMEOUT),
    (r"(pipeline aborted|current transaction is aborted)", Kind.IN_FAILED_SQL_TRANSACTION),
    (r"(A string literal cannot contain NUL|PostgreSQL text fields cannot contain NUL)",
     Kind.CHARACTER_NOT_IN_REPERTOIRE),
    ((r"(the server expects \d+ arguments? for this query|the query has \d+ placeholders? but|can't adapt type|"
     r"cannot adapt type|query parameter missing|not all arguments converted|dict is not a sequence|"
     r"only '%s', '%b', '%t' are allowed|incomplete placeholder|the query contains)"), Kind.WRONG_PARAMETERS),
)  # fmt: skip

_WEAK = frozenset({Kind.CONNECTION_DOES_NOT_EXIST, Kind.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION})
"""Kinds that say little: what stands behind in the chain may say more."""

_SYSTEM_TEXTS: tuple[tuple[str, Kind], ...] = (
    # strerror() and resolver texts that libpq puts behind "failed: "; only refine an outage that is certain
    (r"fe_sendauth|no password supplied|SASL authentication failed", Kind.INVALID_PASSWORD),
    ((r"Connection refused|No such file or directory|Connexion refus|Verbindungsaufbau abgelehnt|"
     r"Conexi\u00f3n rehusada|\u62d2\u7edd\u8fde\u63a5|\u63a5\u7d9a\u3092\u62d2\u5426"), Kind.CONNECTION_REFUSED),
    (r"timeout expired|Connection timed out|connection timeout", Kind.CONNECT_TIMEOUT),
    (r"No route to host|Network is unreachable|Host is down", Kind.NETWORK_UNREACHABLE),
    ((r"could not translate host name|Name or service not known|Temporary failure in name resolution|"
     r"No address associated|failed to resolve host"), Kind.HOST_UNKNOWN),
    (r"SSL|certificate|GSSAPI", Kind.TLS_FAILURE),
    (r"server closed the connection|Connection reset", Kind.CONNECTION_FAILURE),
)  # fmt: skip


def _template(text: str) -> str:
    return ".*?".join(re.escape(part) for part in text.split("%s"))


def _any_of(patterns: Iterable[tuple[str, Kind]]) -> Choice:
    """Return one pattern for all of *patterns*, the first first, and what each of its named groups means."""
    named = {f"k{number}": each for number, each in enumerate(patterns)}
    text = "|".join(f"(?P<{name}>{pattern})" for name, (pattern, _) in named.items())
    return re.compile(text), {name: kind for name, (_, kind) in named.items()}


def _chosen(choice: Choice, text: str) -> Kind | None:
    """Return the kind of the first pattern that matches at the start of *text*, or None."""
    pattern, kinds = choice
    found = pattern.match(text)
    return kinds[found.lastgroup] if found is not None and found.lastgroup is not None else None


_STARTS = frozenset(text[0] for texts in CONNECTION_TEXTS.values() for text in texts)


@lru_cache(maxsize=len(_STARTS))
def _connection_pattern(start: str) -> Choice:
    """Return the pattern of what is said about connections and begins with the character *start*, or with anything.

    There are hundreds of texts, and most begin otherwise than the one that is looked at.
    """
    return _any_of(
        (_template(text), kind)
        for kind, texts in CONNECTION_TEXTS.items()
        for text in texts
        if text.startswith((start, "%s"))
    )


@lru_cache(maxsize=1)
def _driver_patterns() -> Choice:
    return _any_of(_DRIVER_TEXTS)


@lru_cache(maxsize=1)
def _system_patterns() -> list[tuple[re.Pattern[str], Kind]]:
    return [(re.compile(pattern), kind) for pattern, kind in _SYSTEM_TEXTS]


@lru_cache(maxsize=1)
def _server_reply() -> re.Pattern[str]:
    # libpq: '[connection failed: ][connection to server at ... failed: ]FATAL:  text', the severity localised
    return re.compile(r"(?:.*failed: )?[^\W\d]+:  (.*)", re.DOTALL)


def why_cancelled(message: str) -> str | None:
    """Return why a statement was cancelled: ``statement time-out``, ``cancelled on request`` ...; None: unknown."""
    line = message.strip()
    return next((why for why, texts in CANCEL_TEXTS.items() if line in texts), None)


def connection_kind(message: str) -> Kind | None:
    """Return what a message of libpq or of the server says about a connection, in any language; None: nothing."""
    for line in message.splitlines():
        reply = _server_reply().match(line)
        for candidate in (reply[1], line) if reply else (line,):
            said = candidate.strip()
            kind = _chosen(_connection_pattern(said[0] if said[:1] in _STARTS else "%"), said)
            if kind is not None:
                return kind
    return None


def class_kind(name: str) -> Kind | None:
    """Return the kind that a class is named for: ``UniqueViolation`` or ``UniqueViolationError``."""
    if name in DBAPI_CLASSES:
        return None
    if name in _ODD:
        return _ODD[name]
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    for candidate in (words, words.removesuffix("_error")):
        if candidate in MEANINGS:
            return Kind(candidate)
    return None


@lru_cache(maxsize=200)
def sqlstate_of_class(name: str) -> str | None:
    """Return the first SQLSTATE of the condition that a class is named for, or None."""
    from .tables.postgresql import CODES

    kind = class_kind(name)
    return next((str(code) for code, each in CODES.items() if each.kind is kind), None) if kind else None


def judge(reading: Reading) -> tuple[Row, str] | None:
    """Return the row and the evidence of a *reading* without SQLSTATE, or None."""
    named = class_kind(reading.name)
    if named is not None:
        return row("", named), f"class {reading.name}"
    message = reading.message.strip()
    kind = _chosen(_driver_patterns(), message)
    if kind is not None:
        return row("", kind, weak=kind in _WEAK), f"text of {reading.driver}: no SQLSTATE"
    return _by_class(reading, message)


def _by_class(reading: Reading, message: str) -> tuple[Row, str] | None:
    if reading.name in {"OperationalError", "DatabaseError", "InterfaceError", "InternalError"}:
        kind = connection_kind(message)
        if kind is not None:
            return row("", kind), "text of the server or libpq: no SQLSTATE"
    if reading.name == "OperationalError":
        # libpq drops the SQLSTATE of every error that costs the connection, and of no other
        return row("", refined(message), weak=True), "class OperationalError without SQLSTATE"
    return None


def refined(message: str) -> Kind:
    """Return what exactly broke a connection of which nothing else is known."""
    found = next((kind for pattern, kind in _system_patterns() if pattern.search(message)), None)
    if found is None:
        failed = message.startswith(("connection failed", "connection to server", "could not connect"))
        return Kind.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION if failed else Kind.CONNECTION_FAILURE
    return found
