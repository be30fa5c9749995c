"""What a schema can't say: names, conditions, hints, links, remedies, and rules of the business."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Mapper

from ._hints import BlockerFacts, Described, Speaks, describe, placeholder_words
from ._policy_bind import Clause, bind_relation, check_words, subject_columns
from ._policy_entries import BusinessRule, Message, Relation, SubjectWords, Triggers
from ._policy_errors import PolicyError
from ._policy_rules import BoundRule, bind_rule
from ._policy_texts import fill_link
from ._policy_toml import entries, read
from ._schema import Schema, Table


@dataclass(frozen=True, slots=True)
class _Bound:
    """What ``bind`` found."""

    clauses: tuple[Clause, ...]
    rules: tuple[BoundRule, ...]
    columns: frozenset[str]


class DeletionPolicy:
    """The policy of one kind of subject, written in Python or loaded from TOML.

    It is checked in two steps: its own shape when it is made, its names against the schema by ``bind``. Both raise
    PolicyError. A policy is never changed: ``bind`` returns a bound copy, and one policy serves several schemas.
    """

    __slots__ = ("_bound", "entries", "messages", "place", "relations", "subject", "triggers")

    def __init__(  # noqa: PLR0913 the sections of a policy, by keyword
        self,
        relations: Iterable[Relation] = (),
        rules: Iterable[BusinessRule] = (),
        *,
        subject: SubjectWords | None = None,
        triggers: Triggers | None = None,
        messages: Iterable[Message] = (),
        place: str = "policy",
    ) -> None:
        self.relations = tuple(relations)
        self.entries = tuple(rules)
        self.subject = subject or SubjectWords()
        self.triggers = triggers or Triggers()
        self.messages = tuple(messages)
        self.place = place
        self._bound: _Bound | None = None
        _once(rule.name for rule in self.entries)

    @classmethod
    def load(cls, source: DeletionPolicy | str | Path | Mapping[str, Any]) -> DeletionPolicy:
        """Return the policy in a TOML file (a path), TOML text, or a mapping of the same shape; a policy is returned as it is.

        Raises PolicyError with the file, the entry, the wrong name and the nearest right one.
        """
        if isinstance(source, DeletionPolicy):
            return source
        data, place = read(source)
        return cls(**entries(data, place))

    def bind(self, schema: Schema, subject: Table | Any, mapper: Mapper[Any] | None = None) -> DeletionPolicy:
        """Return a copy bound to the tables of *schema*, for subjects in the table *subject*.

        *mapper* is the subject's, where it is a mapped class; entries with ``of`` need it.
        Raises PolicyError for tables, columns, relationships, constraints and placeholders that do not exist.
        """
        table = schema.tables[subject.key]
        clauses = tuple(
            self._placed("[[relation]]", number, entry, lambda e: bind_relation(e, schema, table, mapper))
            for number, entry in enumerate(self.relations, 1)
        )
        rules = tuple(
            self._placed("[[rule]]", number, entry, lambda e: bind_rule(e, schema, table))
            for number, entry in enumerate(self.entries, 1)
        )
        try:
            check_words("the subject", table, name=self.subject.name, hint=None, link=self.subject.link)
        except PolicyError as error:
            raise error.within(f"{self.place}, [subject]") from None
        bound = DeletionPolicy(
            self.relations,
            self.entries,
            subject=self.subject,
            triggers=self.triggers,
            messages=self.messages,
            place=self.place,
        )
        bound._bound = _Bound(clauses, rules, subject_columns(self._words(), table))
        return bound

    def _placed(self, section: str, number: int, entry: Any, bind: Any) -> Any:
        try:
            return bind(entry)
        except PolicyError as error:
            raise error.within(f"{self.place}, {section} {number} ({entry.place})") from error.__cause__

    def _words(self) -> Iterable[Any]:
        yield self.subject.link
        for relation in self.relations:
            yield from (relation.hint, relation.link)
        for rule in self.entries:
            yield from (rule.hint, rule.link)

    def subject_link(self, key: Any, values: Mapping[str, Any]) -> str | None:
        """Return the host's page of the subject with *key* and these *values* of its columns, or None where nobody said."""
        words = placeholder_words(1, key, values, table="")
        return None if self.subject.link is None else fill_link(self.subject.link, words)

    @property
    def rules(self) -> tuple[BoundRule, ...]:
        """The business rules, in the order of the policy."""
        return self._found.rules

    @property
    def subject_columns(self) -> frozenset[str]:
        """The columns of the subject that hints and links name; give them to ``BlockerFacts.values``."""
        return self._found.columns

    def clauses(
        self, table: str, columns: tuple[str, ...], constraint: str | None = None
    ) -> tuple[Clause, ...]:
        """Return the clauses for rows of *table* that refer by *columns*, in the order in which they are tried.

        Each row belongs to the first clause whose condition it meets; a row that meets none gets the schema's hint.
        """
        return tuple(clause for clause in self._found.clauses if clause.covers(table, columns, constraint))

    def harmless(self, table: str, trigger: str) -> bool:
        """Return whether the application says that this trigger neither stops a deletion nor changes what it meets."""
        return self.triggers.covers(table, trigger)

    def describe(
        self, facts: BlockerFacts, clause: Speaks | None = None, locale: str | None = None
    ) -> Described:
        """Put a blocker into words; see ``_hints.describe``."""
        return describe(facts, clause, locale)

    @property
    def _found(self) -> _Bound:
        if self._bound is None:
            raise PolicyError(
                f"{self.place} is not bound to a schema: call bind() and use the policy that it returns."
            )
        return self._bound


def _once(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise PolicyError(f"Two rules are named {name!r}: rename one.")
        seen.add(name)
