"""What a visitor may do about a subject from its page."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from diag_rules.deletion import Blocker, How, Outcome, Reason, Verdict, mark_of
from flask_diag._access import may
from flask_diag._report import Report
from flask_diag._state import State

from ._answer import steps


@dataclass(frozen=True, slots=True)
class Remedying:
    """A single remedy that is offered.

    Attributes:
        mark: names the blocker in a form.
    """

    mark: str
    blocker: Blocker


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """What is offered.

    Attributes:
        how: the way of deleting that it is about.
        deletes: the safe delete is offered, as it may pass.
        remedies: what the policy clears by itself, one at a time.
    """

    how: How
    deletes: bool
    remedies: tuple[Remedying, ...]


def offers(found: State, report: Report) -> Offers | None:
    """Return what the policy allows and the visitor may do, or None: nothing."""
    policy, verdict = (found.rules.policy if found.rules is not None else None), report.verdicts[0]
    if policy is None or not current_app.secret_key:
        return None
    remedies = tuple(Remedying(mark_of(one), one) for one in steps(verdict) if one.remedy.automatic)
    deletes = policy.subject.delete and _may_pass(verdict)
    if not (remedies or deletes) or not may(found, "act"):
        return None
    return Offers(how=verdict.how, deletes=deletes, remedies=remedies)


def _may_pass(verdict: Verdict) -> bool:
    """Tell whether the safe delete can pass: nothing blocks but what it clears by itself."""
    if verdict.outcome is not Outcome.BLOCKED:
        return True
    return all(one.remedy.automatic and one.reason is not Reason.RULE for one in steps(verdict))
