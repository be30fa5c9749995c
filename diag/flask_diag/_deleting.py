"""Which deletion is under way: so that an error on ``UPDATE role_invitations`` is known to break one.

The unit of work nulls children before it deletes their parent, so the error comes before any event of the
subject's own mapper. The session's ``before_flush`` is the one place that knows what is about to go.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Delete, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.orm import Session
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BinaryExpression, BindParameter

from diag_rules.deletion import How

from ._guard import guarded
from ._subject import Subject

if TYPE_CHECKING:
    from ._state import State

MAX_KEYS = 10  # subjects of one flush that an answer looks at


@dataclass(slots=True)
class Deletion:
    """Subjects that a flush or a statement is about to delete.

    Attributes:
        keys: at most `MAX_KEYS`; empty where the statement does not say them.
        flushed: the flush has passed: what fails now is COMMIT, or something else.
    """

    subject: str
    keys: tuple[Any, ...]
    how: How
    session: weakref.ref[Session] | None = None
    flushed: bool = field(default=False)


_current: ContextVar[Deletion | None] = ContextVar("diag_deletion", default=None)
_states: weakref.WeakSet[State] = weakref.WeakSet()
_listening: list[bool] = []


def watch_sessions(state: State) -> None:
    """Let deletions by any session on the engines of *state* be seen.

    The listener is on the class, because a session may be made anywhere; for a session on another engine, and
    for a flush without deletions, it returns at once.
    """
    _states.add(state)
    if not _listening:
        _listening.append(True)
        event.listen(Session, "before_flush", _before_flush)
        event.listen(Session, "after_flush", _after_flush)


def current(context: ExceptionContext | None = None) -> Deletion | None:
    """Return the deletion that an error breaks: one in its flush, or, for an error of COMMIT, one flushed."""
    found = _current.get()
    if found is None:
        return None
    if not found.flushed:
        return found
    at_commit = context is not None and (context.statement is None or _checks_constraints(context.statement))
    return found if at_commit and _open(found) else None


def of_statement(context: ExceptionContext, subject: Subject) -> Deletion | None:
    """Return the deletion that the failed statement itself is: a DELETE on the subject's table."""
    compiled = getattr(context.execution_context, "compiled", None)
    statement = getattr(compiled, "statement", None)
    if isinstance(statement, Delete):
        if not _same(statement.table, subject.table):
            return None
        key = _key(statement, subject, context.parameters)
        return Deletion(subject.name, () if key is None else (key,), How.SQL)
    if context.statement is None or context.statement.lstrip()[:6].upper() != "DELETE":
        return None
    name = re.escape(subject.table.name)
    pattern = rf'\s*DELETE\s+FROM\s+(?:[\w"`]+\.)?["`]?{name}["`]?(?:\s|;|$)'
    if re.match(pattern, context.statement, re.IGNORECASE):
        return Deletion(subject.name, (), How.SQL)
    return None


def forget() -> None:
    """Forget the deletion: the request is over."""
    _current.set(None)


def _before_flush(session: Session, _context: Any, _instances: Any) -> None:
    deleted = session.deleted
    if not deleted:
        found = _current.get()
        if found is not None and not found.flushed:  # its flush failed; this one is another matter
            _current.set(None)
        return
    with guarded("looking at what a session deletes"):
        for state in list(_states):
            keys = _keys(state, session, deleted)
            if keys and state.subject is not None:
                _current.set(Deletion(state.subject.name, keys, How.ORM, weakref.ref(session)))
                return


def _after_flush(session: Session, _context: Any) -> None:
    found = _current.get()
    if found is not None and found.session is not None and found.session() is session:
        found.flushed = True


def _keys(state: State, session: Session, deleted: Iterable[Any]) -> tuple[Any, ...]:
    subject = state.subject
    if subject is None or not isinstance(subject.cls, type):
        return ()
    rows = [row for row in deleted if isinstance(row, subject.cls)]
    if not rows or not state.has_engine(session.get_bind(type(rows[0]))):
        return ()
    return tuple(subject.key_of(row) for row in rows[:MAX_KEYS])


def _open(found: Deletion) -> bool:
    session = found.session() if found.session is not None else None
    return session is not None and session.get_transaction() is not None


def _checks_constraints(statement: str) -> bool:
    return statement.lstrip().upper().startswith("SET CONSTRAINTS")


def _same(one: Any, other: Any) -> bool:
    """Compare tables by name: the ORM puts annotated copies into its statements."""
    return (getattr(one, "name", None), getattr(one, "schema", None)) == (other.name, other.schema)


def _key(statement: Delete, subject: Subject, parameters: Any) -> Any | None:
    """Return the key in ``DELETE ... WHERE id = :id``; None for any other condition."""
    if len(subject.columns) != 1 or len(statement._where_criteria) != 1:  # noqa: SLF001 no public accessor in 2.0
        return None
    condition = statement._where_criteria[0]  # noqa: SLF001 as above
    if not isinstance(condition, BinaryExpression) or condition.operator is not operators.eq:
        return None
    column = subject.columns[0]
    left = condition.left
    if getattr(left, "name", None) != column.name or not isinstance(condition.right, BindParameter):
        return None
    given = parameters.get(condition.right.key) if isinstance(parameters, dict) else None
    return condition.right.effective_value if given is None else given
