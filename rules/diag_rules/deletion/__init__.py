"""May this subject go? The audit of models, the check of one subject, the safe delete."""

from __future__ import annotations

from ._finding import Finding, Severity
from ._schema import Schema
from ._verdict import Blocker, Effect, How, Outcome, Reason, Remedy, RemedyAction, Verdict

__all__ = [
    "Blocker",
    "Effect",
    "Finding",
    "How",
    "Outcome",
    "Reason",
    "Remedy",
    "RemedyAction",
    "Schema",
    "Severity",
    "Verdict",
]
