"""The audit of an application's models, done once."""

from __future__ import annotations

from diag_rules.deletion import Finding

from ._state import State
from ._verdicts import NO_SUBJECT


def findings(state: State) -> tuple[Finding, ...]:
    """Return what the audit finds in the mapping of the subject.

    Raises:
        RuntimeError: the application named no subject.
    """
    if state.findings is None:
        if state.rules is None:
            raise RuntimeError(NO_SUBJECT)
        state.findings = tuple(state.rules.audit())
    return state.findings
