"""What people call the subject."""

from __future__ import annotations

from dataclasses import dataclass

from flask_diag._state import State


@dataclass(frozen=True, slots=True)
class Noun:
    """A word of the policy, else the name of the class.

    Attributes:
        one: "project".
        many: "projects".
    """

    one: str
    many: str


def noun(found: State, language: str) -> Noun:
    """Return what people call the subject in *language*."""
    subject = found.subject
    if subject is None:
        return Noun("", "")
    texts = None if found.policy is None else found.policy.subject.name
    if texts is None:
        return Noun(subject.name, subject.plural.replace("-", " "))
    return Noun(texts.render(language, 1, {}), texts.render(language, 2, {}))
