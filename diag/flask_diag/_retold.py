"""The hints of a scan in the language of who reads them: they were kept in that of who scanned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from diag_rules.deletion import Reason
from diag_rules.deletion._hints import BlockerFacts
from diag_rules.deletion._retell import retell
from flask_diag.store import BlockedSubject

from ._messages import LANGUAGES
from ._state import State

KEPT = 10_000  # texts that a list remembers: most of its subjects are blocked alike


def retold(found: State, subjects: Iterable[BlockedSubject], language: str) -> tuple[BlockedSubject, ...]:
    """Return *subjects* with what their blockers say in *language*, as far as it is known whose words they were."""
    tell = teller(found, language)
    return tuple(map(tell, subjects))


def teller(found: State, language: str) -> Callable[[BlockedSubject], BlockedSubject]:
    """Return what says a subject's blockers in *language*; each text is looked for once."""
    known: dict[tuple[Any, ...], Mapping[str, str]] = {}

    def words(blocker: Mapping[str, Any]) -> Mapping[str, Any]:
        mark = tuple(str(blocker.get(name)) for name in _DECIDING)
        if mark not in known:
            if len(known) >= KEPT:
                known.clear()
            known[mark] = _words(found, blocker, language)
        return {**blocker, **known[mark]}

    return lambda one: replace(one, blockers=tuple(map(words, one.blockers)))


_DECIDING = ("table", "columns", "constraint", "reason", "count", "capped", "hint")


def _words(found: State, blocker: Mapping[str, Any], language: str) -> Mapping[str, str]:
    """Return the hint and the relation's name in *language*, or nothing: they stay as they are."""
    facts, hint = _facts(found, blocker), blocker.get("hint")
    if facts is None or not hint:
        return {}
    policy = found.rules.policy if found.rules is not None else None
    said = retell(facts, hint, language, LANGUAGES, policy)
    return {} if said is None else {"hint": said.hint, "relation": said.relation}


def _facts(found: State, blocker: Mapping[str, Any]) -> BlockerFacts | None:
    """Read what was kept; None for what an older version kept less of."""
    try:
        return BlockerFacts(
            table=blocker["table"],
            columns=tuple(blocker["columns"]),
            constraint=blocker["constraint"],
            count=blocker["count"],
            capped=blocker["capped"],
            reason=Reason(blocker["reason"]),
            path=(),
            subject=found.subject.name if found.subject is not None else "",
            key=None,
        )
    except (KeyError, ValueError):
        return None
