"""The safe delete: lock, check, clear what the policy clears, delete, count; or change nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, InvalidRequestError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from ._blockers import Held
from ._refused import DeletionRefused, UnknownSubject
from ._schema import ForeignKey
from ._tables import among, source
from ._verdict import Effect, How, Outcome, Reason, RemedyAction, Verdict

if TYPE_CHECKING:
    from ._rules import DeletionRules

ROUNDS = 10  # of clearing: each must clear something, and what blocks a blocker comes to light after it
REFUSALS = (IntegrityError, StaleDataError, InvalidRequestError, AssertionError)
Key = tuple[Any, ...]


class SafeDelete:
    """One deletion in one session."""

    def __init__(self, rules: DeletionRules, session: Session, how: How) -> None:
        self._rules = rules
        self._session = session
        self._how = how
        self._connection = self._connect()
        self._schema = rules.catalog(self._connection)

    def _connect(self) -> sa.Connection:
        bind = {"mapper": self._rules.mapper, "clause": self._rules.tables[0]}
        return self._session.connection(bind_arguments=bind)

    def run(self, key: Key, *, dry_run: bool) -> Verdict:
        """Delete the subject *key*. Raises DeletionRefused, UnknownSubject."""
        self._session.flush()
        self._session.expire_all()
        self._lock_database()
        savepoint = self._session.begin_nested()
        self._connect()  # sends the SAVEPOINT, which the session puts off until it is asked for its connection
        try:
            verdict = self._run(key)
        except BaseException:
            if savepoint.is_active:
                savepoint.rollback()
            raise
        if dry_run:
            savepoint.rollback()
        else:
            savepoint.commit()
        self._session.expire_all()
        return verdict

    def _run(self, key: Key) -> Verdict:
        self._lock(key)
        verdict, held = self._rules.play(self._connection, key, self._how)
        done: list[Effect] = []
        for _ in range(ROUNDS):
            cleared = self._clear(verdict, held)
            if not cleared:
                break
            done += cleared
            verdict, held = self._rules.play(self._connection, key, self._how)
        if verdict.outcome is Outcome.BLOCKED or _forbidden(verdict):
            raise DeletionRefused(verdict)
        self._delete(key, verdict)
        return replace(verdict, done=(*_summed(done), *verdict.deleted))

    # locks

    def _lock_database(self) -> None:
        """SQLite locks no rows: take its write lock, which also opens the transaction that a savepoint needs."""
        if self._connection.dialect.name == "sqlite":
            table = self._rules.tables[0]
            column = next(iter(table.primary_key.columns))
            self._connection.execute(sa.update(table).values({column: column}).where(sa.false()))

    def _lock(self, key: Key) -> None:
        """Hold the subject's rows, so that no new row can refer to them before COMMIT."""
        for table in self._rules.tables:
            columns = list(table.primary_key.columns)
            where = [column == value for column, value in zip(columns, key, strict=True)]
            if self._connection.execute(sa.select(*columns).where(*where).with_for_update()).first() is None:
                raise UnknownSubject(self._rules.name, key[0] if len(key) == 1 else key)

    # clearing

    def _clear(self, verdict: Verdict, held: Sequence[Held]) -> list[Effect]:
        """Apply what the policy does by itself, if that can clear all that stands in the way."""
        if _forbidden(verdict) or not held or not all(item.blocker.remedy.automatic for item in held):
            return []
        try:
            return [self._apply(item) for item in held]
        except IntegrityError as error:
            raise DeletionRefused(verdict) from error

    def _apply(self, item: Held) -> Effect:
        table, columns = item.blocker.table, item.blocker.columns
        src = source(self._schema, table)
        clause = src.clause()
        keys = [row.identity for row in item.rows]
        detach = item.blocker.remedy.action is RemedyAction.DETACH
        count = 0
        for start in range(0, len(keys), 400):
            where = among(clause, src.identity, keys[start : start + 400])
            if detach:
                statement: Any = sa.update(clause).values(dict.fromkeys(columns)).where(where)
            else:
                statement = sa.delete(clause).where(where)
            count += self._connection.execute(statement).rowcount
        return Effect(table=table, count=count, columns=columns if detach else ())

    # deleting

    def _delete(self, key: Key, verdict: Verdict) -> None:
        try:
            if self._how is How.ORM:
                self._delete_object(key)
            else:
                self._delete_rows(key)
            self._check_deferred()
        except REFUSALS as error:
            raise DeletionRefused(_contradicted(verdict, error)) from error

    def _delete_object(self, key: Key) -> None:
        found = self._session.get(self._rules.mapped, key if len(key) > 1 else key[0], populate_existing=True)
        if found is None:
            raise UnknownSubject(self._rules.name, key[0] if len(key) == 1 else key)
        self._session.delete(found)
        self._session.flush()
        self._verify_gone(key)

    def _delete_rows(self, key: Key) -> None:
        for table in reversed(self._rules.tables):
            columns = table.primary_key.columns
            where = [column == value for column, value in zip(columns, key, strict=True)]
            self._connection.execute(sa.delete(table).where(*where))
        self._verify_gone(key)

    def _verify_gone(self, key: Key) -> None:
        """A trigger or row-level security may have kept the row without an error."""
        table = self._rules.tables[0]
        columns = list(table.primary_key.columns)
        where = [column == value for column, value in zip(columns, key, strict=True)]
        if self._connection.execute(sa.select(*columns).where(*where)).first() is not None:
            raise StaleDataError(f"the database kept the row {key} of {table.name} without an error")

    def _check_deferred(self) -> None:
        """Have PostgreSQL check what waits for COMMIT now, and let it wait again."""
        late = _deferred(self._schema.tables.values())
        if self._connection.dialect.name == "postgresql" and late:
            names = ", ".join(self._quoted(fk) for fk in late)
            self._connection.exec_driver_sql(f"SET CONSTRAINTS {names} IMMEDIATE")
            self._connection.exec_driver_sql(f"SET CONSTRAINTS {names} DEFERRED")

    def _quoted(self, fk: ForeignKey) -> str:
        quote = self._connection.dialect.identifier_preparer.quote
        schema = self._schema.tables[fk.table].schema
        name = quote(str(fk.name)).replace("%", "%%")
        return f"{quote(schema)}.{name}" if schema else name


def _deferred(tables: Iterable[Any]) -> list[ForeignKey]:
    return [fk for table in tables for fk in table.foreign_keys if fk.initially_deferred and fk.name]


def _forbidden(verdict: Verdict) -> bool:
    """A rule of the business stands, whatever the database would do."""
    return any(blocker.reason is Reason.RULE for blocker in verdict.blockers)


def _contradicted(verdict: Verdict, error: BaseException) -> Verdict:
    """The database refused what was judged to pass: a row came in between, or a trigger said no."""
    reason = f"the database refused: {type(error).__name__}"
    return replace(verdict, outcome=Outcome.UNCERTAIN, uncertain_because=(*verdict.uncertain_because, reason))


def _summed(effects: Iterable[Effect]) -> list[Effect]:
    counts: dict[tuple[str, tuple[str, ...]], int] = {}
    for effect in effects:
        counts[effect.table, effect.columns] = counts.get((effect.table, effect.columns), 0) + effect.count
    return [Effect(table=table, count=count, columns=columns) for (table, columns), count in counts.items()]
