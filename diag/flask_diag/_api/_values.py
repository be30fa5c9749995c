"""From values to JSON, and what of them is published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from typing import Any, Generic, TypeVar

from diag_rules.deletion import Verdict
from flask_diag._report import Report, plain
from flask_diag.store import BlockedSubject, ScanSummary

from ._schema import Schemas

T = TypeVar("T")
PUBLISHED: Mapping[type, Sequence[str]] = {
    Report: ("outcome",),
    Verdict: ("deletable",),
    BlockedSubject: ("rows",),
    ScanSummary: ("seconds",),
}
LEFT_OUT: Mapping[type, Sequence[str]] = {BlockedSubject: ("sort",)}


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """A page of a list.

    Attributes:
        next: what to give as `after` for the following ones; null at the end.
    """

    items: tuple[T, ...]
    next: str | None = None


def schemas() -> Schemas:
    """Return an empty collection of schemas that knows what `as_json` writes."""
    return Schemas(PUBLISHED, LEFT_OUT)


def as_json(value: Any) -> Any:
    """Return *value* as JSON has it, as its schema says."""
    if is_dataclass(value) and not isinstance(value, type):
        left_out = LEFT_OUT.get(type(value), ())
        names = [one.name for one in fields(value) if one.name not in left_out]
        names += PUBLISHED.get(type(value), ())
        return {name: as_json(getattr(value, name)) for name in names}
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): as_json(one) for name, one in value.items()}
    if isinstance(value, list | tuple) and any(map(is_dataclass, value)):
        return [as_json(one) for one in value]
    return plain(value)
