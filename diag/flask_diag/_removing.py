"""The safe delete, or one remedy of it, on a session of our own: tried and taken back, or done."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from diag_rules.deletion import (
    DeletionRefused,
    DeletionRules,
    Effect,
    How,
    UnknownSubject,
    Verdict,
    use_language,
)

from ._guard import quiet
from ._state import State, rules_in, subject_in
from ._subject import Subject
from ._verdicts import asked, usable

DELETE_SECONDS = 60.0  # that one statement of a deletion may take on PostgreSQL
ActionOutcome: TypeAlias = Literal["tried", "done", "refused", "changed", "wrong-name"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What is asked for.

    Attributes:
        key: the subject's, as text.
        named: *key* may also be its name.
        patient: waits for locks and for the database as long as it takes, since no request waits for it.
        mark: the `mark_of` the one blocker to clear; None for the whole safe delete.
        execute: False tries it and takes it back.
        seen: the `digest` of what the visitor was shown; None takes whatever there is.
        name: what the visitor typed as the subject's name; None asks for none.
    """

    key: str
    how: How
    language: str
    named: bool = False
    patient: bool = False
    mark: str | None = None
    execute: bool = False
    seen: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """What became of it. Nothing was changed unless the outcome is ``done``.

    Attributes:
        outcome: ``refused``: something blocks; ``changed``: it would do something else than what was shown;
            ``wrong-name``: the name that was typed is not the subject's.
    """

    outcome: ActionOutcome
    key: Any
    label: str
    verdict: Verdict

    @property
    def cleared(self) -> tuple[Effect, ...]:
        """What was removed, or detached, so that the deletion could pass."""
        return tuple((Counter(self.verdict.done) - Counter(self.verdict.deleted)).elements())

    @property
    def digest(self) -> str:
        """A short text that is another as soon as any other row goes."""
        effects = (*self.verdict.done, *self.verdict.detached)
        told = json.dumps(sorted(map(repr, (asdict(one) for one in effects))))
        return sha256(told.encode()).hexdigest()[:24]


def act(state: State, wanted: Action) -> Acted:
    """Do, or try, what is *wanted*, in one transaction that is committed only where all of it was done.

    Raises:
        RuntimeError: the application named no subject.
        UnknownSubject: there is none with this key.
        LockDenied: the database does not let the application's role lock it.
        SQLAlchemyError, OSError: the database can't be asked, or refused the COMMIT.
    """
    return asked(lambda: _act(state, wanted), state.engine())


def _act(state: State, wanted: Action) -> Acted:
    subject, rules = subject_in(state), rules_in(state)
    with (
        quiet(),
        usable(state.engine()) as engine,
        Session(engine) as session,
        use_language(wanted.language),
    ):
        limits = (
            nullcontext() if wanted.patient else _limits(session.connection(), state.settings.check_timeout)
        )
        with limits:
            found = _in_session(session, subject, rules, wanted)
        if found.outcome == "done":
            session.commit()
        else:
            session.rollback()
        return found


@contextmanager
def _limits(connection: Connection, lock_seconds: float) -> Iterator[None]:
    """Have whoever waits for a lock that somebody holds wait for *lock_seconds* only; SQLite's driver has a limit of its own."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = {int(lock_seconds * 1000) or 1}"))
        connection.execute(text(f"SET LOCAL statement_timeout = {int(DELETE_SECONDS * 1000)}"))
    if connection.dialect.name not in {"mysql", "mariadb"}:
        yield
        return
    before = connection.execute(text("SELECT @@SESSION.innodb_lock_wait_timeout")).scalar_one()
    connection.execute(text(f"SET SESSION innodb_lock_wait_timeout = {math.ceil(lock_seconds)}"))
    try:
        yield
    finally:  # the connection is the host's, and goes back as it came
        if not (connection.invalidated or connection.closed):
            connection.execute(text(f"SET SESSION innodb_lock_wait_timeout = {int(before)}"))


def _in_session(session: Session, subject: Subject, rules: DeletionRules, wanted: Action) -> Acted:
    key, label = _found(session.connection(), subject, wanted)
    right = wanted.name is None or wanted.name.strip() == label.strip()
    try:
        verdict = _apply(session, rules, key, wanted, dry_run=not (wanted.execute and right))
    except DeletionRefused as refused:
        return Acted(outcome="refused", key=key, label=label, verdict=refused.verdict)
    found = Acted(outcome="tried", key=key, label=label, verdict=verdict)
    if not wanted.execute:
        return found
    outcome: ActionOutcome = "done" if right else "wrong-name"
    if wanted.seen is not None and wanted.seen != found.digest:
        outcome = "changed"
    return Acted(outcome=outcome, key=key, label=label, verdict=verdict)


def _found(connection: Connection, subject: Subject, wanted: Action) -> tuple[Any, str]:
    """Return the key and the label of the subject that is meant. Raises UnknownSubject."""
    if wanted.named:
        return subject.find(connection, wanted.key)
    found = subject.with_key(connection, wanted.key)
    if found is None:
        raise UnknownSubject(subject.name, wanted.key)
    return found


def _apply(session: Session, rules: DeletionRules, key: Any, wanted: Action, *, dry_run: bool) -> Verdict:
    if wanted.mark is None:
        return rules.delete(session, key, how=wanted.how, dry_run=dry_run)
    return rules.clear(session, key, wanted.mark, how=wanted.how, dry_run=dry_run)
