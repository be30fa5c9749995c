"""Say a hint that was kept in one language again in another.

What a store keeps of a blocker is little, and its words are those of the moment. So every text that may have been the hint's is
written anew, and the one that comes out the same is the one: a policy that has changed since changes nothing that was kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from ._hints import BlockerFacts, Described, describe
from ._policy import DeletionPolicy
from ._policy_bind import Clause
from ._policy_rules import BoundRule
from ._verdict import Reason

MARK = "\ue000"  # of a private use area: no text of people has it
MOST_MARKS, MOST_TEXT = 3, 1_000  # with more, finding where each name ends could take long
Speaker: TypeAlias = Callable[[BlockerFacts, str], Described]


def retell(
    facts: BlockerFacts, hint: str, locale: str, languages: Iterable[str], policy: DeletionPolicy | None
) -> Described | None:
    """Return in *locale* what *hint* said of *facts* in one of *languages*; None where nobody's words are like it.

    The key, the values, the relationship and whether the schema is broken need not be known: the hint tells.
    """
    names = {"key", *(policy.subject_columns if policy is not None else ())}
    marks = {name: f"{MARK}{name}{MARK}" for name in names}
    for speaks in _speakers(facts, policy):
        for language in dict.fromkeys((locale, *languages)):
            named = _named(speaks(_with(facts, marks), language).hint, hint)
            if named is not None:
                found = speaks(_with(facts, {**marks, **named}), locale)
                return None if MARK in found.hint + found.relation else found
    return None


def _with(facts: BlockerFacts, values: Mapping[str, str]) -> BlockerFacts:
    return replace(facts, key=values["key"], values=values)


def _named(written: str, hint: str) -> dict[str, str] | None:
    """Return what *hint* has where *written* has marks; None where they are not the same text, or may be it in two ways."""
    plain = written.split(MARK)
    if len(plain) == 1:
        return {} if written == hint else None
    if len(plain) > 1 + 2 * MOST_MARKS or len(hint) > MOST_TEXT:
        return None
    greedy, lazy = (re.fullmatch(_pattern(plain, gap), hint, re.DOTALL) for gap in (".*", ".*?"))
    if greedy is None or lazy is None or greedy.groupdict() != lazy.groupdict():
        return None
    return greedy.groupdict()


def _pattern(plain: list[str], gap: str) -> str:
    """Return the pattern of a text with marks, which are the odd ones of *plain*."""
    pattern, seen = "", set[str]()
    for place, text in enumerate(plain):
        if place % 2 == 0:
            pattern += re.escape(text)
        else:
            pattern += f"(?P={text})" if text in seen else f"(?P<{text}>{gap})"
            seen.add(text)
    return pattern


def _speakers(facts: BlockerFacts, policy: DeletionPolicy | None) -> Iterator[Speaker]:
    """Yield all whose words the hint may be, in the order in which they are asked for a blocker."""
    if facts.reason is Reason.RULE:
        rules = policy.rules if policy is not None else ()
        yield from (partial(_of_rule, rule) for rule in rules if rule.name == facts.constraint)
        return
    clauses = policy.clauses(facts.table, facts.columns, facts.constraint) if policy is not None else ()
    for clause in (*clauses, None):
        for relationship, broken in ((None, None), ("", None), (None, "")):
            yield partial(_of_relation, clause, relationship, broken)


def _of_rule(rule: BoundRule, facts: BlockerFacts, locale: str) -> Described:
    return rule.describe(facts.count, facts.key, facts.values, locale)


def _of_relation(
    clause: Clause | None, relationship: str | None, broken: str | None, facts: BlockerFacts, locale: str
) -> Described:
    return describe(replace(facts, relationship=relationship, broken=broken), clause, locale)
