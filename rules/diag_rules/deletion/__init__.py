"""May this subject go? The audit of models, the check of one subject, the safe delete."""

from __future__ import annotations

from ._finding import Finding, Severity
from ._hints import for_public, use_language
from ._keys import KeyReader
from ._observe import observe
from ._policy import DeletionPolicy
from ._policy_entries import BusinessRule, Message, Relation, SubjectWords, Triggers
from ._policy_errors import PolicyError
from ._refused import DeletionRefused, LockDenied, ScanTimeout, UnknownSubject
from ._rules import DeletionRules
from ._scan_ranges import KeyRange
from ._scan_totals import Growth, RuleTotal, ScanSummary, rule_name, rule_of
from ._schema import Schema
from ._verdict import Blocker, Effect, How, Outcome, Reason, Remedy, RemedyAction, Verdict, mark_of

__all__ = [
    "Blocker",
    "BusinessRule",
    "DeletionPolicy",
    "DeletionRefused",
    "DeletionRules",
    "Effect",
    "Finding",
    "Growth",
    "How",
    "KeyRange",
    "KeyReader",
    "LockDenied",
    "Message",
    "Outcome",
    "PolicyError",
    "Reason",
    "Relation",
    "Remedy",
    "RemedyAction",
    "RuleTotal",
    "ScanSummary",
    "ScanTimeout",
    "Schema",
    "Severity",
    "SubjectWords",
    "Triggers",
    "UnknownSubject",
    "Verdict",
    "for_public",
    "mark_of",
    "observe",
    "rule_name",
    "rule_of",
    "use_language",
]
