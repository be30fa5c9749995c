"""What an audit rule is: a check, a stable code, a name, and one docstring that is the only copy of its documentation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from diag_rules.deletion._finding import Severity

if TYPE_CHECKING:
    from ._model import Model

HEADINGS = ("What it flags:", "Why:", "Hint:")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mapping is written: a file and a line of it, from 1."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    """What a check found; the audit adds the rule's code and name.

    Attributes:
        where: what it is about, unique within the rule: ``Project.invitations``, ``release_observations.related_id``.
        severity: where it differs from the rule's own.
    """

    where: str
    message: str
    fix: str
    place: Place | None = None
    severity: Severity | None = None


Check = Callable[["Model"], Iterator[Hazard]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A check with its code, its name, its usual severity and its page.

    Attributes:
        summary: the first line of the docstring.
        flags, why, hint: the texts under the docstring's headings.
    """

    code: str
    name: str
    severity: Severity
    check: Check
    summary: str
    flags: str
    why: str
    hint: str


REGISTRY: dict[str, Rule] = {}


def rule(code: str, name: str, severity: Severity) -> Callable[[Check], Check]:
    """Register a check. Raises ValueError for a code or name in use, or a docstring without its headings."""

    def register(check: Check) -> Check:
        if code in REGISTRY or name in {known.name for known in REGISTRY.values()}:
            raise ValueError(f"{code} {name}: the code or the name is in use; both are given once.")
        summary, flags, why, hint = _documented(code, inspect.getdoc(check) or "")
        REGISTRY[code] = Rule(code, name, severity, check, summary, flags, why, hint)
        return check

    return register


def _documented(code: str, doc: str) -> tuple[str, str, str, str]:
    """Return the docstring's summary and the text under each heading, each on one line."""
    starts = [doc.find(heading) for heading in HEADINGS]
    if -1 in starts or starts != sorted(starts):
        raise ValueError(f"{code}: the docstring needs the headings {', '.join(HEADINGS)} in this order.")
    cuts = [0, *starts, len(doc)]
    parts = [doc[start:end] for start, end in pairwise(cuts)]
    summary, flags, why, hint = (" ".join(part.split()) for part in parts)
    texts = (
        text.removeprefix(heading).strip() for text, heading in zip((flags, why, hint), HEADINGS, strict=True)
    )
    return (summary, *texts)  # type: ignore[return-value]  # three headings, so four texts
