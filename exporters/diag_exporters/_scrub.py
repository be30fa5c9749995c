"""Take what is private out of text and out of Sentry events: SQL parameters, row values, passwords.

Two nets. Exceptions of a database driver or of SQLAlchemy keep their type and lose their text, which quotes
rows and parameters in any language; every other text is masked by pattern and by the very values of the
failed statement's parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from ._private_text import MASK, scrub_text, without_literals

_SAFE = (bool, int, float, date)  # datetimes included
MAX_SECRETS = 2000  # of one statement: each is looked for in each text of an event
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
            if len(found) >= MAX_SECRETS:
                break
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
    for key in ("message", "logentry", "extra", "contexts", "tags", "request", "transaction"):
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
    """Return a breadcrumb or a span without a statement's parameters, be they beside it or written into it."""
    if not isinstance(item, Mapping):
        return item
    text = "message" if item.get("category") == "query" else "description"
    found = dict(item)
    if isinstance(found.get(text), str) and (text == "message" or str(found.get("op")).startswith("db")):
        found[text] = without_literals(found[text])
    if isinstance(found.get("data"), Mapping):
        found["data"] = {
            key: value
            for key, value in found["data"].items()
            if key not in ("db.params", "db.parameters") and not key.startswith("db.query.parameter")
        }
    return found


def _scrub_tree(value: Any, secrets: Sequence[str], depth: int = 8) -> Any:
    if isinstance(value, str):
        return scrub_text(value, secrets)
    if value is None or isinstance(value, _SAFE) or _package(type(value).__module__) == "sentry_sdk":
        return value
    if depth == 0:
        return MASK  # so deep that nobody reads it
    if isinstance(value, dict):
        return {
            scrub_text(key, secrets) if isinstance(key, str) else key: _scrub_tree(item, secrets, depth - 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_scrub_tree(item, secrets, depth - 1) for item in value]
    return scrub_text(_shown(value), secrets) if secrets else value


def _shown(value: object) -> str:
    """Return what the SDK would write for an object of any class: what that holds is masked as in any text."""
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 a class of the application, whose __repr__ may do anything
        return MASK


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
