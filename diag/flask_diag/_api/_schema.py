"""JSON Schema (draft 2020-12, as OpenAPI 3.1 has it) from dataclasses: their hints, and the words of their docstrings."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

_PLAIN: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    type(None): {"type": "null"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    Any: {},
    object: {},
}
_LISTS = (tuple, list, Sequence, Iterable, frozenset, set)


class Schemas:
    """The schemas of a document: each dataclass and each enumeration once, by its name.

    Args:
        published: for a dataclass, its properties that are part of its JSON.
        left_out: for a dataclass, its fields that are not.
    """

    def __init__(
        self, published: Mapping[type, Sequence[str]] = {}, left_out: Mapping[type, Sequence[str]] = {}
    ) -> None:
        self.components: dict[str, dict[str, Any]] = {}
        self._published, self._left_out = published, left_out

    def of(self, hint: Any) -> dict[str, Any]:
        """Return the schema of a type.

        Raises:
            TypeError: it has none; the message says which.
        """
        if hint in _PLAIN:
            return dict(_PLAIN[hint])
        origin, arguments = get_origin(hint), get_args(hint)
        if is_dataclass(origin or hint):
            return self._of_dataclass(hint, origin, arguments)
        if isinstance(hint, type) and issubclass(hint, Enum):
            return self._named(hint, hint.__name__, {})
        if origin in {Union, types.UnionType}:
            return _any_of([self.of(one) for one in arguments])
        found = self._of_collection(origin, arguments)
        if found is None:
            raise TypeError(
                f"{hint!r} has no JSON Schema here: use plain types, enumerations or dataclasses."
            )
        return found

    def _of_collection(self, origin: Any, arguments: tuple[Any, ...]) -> dict[str, Any] | None:
        if origin is Literal:
            return {"enum": list(arguments)}
        if origin in _LISTS:
            return {"type": "array", "items": self.of(arguments[0])}
        if origin in {dict, Mapping}:
            return {"type": "object", "additionalProperties": self.of(arguments[1])}
        return None

    def _of_dataclass(self, hint: Any, origin: Any, arguments: tuple[Any, ...]) -> dict[str, Any]:
        if origin is None:
            return self._named(hint, hint.__name__, {})
        names = "And".join(one.__name__ for one in arguments)
        filled = dict(zip(origin.__parameters__, arguments, strict=True))
        return self._named(origin, f"{origin.__name__}Of{names}", filled)

    def _named(self, kind: Any, name: str, filled: dict[TypeVar, Any]) -> dict[str, Any]:
        if name not in self.components:
            self.components[name] = {}  # a class that holds itself finds this
            self.components[name] = (
                _enumeration(kind) if issubclass(kind, Enum) else self._object(kind, filled)
            )
        return {"$ref": f"#/components/schemas/{name}"}

    def _object(self, kind: Any, filled: dict[TypeVar, Any]) -> dict[str, Any]:
        words, hints = told(kind), get_type_hints(kind)
        members = {
            one.name: _filled(hints[one.name], filled)
            for one in fields(kind)
            if one.name not in self._left_out.get(kind, ())
        }
        for name in self._published.get(kind, ()):
            members[name] = get_type_hints(getattr(kind, name).fget)["return"]
        return {
            "type": "object",
            "description": summary(kind),
            "properties": {
                name: _described(self.of(hint), words.get(name)) for name, hint in members.items()
            },
            "required": list(members),
            "additionalProperties": False,
        }


def summary(documented: Any) -> str:
    """Return the first sentence of a docstring."""
    return (documented.__doc__ or "").strip().split("\n\n", 1)[0].replace("\n", " ")


def told(kind: Any) -> dict[str, str]:
    """Return what the docstring of *kind* says of each attribute under ``Attributes:``."""
    _, _, section = inspect.cleandoc(kind.__doc__ or "").partition(
        "Attributes:\n"
    )  # Python 3.13 cleans it itself
    found = re.findall(r"^ {4}([\w, ]+): (.*(?:\n {8,}.*)*)", section, re.MULTILINE)
    return {
        name.strip(): re.sub(r"\s+", " ", text).replace("``", "`")
        for names, text in found
        for name in names.split(",")
    }


def _filled(hint: Any, filled: dict[TypeVar, Any]) -> Any:
    """Put the arguments of a generic class in the place of its variables."""
    if isinstance(hint, TypeVar):
        return filled[hint]
    parameters = getattr(hint, "__parameters__", ())
    return hint[tuple(filled[one] for one in parameters)] if parameters else hint


def _enumeration(kind: Any) -> dict[str, Any]:
    return {"type": "string", "description": summary(kind), "enum": [str(one.value) for one in kind]}


def _any_of(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    """Join plain types in one list, which reads better than ``anyOf``."""
    if all(set(one) == {"type"} for one in schemas):
        return {"type": [one["type"] for one in schemas]}
    return {"anyOf": schemas}


def _described(schema: dict[str, Any], words: str | None) -> dict[str, Any]:
    return {**schema, "description": words} if words else schema
