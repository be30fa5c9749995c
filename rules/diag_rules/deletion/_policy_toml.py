"""Read a rule pack in TOML into the entries of a policy. Nothing in the file is executed."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from ._policy_entries import BusinessRule, Message, Relation, SubjectWords, Triggers
from ._policy_errors import PolicyError, nearest

Source: TypeAlias = str | Path | Mapping[str, Any]
Entry = TypeVar("Entry", SubjectWords, Relation, BusinessRule, Triggers, Message)
_SECTIONS = ("subject", "relation", "rule", "triggers", "message")


def read(source: Source) -> tuple[dict[str, Any], str]:
    """Return the rule pack as a mapping, and where it came from. Raises PolicyError if it can't be read or is no TOML."""
    if isinstance(source, Mapping):
        return dict(source), "policy"
    if isinstance(source, str) and ("\n" in source or "=" in source or not source.strip()):
        return _parsed(source, "policy"), "policy"
    path = Path(source)
    try:
        return _parsed(path.read_text(encoding="utf-8"), path.name), path.name
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"The policy file {str(source)!r} can't be read: {error}.") from error


def _parsed(text: str, place: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{place} is not TOML: {error}.") from error
    except RecursionError:
        raise PolicyError(
            f"{place} has lists or tables within one another, too deep to be read: a rule pack needs three levels."
        ) from None


def entries(data: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Return the arguments of a policy. Raises PolicyError with file, entry, the wrong key and the nearest right one."""
    for key in data:
        if key not in _SECTIONS:
            raise PolicyError(f"{place} has an unknown section {key!r}{nearest(key, _SECTIONS)}")
    return {
        "subject": _entry(SubjectWords, data.get("subject", {}), f"{place}, [subject]"),
        "relations": _list(Relation, data.get("relation", []), f"{place}, [[relation]]"),
        "rules": _list(BusinessRule, data.get("rule", []), f"{place}, [[rule]]"),
        "messages": _list(Message, data.get("message", []), f"{place}, [[message]]"),
        "triggers": _entry(Triggers, data.get("triggers", {}), f"{place}, [triggers]"),
        "place": place,
    }


def _list(kind: type[Entry], tables: Any, place: str) -> tuple[Entry, ...]:
    if not isinstance(tables, list):
        raise PolicyError(f"{place} must be written with two pairs of brackets, once for each entry.")
    return tuple(_entry(kind, table, f"{place} {number}") for number, table in enumerate(tables, 1))


def _entry(kind: Callable[..., Entry], table: Any, place: str) -> Entry:
    if not isinstance(table, Mapping):
        raise PolicyError(f"{place} must be a table of keys and values; it is {table!r}.")
    named = table.get("name") if isinstance(table.get("name"), str) else table.get("of") or table.get("table")
    where = f"{place} ({named})" if named else place
    known = [each.name for each in fields(kind)]  # type: ignore[arg-type]  # the entries are dataclasses
    for key in table:
        if key not in known:
            raise PolicyError(f"{where} has an unknown key {key!r}{nearest(key, known)}")
    try:
        return kind(**table)
    except PolicyError as error:
        raise error.within(where) from None
    except TypeError as error:
        missing = [one.name for one in fields(kind) if one.default is MISSING and one.name not in table]  # type: ignore[arg-type]  # as above
        raise PolicyError(f"{where} lacks {' and '.join(missing) or error}.") from None
