"""Record an exception as JSON, and rebuild it with stand-ins of the same module, name, attributes and arguments.

What is rebuilt derives from nothing of a driver: only what can be read off it may tell what it was.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sqlalchemy import exc

ATTRIBUTES = (
    "sqlstate", "pgcode", "pgerror", "errno", "msg", "errmsg", "sqlite_errorcode", "sqlite_errorname", "constraint_name",
    "table_name", "column_name", "schema_name", "detail", "message", "severity", "severity_en", "server_source_function",
    "code", "full_code", "isrecoverable",
)  # fmt: skip
DIAG = (
    "sqlstate", "constraint_name", "table_name", "column_name", "schema_name", "message_primary", "message_detail",
    "severity", "severity_nonlocalized", "source_function",
)  # fmt: skip


def record(error: BaseException, depth: int = 0) -> dict[str, Any]:
    """Return what can be read off *error* and what stands behind it, as JSON's types."""
    kind = type(error)
    found: dict[str, Any] = {
        "module": kind.__module__,
        "name": kind.__name__,
        "args": [] if isinstance(error, exc.StatementError) else [_plain(each) for each in error.args],
        "attributes": {
            name: value for name in ATTRIBUTES if isinstance(value := getattr(error, name, None), (str, int))
        },
    }
    diag = getattr(error, "diag", None)
    if diag is not None:
        found["diag"] = {name: getattr(diag, name, None) for name in DIAG}
    if isinstance(error, exc.StatementError):
        found["statement"] = error.statement
        found["invalidated"] = getattr(error, "connection_invalidated", False)
        found["text"] = str(error.args[0]) if error.args else ""
    if depth < 6:
        orig = getattr(error, "orig", None)
        for name, behind in (("orig", orig), ("cause", error.__cause__), ("context", error.__context__)):
            if (
                isinstance(behind, BaseException)
                and (name == "orig" or behind is not orig)
                and behind is not error
            ):
                found[name] = record(behind, depth + 1)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, (str, int, float)) or value is None:
        return value
    if isinstance(value, bytes):
        return {"bytes": value.decode("latin-1")}
    if isinstance(value, dict):
        return {"dict": {str(key): _plain(each) for key, each in value.items()}}
    if isinstance(value, tuple):
        return {"tuple": [_plain(each) for each in value]}
    return {
        "object": {
            name: getattr(value, name, None) for name in ("code", "full_code", "message", "isrecoverable")
        }
    }


def _rich(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "bytes" in value:
        return value["bytes"].encode("latin-1")
    if "dict" in value:
        return {key: _rich(each) for key, each in value["dict"].items()}
    if "tuple" in value:
        return tuple(_rich(each) for each in value["tuple"])
    return SimpleNamespace(**value["object"])


def rebuild(found: dict[str, Any]) -> BaseException:
    """Return a stand-in for a recorded exception, with what stands behind it."""
    error = _wrapper(found) if "statement" in found else _stand_in(found)
    if "cause" in found:
        error.__cause__ = rebuild(found["cause"])
    elif "orig" in found and "statement" in found:
        error.__cause__ = getattr(error, "orig", None)
    if "context" in found:
        error.__context__ = rebuild(found["context"])
    return error


def _wrapper(found: dict[str, Any]) -> BaseException:
    kind = getattr(exc, found["name"])
    orig = rebuild(found["orig"])
    if issubclass(kind, exc.DBAPIError):
        error: BaseException = kind(found["statement"], (), orig, connection_invalidated=found["invalidated"])
    else:
        error = kind(found["text"], found["statement"], (), orig)
    return error


def _stand_in(found: dict[str, Any]) -> BaseException:
    base = Exception
    if found["module"] == "builtins" or found["module"].startswith(
        ("sqlalchemy.exc", "sqlalchemy.orm", "socket", "ssl")
    ):
        return _real(found)
    kind = type(found["name"], (base,), {"__module__": found["module"]})
    error: BaseException = kind(*map(_rich, found["args"]))
    for name, value in found["attributes"].items():
        setattr(error, name, value)
    if "diag" in found:
        error.diag = SimpleNamespace(**found["diag"])  # type: ignore[attr-defined] # a stand-in has what was recorded
    if "orig" in found:
        error.orig = rebuild(found["orig"])  # type: ignore[attr-defined] # as above
    return error


def _real(found: dict[str, Any]) -> BaseException:
    from importlib import import_module

    kind = getattr(import_module(found["module"]), found["name"])
    try:
        error: BaseException = kind(*map(_rich, found["args"]))
    except TypeError:
        error = kind("utf-8", "", 0, 1, "surrogates not allowed")
    return error
