"""Listeners of the mappings: code of the application's own that a flush runs for each row, and that no engine can follow.

Only those on mapped classes are seen. What listens to a session (``before_flush``) is not: a check is given a connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy.orm import Mapper

from ._policy import DeletionPolicy

EVENTS = {
    "DELETE": ("before_delete", "after_delete"),
    "UPDATE": ("before_update", "after_update"),
}
UNKNOWN = "what the {event} listener of {name} does is not known"


class Listeners:
    """The listeners that matter: those that a policy calls harmless, by ``Project.before_delete``, are left out."""

    def __init__(self, policy: DeletionPolicy | None = None) -> None:
        self._policy = policy

    def any(self, mapper: Mapper[Any], statement: str) -> bool:
        """True where rows of *mapper* that the ORM itself deletes or updates are listened to."""
        return any(True for _ in self._heard(mapper, statement))

    def doubts(
        self, sent: Iterable[tuple[Mapper[Any], str]], refused: Iterable[tuple[Mapper[Any], str]] = ()
    ) -> tuple[str, ...]:
        """Why what was *sent* may come otherwise, as sentences, each once. What comes after a *refused* statement never runs."""
        names = [
            (mapper.class_.__name__, event) for mapper, way in sent for event in self._heard(mapper, way)
        ]
        names += [
            (mapper.class_.__name__, event)
            for mapper, way in refused
            for event in self._heard(mapper, way)
            if event.startswith("before_")
        ]
        return tuple(dict.fromkeys(UNKNOWN.format(name=name, event=event) for name, event in names))

    def _heard(self, mapper: Mapper[Any], statement: str) -> Iterator[str]:
        for event in EVENTS[statement]:
            if len(getattr(mapper.dispatch, event)) and not self._harmless(mapper, event):
                yield event

    def _harmless(self, mapper: Mapper[Any], event: str) -> bool:
        return self._policy is not None and self._policy.harmless(mapper.class_.__name__, event)
