"""The exceptions behind an exception, and the one event among them that it is about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

MOST_LINKS = 100
"""Links looked at before the rest is left alone: chains can be made by machines, and can be cycles."""


class Link(NamedTuple):
    """One exception of a chain; *parent* is the index of the link it was reached from, -1 for the first."""

    error: BaseException
    parent: int


def neighbours(error: BaseException) -> Iterator[BaseException]:
    """Yield what stands right behind *error*, the most telling first."""
    for name in ("orig", "driver_exception", "__cause__", "original_exception"):
        behind = getattr(error, name, None)
        if isinstance(behind, BaseException):
            yield behind
    if not error.__suppress_context__ and error.__context__ is not None:
        yield error.__context__
    elif error.__cause__ is not None and error.__context__ is not None:
        yield error.__context__  # "raise X from Y" suppresses only the printing
    parts = getattr(error, "exceptions", None)
    if isinstance(parts, (tuple, list)):
        yield from (part for part in parts if isinstance(part, BaseException))


def links(error: BaseException) -> list[Link]:
    """Return *error* and everything behind it, each once, outermost first and depth before breadth."""
    found: list[Link] = []
    seen: set[int] = set()
    waiting = [Link(error, -1)]
    while waiting and len(found) < MOST_LINKS:
        link = waiting.pop()
        if id(link.error) in seen:
            continue
        seen.add(id(link.error))
        found.append(link)
        here = len(found) - 1
        try:
            behind = list(neighbours(link.error))
        except Exception:  # noqa: BLE001, S112 - a property of a foreign class raises: nothing is behind it
            continue
        waiting.extend(Link(each, here) for each in reversed(behind))
    return found
