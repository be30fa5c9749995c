"""Grafana's schema, as its foundation SDK holds it in classes: what it does not know, and what has the wrong type."""

from __future__ import annotations

import enum
import inspect
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.models import dashboard as schema
from grafana_foundation_sdk.models.bargauge import Options as BarGauge
from grafana_foundation_sdk.models.stat import Options as Stat
from grafana_foundation_sdk.models.table import Options as Table
from grafana_foundation_sdk.models.timeseries import FieldConfig as Drawn
from grafana_foundation_sdk.models.timeseries import Options as TimeSeries

OPTIONS = {"bargauge": BarGauge, "stat": Stat, "table": Table, "timeseries": TimeSeries}


def complaints(made: dict[str, Any]) -> list[str]:
    """Return what is wrong with a dashboard, each with its place; empty for a good one."""
    plugins.register_default_plugins()
    read = schema.Dashboard.from_json(made)
    found = [*_wrong_types(read, "dashboard"), *_unknown(made, _plain(read.to_json()), "dashboard")]
    for panel in made["panels"]:
        if panel["type"] != "row":
            found += _panel(panel)
    return found


def _panel(panel: dict[str, Any]) -> Iterator[str]:
    """The parts that depend on the sort of panel, which the dashboard's own schema leaves open."""
    place = f"panel {panel['title']!r}"
    parts: list[tuple[str, Any, dict[str, Any]]] = [("options", OPTIONS[panel["type"]], panel["options"])]
    if "custom" in panel["fieldConfig"]["defaults"]:
        parts.append(("custom", Drawn, panel["fieldConfig"]["defaults"]["custom"]))
    for name, cls, given in parts:
        read = cls.from_json(given)
        yield from _wrong_types(read, f"{place} {name}")
        yield from _unknown(given, _plain(read.to_json()), f"{place} {name}")


def _plain(value: Any) -> Any:
    """Return what the SDK writes, down to dicts, lists and plain values."""
    if hasattr(value, "to_json"):
        return _plain(value.to_json())
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.value if isinstance(value, enum.Enum) else value


def _unknown(given: Any, kept: Any, place: str) -> Iterator[str]:
    """What was given and is not there any more, or is another value, after the SDK has read and written it."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key not in kept:
                yield f"{place}.{key} is unknown"
            else:
                yield from _unknown(value, kept[key], f"{place}.{key}")
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for number, (one, other) in enumerate(zip(given, kept, strict=True)):
            yield from _unknown(one, other, f"{place}[{number}]")
    elif given != kept:
        yield f"{place} is {given!r}, read as {kept!r}"


def _wrong_types(value: Any, place: str) -> Iterator[str]:
    """What is not of the type that the class of *value* says."""
    module = inspect.getmodule(type(value))
    hints = typing.get_type_hints(type(value), vars(module) if module else None)
    for name, hint in hints.items():
        yield from _mismatch(getattr(value, name), hint, f"{place}.{name}")


def _mismatch(value: Any, hint: Any, place: str) -> Iterator[str]:
    if hint in {Any, object}:
        return
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    check = _GENERIC.get(origin)
    yield from check(value, arguments, place) if check else _not_of(value, hint, place)


def _in_none(value: Any, choices: tuple[Any, ...], place: str) -> Iterator[str]:
    tries = [list(_mismatch(value, one, place)) for one in choices]
    if all(tries):  # the most detailed complaint is that of the choice which was meant
        yield from max(tries, key=lambda said: max(len(one.split(" is ")[0]) for one in said))


def _in_list(value: Any, arguments: tuple[Any, ...], place: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{place} is {value!r}, wanted a list"
        return
    for number, one in enumerate(value):
        yield from _mismatch(one, arguments[0], f"{place}[{number}]")


def _in_dict(value: Any, arguments: tuple[Any, ...], place: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place} is {value!r}, wanted a dict"
        return
    for key, one in value.items():
        yield from _mismatch(one, arguments[1], f"{place}[{key!r}]")


def _in_literal(value: Any, choices: tuple[Any, ...], place: str) -> Iterator[str]:
    if value not in choices:
        yield f"{place} is {value!r}, wanted one of {choices}"


_GENERIC: dict[Any, Callable[[Any, tuple[Any, ...], str], Iterator[str]]] = {
    typing.Union: _in_none,
    types.UnionType: _in_none,
    typing.Literal: _in_literal,
    list: _in_list,
    dict: _in_dict,
}


def _not_of(value: Any, cls: Any, place: str) -> Iterator[str]:
    if isinstance(cls, type) and issubclass(cls, enum.Enum):
        if value not in [one.value for one in cls]:
            yield f"{place} is {value!r}, wanted one of {[one.value for one in cls]}"
    elif isinstance(value, dict) and hasattr(cls, "from_json"):  # what the SDK leaves as it was given
        yield from _wrong_types(cls.from_json(value), place)
        yield from _unknown(value, _plain(cls.from_json(value)), place)
    elif not _is_a(value, cls):
        yield f"{place} is {value!r}, wanted {cls}"
    elif hasattr(value, "to_json") and not isinstance(value, enum.Enum):
        yield from _wrong_types(value, place)


def _is_a(value: Any, cls: Any) -> bool:
    if isinstance(value, bool) and cls in {int, float}:
        return False
    return isinstance(value, int | float) if cls is float else isinstance(value, cls)
