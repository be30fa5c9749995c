"""YAML of nested dicts and lists, for files that people read and change: PromQL stands there as it is, by lines.

Every other text is written in JSON's quotes, which YAML reads alike, so that nothing (``no``, ``1e3``, a colon) is
taken for what it is not. A dependency for that much would be one more thing to install for every application.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def as_yaml(value: Any, comment: str = "") -> str:
    """Return *value* as a YAML document under *comment*, whose lines get their ``#``."""
    head = [f"# {line}".rstrip() for line in comment.splitlines()]
    return "\n".join([*head, *_block(value)]) + "\n"


def _block(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, one in value.items():
            yield from _entry(f"{key}:", one)
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        for one in value:
            yield from _item(one)
    else:
        yield _scalar(value)


def _entry(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, str) and ("\n" in value.strip() or '"' in value):
        yield f"{key} |-"
        yield from _indented(value.strip().splitlines())
    elif isinstance(value, Mapping | list | tuple) and value:
        yield key
        yield from _indented(_block(value))
    else:
        yield f"{key} {_scalar(value)}"


def _item(value: Any) -> Iterator[str]:
    lines = list(_block(value))
    yield f"- {lines[0]}"
    yield from _indented(lines[1:])


def _indented(lines: Any) -> Iterator[str]:
    return (f"  {line}" if line else "" for line in lines)


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
