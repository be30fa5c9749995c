"""What the audit answers: a hazard in the models or in the schema."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is: an error will refuse deletions, a warning may, a note costs only time."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A hazard.

    Attributes:
        code: the rule's stable code, ``DEL001``.
        rule: the rule's name, which says the pattern found.
        where: what it is about: ``Project.invitations``, ``release_observations.related_id``.
        message: what is wrong here, in one sentence.
        fix: the exact change to make.
        file: the file of the mapping, or None where it is not known.
        line: its line, from 1, or None.
    """

    code: str
    rule: str
    severity: Severity
    where: str
    message: str
    fix: str
    file: str | None = None
    line: int | None = None
