"""Count deletions: those that a rule refused, and what the safe delete removed, once it is committed."""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

from sqlalchemy import event
from sqlalchemy.orm import Session

from diag_exporters._catalogue import DELETIONS_REFUSED, ROWS_CLEANED, SAFE_DELETES
from diag_exporters._metrics import Metrics
from diag_rules.deletion import Verdict, observe, rule_name, rule_of
from diag_rules.errors import Classification

from ._guard import guarded
from ._request import Memory, memory
from ._state import State

_PENDING = "flask_diag_deletions"  # in a session's info: safe deletes that wait for their COMMIT
_states: WeakSet[State] = WeakSet()


def watch_deletions(state: State) -> None:
    """Count the safe deletes on the engines of *state*."""
    _states.add(state)
    observe(_safe_delete)


def refused_by_database(state: State, found: Classification, remembered: Memory | None) -> None:
    """Note a deletion that the database refused: counted with the answer's verdict, which names every rule, or at the end."""
    if remembered is None:
        _count_error(state, found)
    else:
        remembered.refused = found


def count_judged(state: State, verdict: Verdict | None) -> None:
    """Count a refused deletion by the rules that its verdict names."""
    remembers = memory()
    if verdict is None or not verdict.blockers or remembers is None or remembers.refused is None:
        return
    remembers.refused = None
    _count_blockers(state.metrics, verdict)


def count_unjudged(state: State, remembers: Memory) -> None:
    """Count, at the request's end, a refused deletion that got no verdict, by what the database named."""
    if remembers.refused is not None:
        _count_error(state, remembers.refused)
        remembers.refused = None


def _count_error(state: State, found: Classification) -> None:
    if state.metrics is not None:
        with guarded("counting a refused deletion"):
            state.metrics.add(DELETIONS_REFUSED, 1, _rule(state, found))


def _count_blockers(metrics: Metrics | None, verdict: Verdict) -> None:
    if metrics is not None:
        with guarded("counting a refused deletion"):
            for rule in dict.fromkeys(map(rule_of, verdict.blockers)):
                metrics.add(DELETIONS_REFUSED, 1, rule)


def _rule(state: State, found: Classification) -> str:
    """Name the rule as a scan does (``role_invitations.project_id``), else by its constraint or its table."""
    if found.table and found.columns:
        return rule_name(found.table, tuple(found.columns))
    rules = state.rules
    keys = (
        [key for table in rules.schema.tables.values() for key in table.foreign_keys]
        if rules is not None
        else []
    )
    named = [key for key in keys if found.constraint and key.name == found.constraint]
    here = [key for key in keys if found.table and key.table.rpartition(".")[2] == found.table]
    for fitting in (named, here):
        if len(fitting) == 1:
            return rule_name(fitting[0].table, fitting[0].columns)
    return found.constraint or found.table or "unnamed"


def _safe_delete(session: Session, verdict: Verdict, refused: bool) -> None:  # noqa: FBT001 as observers are called
    with guarded("counting a safe delete"):
        metrics = _metrics_of(session)
        if metrics is None:
            return
        if refused:
            _count_blockers(metrics, verdict)
            return
        if _PENDING not in session.info:
            session.info[_PENDING] = []
            # on this session only: no commit or rollback of any other pays for it
            event.listen(session, "after_commit", _committed)
            event.listen(session, "after_rollback", _rolled_back)
        session.info[_PENDING].append((metrics, verdict))


def _metrics_of(session: Session) -> Metrics | None:
    bind: Any = session.connection()
    return next((state.metrics for state in list(_states) if state.has_engine(bind)), None)


def _committed(session: Session) -> None:
    with guarded("counting a safe delete"):
        done, session.info[_PENDING] = session.info.get(_PENDING, ()), []
        for metrics, verdict in done:
            metrics.add(SAFE_DELETES, 1)
            cleared = verdict.done[: len(verdict.done) - len(verdict.deleted)]
            for effect in cleared:
                metrics.add(ROWS_CLEANED, effect.count, effect.table)


def _rolled_back(session: Session) -> None:
    session.info[_PENDING] = []
