"""May this subject go? The audit of models, the check of one subject, the safe delete."""

from __future__ import annotations

from ._finding import Finding, Severity
from ._hints import for_public, use_language
from ._policy import DeletionPolicy
from ._policy_entries import BusinessRule, Relation, SubjectWords, Triggers
from ._policy_errors import PolicyError
from ._refused import DeletionRefused, UnknownSubject
from ._rules import DeletionRules
from ._schema import Schema
from ._verdict import Blocker, Effect, How, Outcome, Reason, Remedy, RemedyAction, Verdict

__all__ = [
    "Blocker",
    "BusinessRule",
    "DeletionPolicy",
    "DeletionRefused",
    "DeletionRules",
    "Effect",
    "Finding",
    "How",
    "Outcome",
    "PolicyError",
    "Reason",
    "Relation",
    "Remedy",
    "RemedyAction",
    "Schema",
    "Severity",
    "SubjectWords",
    "Triggers",
    "UnknownSubject",
    "Verdict",
    "for_public",
    "use_language",
]
