"""Take what is private out of text and out of Sentry events: SQL parameters, row values, passwords.

Two nets. Exceptions of a database driver or of SQLAlchemy keep their type and lose their text, which quotes
rows and parameters in any language; every other text is masked by pattern and by the very values of the
failed statement's parameters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

MASK = "[removed]"
MIN_SECRET = 4  # shorter parameter values ("1", "no") would blank half of every text

DATABASE_PACKAGES = frozenset(
    (
        "sqlalchemy",
        "flask_sqlalchemy",
        "psycopg",
        "psycopg2",
        "psycopg_pool",
        "asyncpg",
        "pg8000",
        "pymysql",
        "MySQLdb",
        "mysql",
        "mariadb",
        "aiomysql",
        "asyncmy",
        "sqlite3",
        "_sqlite3",
        "aiosqlite",
        "oracledb",
        "cx_Oracle",
        "pyodbc",
        "pymssql",
    )
)

_PATTERNS = tuple(
    (re.compile(pattern, flags), replacement)
    for pattern, flags, replacement in (
        # SQLAlchemy: "[SQL: INSERT ...]", "[parameters: {...}]", which end at the line's end or the text's
        (r"\[parameters: .*?\](?=\s*(?:\n|\(Background|$))", re.DOTALL, f"[parameters: {MASK}]"),
        (r"\[SQL: .*?\](?=\s*(?:\n|\[parameters|\(Background|$))", re.DOTALL, f"[SQL: {MASK}]"),
        # PostgreSQL: DETAIL, CONTEXT and QUERY lines; "Key (email)=(a@b.c) already exists", "Failing row contains (...)"
        (r"^(\s*[A-Z]{5,9}:  ).*$", re.MULTILINE, rf"\1{MASK}"),
        (r"(\bKey \([^)]*\)=)\(.*?\)(?=\s|$)", 0, rf"\1({MASK})"),
        (r"(Failing row contains )\(.*\)", re.DOTALL, rf"\1({MASK})"),
        # MySQL and MariaDB: "Duplicate entry 'a@b.c' for key"
        (r"(Duplicate entry )'.*?'(?= for key)", re.DOTALL, rf"\1'{MASK}'"),
        (r"(?i)(Incorrect \w+ value: |Truncated incorrect \w+ value: )'.*?'", re.DOTALL, rf"\1'{MASK}'"),
        # connection strings: "postgresql://user:password@host", "password=..." of libpq and of ODBC
        (r"(\b[a-zA-Z][\w+.-]*://[^\s:/@]*:)[^\s]*@(?=[^\s@]*)", 0, rf"\1{MASK}@"),
        (r"(?i)(\b(?:password|passwd|pwd|sslpassword)\s*[=:]\s*)('(?:[^'\\]|\\.)*'|\"[^\"]*\"|\{[^}]*\}|[^\s;,&)\]}]+)", 0, rf"\1{MASK}"),
    )
)  # fmt: skip


def scrub_text(text: str, secrets: Sequence[str] = ()) -> str:
    """Return *text* without parameters, row values and passwords; *secrets* are masked wherever they stand."""
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, MASK)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def secrets_of(error: BaseException | None) -> tuple[str, ...]:
    """Return what must not stand in any text about *error*, the longest first.

    The values of every failed statement's parameters, and the texts of the drivers' exceptions, which an
    application may have copied into its own.
    """
    found: set[str] = set()
    for link in chain(error):
        if _package(type(link).__module__) in DATABASE_PACKAGES:
            found.update(_texts(link))
        for value in _leaves(getattr(link, "params", None)):
            text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
            if len(text) >= MIN_SECRET:
                found.update((text, repr(value)[1:-1] if isinstance(value, str) else text))
    return tuple(sorted(found, key=len, reverse=True))


def _texts(error: BaseException) -> Iterator[str]:
    try:
        text = str(error).strip()
    except Exception:  # noqa: BLE001 an exception of any class, whose __str__ may do anything
        return
    if len(text) >= MIN_SECRET:
        yield text


def chain(error: BaseException | None, *, contexts: bool = True, limit: int = 50) -> Iterator[BaseException]:
    """Yield *error* and what it wraps, each once, at most *limit*; with *contexts* also what it followed."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < limit:
        link = waiting.pop(0)
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        members = link.exceptions if isinstance(link, BaseExceptionGroup) else ()
        waiting += [getattr(link, "orig", None), link.__cause__, *members]
        waiting += [link.__context__] if contexts else []


def is_database_error(error: BaseException | None) -> bool:
    """Tell whether any link of *error*'s chain is of SQLAlchemy or of a driver, by its module's name."""
    return any(_package(type(link).__module__) in DATABASE_PACKAGES for link in chain(error))


def scrub_event(
    event: dict[str, Any], secrets: Sequence[str], *, database: bool, told: str | None
) -> dict[str, Any]:
    """Return the Sentry *event* without what is private.

    Args:
        event: as an event processor gets it; changed in place.
        secrets: parameter values, masked everywhere.
        database: the event is about a database error, so its frames lose their variables: a local of the
            application is what became a parameter.
        told: what stands in place of a database exception's own text.
    """
    for value in _values(event.get("exception")):
        _scrub_exception(value, secrets, database=database, told=told)
    for thread in _values(event.get("threads")):
        _scrub_frames(thread.get("stacktrace"), drop_all=database)
    for key in ("message", "logentry", "extra", "contexts", "tags"):
        if key in event:
            event[key] = _scrub_tree(event[key], secrets)
    _scrub_crumbs(event, secrets)
    _scrub_spans(event, secrets)
    return event


def _scrub_exception(
    value: dict[str, Any], secrets: Sequence[str], *, database: bool, told: str | None
) -> None:
    package = _package(str(value.get("module") or ""))
    if package in DATABASE_PACKAGES:
        value["value"] = told or "(text removed: it quotes SQL and values)"
    elif isinstance(value.get("value"), str):
        value["value"] = scrub_text(value["value"], secrets)
    _scrub_frames(value.get("stacktrace"), drop_all=database)


def _scrub_frames(stacktrace: object, *, drop_all: bool) -> None:
    for frame in _values(stacktrace, "frames"):
        if drop_all or _package(str(frame.get("module") or "")) in DATABASE_PACKAGES:
            frame.pop("vars", None)


def _scrub_crumbs(event: dict[str, Any], secrets: Sequence[str]) -> None:
    crumbs = event.get("breadcrumbs")
    values = crumbs.get("values") if isinstance(crumbs, dict) else None
    if isinstance(crumbs, dict) and isinstance(values, list):
        # the crumbs belong to the scope: copies are changed, not they
        event["breadcrumbs"] = {**crumbs, "values": [_scrub_tree(_no_parameters(c), secrets) for c in values]}


def _scrub_spans(event: dict[str, Any], secrets: Sequence[str]) -> None:
    spans = event.get("spans")
    if isinstance(spans, list):
        event["spans"] = [_scrub_tree(_no_parameters(span), secrets) for span in spans]


def _no_parameters(item: Any) -> Any:
    if not isinstance(item, Mapping) or not isinstance(item.get("data"), Mapping):
        return item
    data = {key: value for key, value in item["data"].items() if key not in ("db.params", "db.parameters")}
    return {
        **item,
        "data": {key: value for key, value in data.items() if not key.startswith("db.query.parameter")},
    }


def _scrub_tree(value: Any, secrets: Sequence[str], depth: int = 8) -> Any:
    if isinstance(value, str):
        return scrub_text(value, secrets)
    if depth == 0:
        return value
    if isinstance(value, dict):
        return {key: _scrub_tree(item, secrets, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return (
            type(value)(_scrub_tree(item, secrets, depth - 1) for item in value)
            if type(value) in (list, tuple)
            else value
        )
    return value


def _values(holder: object, key: str = "values") -> Iterable[dict[str, Any]]:
    found = holder.get(key) if isinstance(holder, dict) else holder
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else ()


def _leaves(value: Any, depth: int = 4) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        for item in list(value)[:1000] if depth else ():
            yield from _leaves(item, depth - 1)
    elif value is not None and not isinstance(value, bool):
        yield value


def _package(module: str) -> str:
    return module.partition(".")[0]
