"""The application's own message for a constraint, such as "That e-mail address is taken".

It comes from the policy (``[[message]]``) or from the ``info`` of the constraint, the index or the foreign key in the models, under
``diag_message``; a column's own ``info`` speaks for its NOT NULL, which is no constraint with a name. A message is a text, texts by
language, or anything whose ``str()`` is one (a lazy translation).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from sqlalchemy import ForeignKeyConstraint, MetaData, Table

from diag_rules.deletion import Message, PolicyError
from diag_rules.errors import Category, Classification, Kind

if TYPE_CHECKING:
    from ._state import State

INFO = "diag_message"
_MISSING = frozenset((Kind.NOT_NULL_VIOLATION, Kind.NULL_VALUE_NOT_ALLOWED))


@dataclass(frozen=True, slots=True)
class _Word:
    """A message, and what it is for: what `Classification.violates` takes.

    Attributes:
        kinds: only for these; None for all that the target can be broken by.
    """

    target: Any
    message: Any
    kinds: frozenset[str] | None = None

    def is_for(self, found: Classification, models: Iterable[Table]) -> bool:
        """Tell whether *found* breaks the target."""
        return (self.kinds is None or found.kind in self.kinds) and found.violates(self.target, models)


class OwnWords:
    """The messages of one application; the models are read again when a table has come."""

    def __init__(self, metadatas: Iterable[MetaData], messages: Iterable[Message]) -> None:
        self._metadatas, self._messages = tuple(metadatas), tuple(messages)
        self._read: tuple[int, tuple[_Word, ...]] = (-1, ())

    def message(self, found: Classification, language: str) -> str | None:
        """Return what to tell the person who broke a rule, or None where the application has no words for it."""
        if found.category is not Category.BUSINESS_RULE:
            return None
        tables = self._tables()
        for word in self._words(tables):
            if word.is_for(found, tables):
                return _spoken(word.message, language)
        return None

    def check(self) -> None:
        """Look up the tables, columns and kinds that the policy names.

        Raises:
            PolicyError: one does not exist; the message names the nearest.
        """
        tables = self._tables()
        for message in self._messages:
            if message.kind is not None and message.kind not in set(Kind):
                raise PolicyError(_no("kind of error", message.kind, [str(one) for one in Kind], message))
            if message.table is not None:
                _columns(message, tables)

    def _tables(self) -> list[Table]:
        return [table for metadata in self._metadatas for table in metadata.tables.values()]

    def _words(self, tables: list[Table]) -> tuple[_Word, ...]:
        if self._read[0] != len(tables):
            self._read = (len(tables), (*self._of_policy(tables), *_of_models(tables)))
        return self._read[1]

    def _of_policy(self, tables: list[Table]) -> Iterator[_Word]:
        for message in self._messages:
            target = message.constraint or _columns(message, tables)
            yield _Word(target, message.text, None if message.kind is None else frozenset((message.kind,)))


def own_words(state: State, metadatas: Iterable[MetaData]) -> OwnWords:
    """Return the messages of an application with these models and the policy of *state*."""
    of_subject = [state.subject.table.metadata] if state.subject is not None else []
    found = OwnWords(
        dict.fromkeys((*metadatas, *of_subject)), state.policy.messages if state.policy is not None else ()
    )
    found.check()
    return found


def _columns(message: Message, tables: list[Table]) -> tuple[Any, ...]:
    table = next((one for one in tables if message.table in {one.name, one.fullname}), None)
    if table is None:
        raise PolicyError(_no("table", str(message.table), [one.fullname for one in tables], message))
    for name in message.columns:
        if name not in table.c:
            raise PolicyError(_no(f"column of {table.name}", name, list(table.c.keys()), message))
    return tuple(table.c[name] for name in message.columns)


def _no(what: str, name: str, known: list[str], message: Message) -> str:
    near = get_close_matches(name, known, n=1)
    return f"The message for {message.place}: there is no {what} {name!r}." + (
        f" Did you mean {near[0]}?" if near else ""
    )


def _of_models(tables: list[Table]) -> Iterator[_Word]:
    """Yield the messages of constraints and indexes, then those of columns, which say less."""
    for table in tables:
        for target in (*table.constraints, *table.indexes):
            message = target.info.get(INFO)
            if message is None and isinstance(target, ForeignKeyConstraint):
                message = next((key.info[INFO] for key in target.elements if INFO in key.info), None)
            if message is not None:
                yield _Word(target, message)
    for table in tables:
        yield from (_Word(column, column.info[INFO], _MISSING) for column in table.c if INFO in column.info)


def _spoken(message: Any, language: str) -> str:
    if isinstance(message, Mapping):
        chosen = next(tag for tag in (language, "en", *message) if tag in message)
        return str(message[chosen])
    render = getattr(message, "render", None)  # the policy's texts
    return str(message) if render is None else str(render(language, 1, {}))
