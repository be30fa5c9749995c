"""The answer to an error: a value that becomes problem+json (RFC 9457) or a page.

It tells the application's own users what is true and what to do. SQL, values, names of constraints and of tables,
and the developers' advice never enter it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from diag_rules.deletion import Blocker, Verdict, for_public
from diag_rules.errors import Category, Classification, Kind

from ._messages import LANGUAGES
from ._subject import key_text

MISSING = frozenset((Kind.NOT_NULL_VIOLATION, Kind.NULL_VALUE_NOT_ALLOWED))
UNIQUE = frozenset((Kind.UNIQUE_VIOLATION, Kind.EXCLUSION_VIOLATION))
REFERENCE = frozenset((Kind.FOREIGN_KEY_VIOLATION, Kind.RESTRICT_VIOLATION))
RULES = frozenset(
    (
        Kind.RAISE_EXCEPTION,
        Kind.INTEGRITY_CONSTRAINT_VIOLATION,
        Kind.TRIGGERED_ACTION_EXCEPTION,
        Kind.TRIGGERED_DATA_CHANGE_VIOLATION,
        Kind.WITH_CHECK_OPTION_VIOLATION,
        Kind.STALE_DATA,
        Kind.ORM_MISUSE,
        Kind.ASSERT_FAILURE,
        Kind.UNRECOGNISED,
    )
)  # no single value of the request is at fault: 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An answer.

    Attributes:
        sort: which text it has; the end of its ``type``.
        retry_after: seconds, or None where waiting does not help.
        blockers: what stands in the way of a deletion, in the order in which it can be cleared, in words for the public.
    """

    status: int
    sort: str
    title: str
    detail: str
    reference: str
    language: str
    category: str
    kind: str | None = None
    subject: str | None = None
    key: Any = None
    blockers: tuple[Blocker, ...] = ()
    warnings: tuple[str, ...] = ()
    retry_after: int | None = None

    @property
    def hints(self) -> list[str]:
        """What to do, in order, each once."""
        return list(dict.fromkeys(blocker.hint for blocker in self.blockers))

    def members(self, type_prefix: str, instance: str) -> dict[str, Any]:
        """Return the members of the JSON object; those without a value are left out."""
        found = {
            "type": type_prefix + self.sort,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "reference": self.reference,
            "category": self.category,
            "kind": self.kind,
            "subject": self.subject,
            "key": _plain_key(self.key),
            "blockers": [_member(blocker) for blocker in self.blockers],
            "hints": self.hints,
            "warnings": list(self.warnings),
            "retry_after": self.retry_after,
        }
        return {name: value for name, value in found.items() if value not in (None, [])}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What an answer is made from, apart from the error: who asks, and about what.

    Attributes:
        message: the application's own words for the constraint that is broken, or None.
        name: what people call the subject ("project", "项目"), or None where nobody said.
    """

    reference: str
    language: str
    retry_after: int
    subject: str | None = None
    key: Any = None
    message: str | None = None
    name: str | None = None


def of_error(found: Classification, case: Case) -> Problem:
    """Return the answer to a classified error that broke no deletion."""
    sort, status = _sort(found)
    waits = {Category.OUTAGE: case.retry_after, Category.CONTENTION: 1}
    return _problem(sort, status, found, case, retry_after=waits.get(found.category))


def of_deletion(found: Classification, case: Case, verdict: Verdict | None) -> Problem:
    """Return the answer to a deletion that broke a rule; *verdict* says what blocks it, if that is known."""
    blocked = verdict is not None and bool(verdict.blockers)
    return _problem("deletion-blocked" if blocked else "deletion-failed", 409, found, case, verdict=verdict)


def of_refusal(verdict: Verdict, case: Case) -> Problem:
    """Return the answer to a safe delete that refused."""
    sort = "deletion-blocked" if verdict.blockers else "deletion-failed"
    return _problem(sort, 409, None, case, verdict=verdict)


def _problem(  # noqa: PLR0913 the members of one value
    sort: str,
    status: int,
    found: Classification | None,
    case: Case,
    *,
    verdict: Verdict | None = None,
    retry_after: int | None = None,
) -> Problem:
    texts = LANGUAGES[case.language]
    subject = verdict.subject if verdict is not None else case.subject
    blockers = verdict.blockers if verdict is not None else ()
    return Problem(
        status=status,
        sort=sort,
        title=_title(texts.titles[sort], case.name or _words(subject or "")),
        detail=case.message or texts.details[sort],
        reference=case.reference,
        language=case.language,
        category=str(found.category if found is not None else Category.BUSINESS_RULE),
        kind=str(found.kind) if found is not None else None,
        subject=subject,
        key=verdict.key if verdict is not None else case.key,
        blockers=tuple(for_public(blocker, case.language) for blocker in blockers),
        warnings=verdict.warnings if verdict is not None else (),
        retry_after=retry_after,
    )


def _title(text: str, name: str) -> str:
    title = text.format(subject=name)
    return title[:1].upper() + title[1:]


def _words(name: str) -> str:
    """Return the name of a class or a table as people read it: ``ReleaseFile`` is "Release file"."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ")
    return words[:1] + words[1:].lower() if " " in words else words


def _sort(found: Classification) -> tuple[str, int]:
    match found.category:
        case Category.OUTAGE:
            return "outage", 503
        case Category.CONTENTION:
            return "contention", 503
        case Category.BUSINESS_RULE:
            return _broken(found.kind)
        case _:
            return "defect", 500


def _broken(kind: Kind) -> tuple[str, int]:
    if kind in UNIQUE:
        return "unique", 409
    if kind in REFERENCE:
        return "reference", 409
    if kind in RULES:
        return "rule", 409
    return ("missing-value" if kind in MISSING else "bad-value"), 422


def _member(blocker: Blocker) -> dict[str, Any]:
    found = {
        "relation": blocker.relation,
        "count": blocker.count,
        "capped": blocker.capped or None,
        "hint": blocker.hint,
        "link": blocker.remedy.link,
    }
    return {name: value for name, value in found.items() if value is not None}


def _plain_key(key: Any) -> Any:
    return key if isinstance(key, int | str) or key is None else key_text(key)
