"""What to tell people about a blocker: from the policy where it speaks, else from the schema alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ._hint_texts import NAMED, UNNAMED
from ._policy_texts import DEFAULT, Texts, fill_link
from ._verdict import Reason, Remedy, RemedyAction

if TYPE_CHECKING:
    from ._policy_entries import Relation

_language: ContextVar[str] = ContextVar("diag_hint_language", default=DEFAULT)
_BY_HAND = (Reason.DEPTH, Reason.ORM, Reason.RULE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockerFacts:
    """What is known about one blocking relation when its hint is written.

    Attributes:
        path: the tables from the subject to the blocking rows.
        subject: the name of the mapped class or table.
        relationship: the ORM relationship that causes it, or None.
        ondelete: the action of the foreign key ("CASCADE"), or None where there is no foreign key or it is not known.
        values: the subject's columns, as far as they were read, for placeholders.
        capped: *count* is a lower bound.
    """

    table: str
    columns: tuple[str, ...]
    constraint: str | None
    count: int
    reason: Reason
    path: tuple[str, ...]
    subject: str
    key: Any
    relationship: str | None = None
    ondelete: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    capped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A blocker in words: the hint, the name people use for the relation, and what clears it."""

    hint: str
    relation: str
    remedy: Remedy


class Speaks(Protocol):
    """A clause of a policy, as far as words go."""

    @property
    def entry(self) -> Relation:
        """The entry of the policy."""


@contextmanager
def use_language(tag: str) -> Iterator[None]:
    """Write hints in the language *tag* (``zh``, ``zh-Hans``) within this block, for this thread or task."""
    token = _language.set(tag)
    try:
        yield
    finally:
        _language.reset(token)


def describe(facts: BlockerFacts, clause: Speaks | None = None, locale: str | None = None) -> Described:
    """Put the blocker into words, in *locale* or else the language of ``use_language``, else English."""
    language = speaking_language(locale)
    entry = clause.entry if clause is not None else None
    values = placeholder_values(facts)
    relation = entry.name.render(language, facts.count, values) if entry and entry.name else facts.table
    remedy = _remedy(entry, facts, values)
    hint = _hint(entry, facts, {**values, "relation": relation}, remedy, language)
    return Described(hint=hint, relation=relation, remedy=remedy)


def speaking_language(locale: str | None = None) -> str:
    """Return *locale*, or else the language of ``use_language``, or else English."""
    return locale or _language.get()


def placeholder_values(facts: BlockerFacts) -> dict[str, Any]:
    """Return what hints and links of a policy may name: count, key, table, subject, and the subject's columns."""
    words = placeholder_words(facts.count, facts.key, facts.values, table=facts.table, subject=facts.subject)
    return {**words, "count": f"{facts.count}+" if facts.capped else str(facts.count)}


def placeholder_words(
    count: int, key: Any, values: Mapping[str, Any], *, table: str, subject: str = ""
) -> dict[str, Any]:
    """Return the same for any count of rows; the fixed words win over columns of the same name."""
    return {**values, "count": str(count), "key": spoken_key(key), "table": table, "subject": subject}


def spoken_key(key: Any) -> str:
    """Return a key as people read it; the parts of a composite key are joined by commas."""
    return ", ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _remedy(entry: Relation | None, facts: BlockerFacts, values: Mapping[str, Any]) -> Remedy:
    if entry is None:
        return Remedy(action=RemedyAction.MANUAL if facts.reason in _BY_HAND else RemedyAction.DELETE)
    link = fill_link(entry.link, values) if entry.link else None
    return Remedy(action=entry.remedy, automatic=entry.automatic, link=link)


def _hint(
    entry: Relation | None, facts: BlockerFacts, values: Mapping[str, Any], remedy: Remedy, language: str
) -> str:
    if entry is not None and entry.hint is not None:
        try:
            texts: Texts = entry.hint
            return texts.render(language, facts.count, values)
        except KeyError:  # a column of the subject that nobody read: the schema's hint needs none
            pass
    if entry is not None and entry.name is not None:
        return NAMED[remedy.action].render(language, facts.count, values)
    return default_texts(facts).render(language, facts.count, {**values, **_technical(facts)})


def default_texts(facts: BlockerFacts) -> Texts:
    """Return the texts for a relation that no policy speaks of."""
    variant = ""
    if facts.relationship is not None and facts.reason is Reason.NOT_NULL:
        variant = "orm_cascade" if facts.ondelete == "CASCADE" else "orm"
    return UNNAMED[facts.reason, variant]


def _technical(facts: BlockerFacts) -> dict[str, str]:
    return {
        "columns": ", ".join(f"{facts.table}.{column}" for column in facts.columns) or facts.table,
        "constraint": facts.constraint or ", ".join(facts.columns),
        "relationship": facts.relationship or facts.table,
    }
