"""``docs/reference/policy.md``: every key of a rule pack, from the entries that it is read into."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from itertools import groupby
from typing import Any

from diag_rules.deletion import BusinessRule, Message, Relation, SubjectWords, Triggers, _policy_grammar

from ._markdown import code, described, first_sentence, page, table

HEAD = """
A policy says what a schema can't: what people call a relation, what to do about it, and rules that no foreign key states. As a TOML
file it is a *rule pack*; in Python the same entries are arguments of `DeletionPolicy`. It is read and bound to the models at the
start: a name that does not exist is refused with the nearest that does. Nothing in the file is executed.

A text is one sentence, `"..."`; or one by language, `{ en = "...", zh = "..." }`; or, by language, one for each plural form,
`{ en = { one = "revoke {count} invitation", other = "revoke {count} invitations" }, zh = "..." }`.
"""
SECTIONS = (
    ("[subject]", SubjectWords),
    ("[[relation]]", Relation),
    ("[[rule]]", BusinessRule),
    ("[[message]]", Message),
    ("[triggers]", Triggers),
)


def policy() -> str:
    """Return the page."""
    conditions = (inspect.getdoc(_policy_grammar) or "").partition("\n\n")[2]
    return page(
        "Rule packs",
        HEAD,
        *(_section(head, kind) for head, kind in SECTIONS),
        "## Conditions",
        "The language of `when`. " + code(conditions),
    )


def _section(head: str, kind: type[Any]) -> str:
    texts = described(kind)
    rows = [
        (", ".join(f"`{one.name}`" for one in group), _default(group[0]), text)
        for text, group in _grouped(fields(kind), texts)
    ]
    return f"## `{head}`\n\n{first_sentence(kind)}\n\n{table(('key', 'default', 'meaning'), rows)}"


def _grouped(
    keys: Iterable[Field[Any]], texts: Mapping[str, str]
) -> Iterator[tuple[str, Sequence[Field[Any]]]]:
    """Yield each text with the keys that it is for, which stand side by side."""
    for text, group in groupby(keys, lambda one: texts[one.name]):
        yield text, tuple(group)


def _default(one: Field[Any]) -> str:
    if one.default is MISSING:
        return "must be given"
    if isinstance(one.default, bool):
        return f"`{str(one.default).lower()}`"
    return "none" if one.default in (None, ()) else f"`{one.default}`"
