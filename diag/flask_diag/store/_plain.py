"""The store's values as JSON can hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any


def as_json(value: Any) -> Any:
    """Return *value* with its members as a dict, moments in RFC 3339 and tuples as lists."""
    if is_dataclass(value) and not isinstance(value, type):
        return {member.name: as_json(getattr(value, member.name)) for member in fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): as_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value
