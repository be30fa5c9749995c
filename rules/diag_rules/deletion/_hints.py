"""What to tell people about a blocker: from the policy where it speaks, else from the schema alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from ._hint_texts import ADVICE, NAMED, PUBLIC, UNNAMED
from ._policy_texts import DEFAULT, Texts, fill_link
from ._verdict import Blocker, Reason, Remedy, RemedyAction

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
        broken: why the database fails on every such deletion, whatever rows there are, or None.
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
    broken: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A blocker in words; the attributes are those of ``Blocker``."""

    hint: str
    relation: str
    remedy: Remedy
    advice: str = ""
    from_schema: bool = False


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
    entry = clause.entry if clause is not None and facts.broken is None else None
    values = placeholder_values(facts)
    relation = entry.name.render(language, facts.count, values) if entry and entry.name else facts.table
    remedy = _remedy(entry, facts, values)
    hint = _policy_hint(entry, facts, {**values, "relation": relation}, remedy, language)
    return Described(
        hint=hint or _schema_hint(facts, language),
        relation=relation,
        remedy=remedy,
        advice=_advice(facts, language),
        from_schema=hint is None,
    )


def for_public(blocker: Blocker, locale: str | None = None) -> Blocker:
    """Return *blocker* in words for the application's own users: no names of tables or relationships, no advice.

    The words of a policy stay as they are, in the language in which they were written.
    """
    relation = words_of(blocker.table) if blocker.relation == blocker.table else blocker.relation
    hint = blocker.hint
    if blocker.from_schema:
        # of a schema's own words, MANUAL with a foreign key is a broken one: see _remedy
        broken = blocker.remedy.action is RemedyAction.MANUAL
        texts = PUBLIC[_hint_key(blocker.reason, blocker.relationship, broken=broken)]
        count = f"{blocker.count}+" if blocker.capped else str(blocker.count)
        hint = texts.render(speaking_language(locale), blocker.count, {"count": count, "relation": relation})
    return replace(blocker, hint=hint, relation=relation, advice="")


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


def words_of(table: str) -> str:
    """Return the name of a table as words: ``billing.release_observations`` is "release observations"."""
    name = table.rpartition(".")[2]
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ").split()
    return " ".join(parts).lower() or name


def _remedy(entry: Relation | None, facts: BlockerFacts, values: Mapping[str, Any]) -> Remedy:
    if entry is None:
        by_hand = facts.reason in _BY_HAND or facts.broken is not None
        return Remedy(action=RemedyAction.MANUAL if by_hand else RemedyAction.DELETE)
    link = fill_link(entry.link, values) if entry.link else None
    return Remedy(action=entry.remedy, automatic=entry.automatic, link=link)


def _policy_hint(
    entry: Relation | None, facts: BlockerFacts, values: Mapping[str, Any], remedy: Remedy, language: str
) -> str | None:
    """Return what the policy says, or None where it has no words."""
    if entry is not None and entry.hint is not None:
        try:
            texts: Texts = entry.hint
            spoken = values if entry.name is not None else {**values, "relation": words_of(facts.table)}
            return texts.render(language, facts.count, spoken)
        except KeyError:  # a column of the subject that nobody read: the schema's hint needs none
            pass
    if entry is not None and entry.name is not None:
        return NAMED[remedy.action].render(language, facts.count, values)
    return None


def _schema_hint(facts: BlockerFacts, language: str) -> str:
    texts = UNNAMED[_hint_key(facts.reason, facts.relationship, broken=facts.broken is not None)]
    return texts.render(language, facts.count, {**placeholder_values(facts), "relation": facts.table})


def _hint_key(reason: Reason, relationship: str | None, *, broken: bool) -> tuple[Reason, str]:
    variant = "broken" if broken else "orm" if relationship is not None else ""
    return (reason, variant) if (reason, variant) in UNNAMED else (reason, "")


def _advice(facts: BlockerFacts, language: str) -> str:
    """Return what the developers have to change; "" where nothing is wrong with the models."""
    texts = ADVICE.get((facts.reason, _cause(facts)))
    return "" if texts is None else texts.render(language, facts.count, _technical(facts))


def _cause(facts: BlockerFacts) -> str:
    """Return the variant of the advice."""
    if facts.broken is not None:
        return "broken"
    if facts.relationship is not None:
        cascades = facts.reason is Reason.NOT_NULL and facts.ondelete == "CASCADE"
        return "orm_cascade" if cascades else "orm"
    action = (facts.ondelete or "").lower().replace(" ", "_")
    return action if (facts.reason, action) in ADVICE else ""


def _technical(facts: BlockerFacts) -> dict[str, str]:
    return {
        "columns": ", ".join(f"{facts.table}.{column}" for column in facts.columns) or facts.table,
        "constraint": facts.constraint or ", ".join(facts.columns),
        "relationship": facts.relationship or facts.table,
        "broken": facts.broken or "",
    }
