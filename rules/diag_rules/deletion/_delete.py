"""The safe delete: lock, check, clear what the policy clears, delete, count; or change nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import CircularDependencyError, DBAPIError, InvalidRequestError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from diag_rules.errors import Category, Kind, classify

from ._blockers import Held
from ._dangling import dangling
from ._judge import is_key
from ._orm_objects import whole
from ._probe import Unsure
from ._refused import DeletionRefused, LockDenied, UnknownSubject
from ._schema import Table
from ._tables import among, source
from ._verdict import Effect, How, Outcome, Reason, RemedyAction, Verdict, mark_of

if TYPE_CHECKING:
    from ._rules import DeletionRules

ROUNDS = 10  # of clearing: each must clear something, and what blocks a blocker comes to light after it
# KeyError: of an object, half of whose rows are gone, the deferred loader finds no value
REFUSALS = (
    DBAPIError,
    StaleDataError,
    InvalidRequestError,
    CircularDependencyError,
    AssertionError,
    KeyError,
)
NOT_REFUSED = (Category.OUTAGE, Category.CONTENTION)  # another attempt may pass: not what a refusal says
Key = tuple[Any, ...]


class SafeDelete:
    """One deletion in one session."""

    def __init__(self, rules: DeletionRules, session: Session, how: How) -> None:
        self._rules = rules
        self._session = session
        self._how = how
        self._connection = self._connect()
        self._schema = rules.catalog(self._connection)
        self._dangled: Counter[tuple[Any, ...]] | None = None

    def _connect(self) -> sa.Connection:
        bind = {"mapper": self._rules.mapper, "clause": self._rules.tables[0]}
        return self._session.connection(bind_arguments=bind)

    def run(self, key: Key, *, dry_run: bool, only: str | None = None) -> Verdict:
        """Delete the subject *key*, or clear *only* one relation. Raises DeletionRefused, UnknownSubject."""
        self._session.flush()
        self._session.expire_all()
        self._lock_database()
        savepoint = self._session.begin_nested()
        self._connect()  # sends the SAVEPOINT, which the session puts off until it is asked for its connection
        try:
            verdict = self._run(key) if only is None else self._clear_one(key, only)
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
        verdict, held = self._play(key)
        done: list[Effect] = []
        for _ in range(ROUNDS):
            cleared = self._clear(verdict, held)
            if not cleared:
                break
            done += cleared
            left = self._left(key)
            if not left:
                return self._went_along(verdict, done)
            self._must_be_whole(verdict, left)
            verdict, held = self._play(key)
        if verdict.outcome is Outcome.BLOCKED or _forbidden(verdict):
            raise DeletionRefused(verdict)
        self._delete(key, verdict)
        return replace(verdict, done=(*_summed(done), *verdict.deleted))

    def _went_along(self, verdict: Verdict, done: Sequence[Effect]) -> Verdict:
        """What is reported of a subject that went with a row that was in its way."""
        with refusing(lambda error: _contradicted(verdict, error)):
            self._check_deferred(verdict)
        effects = tuple(_summed(done))
        return replace(verdict, outcome=Outcome.DELETABLE, blockers=(), clear_first=(), done=effects)

    def _play(self, key: Key) -> tuple[Verdict, tuple[Held, ...]]:
        """The verdict, and all that stands in the way with its rows, what must be cleared first before the rest."""
        verdict, held = self._rules.play(self._connection, key, self._how)
        first = self._rules.behind(self._connection, key, held) if held else ()
        return replace(verdict, clear_first=tuple(item.blocker for item in first)), (*first, *held)

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
            select = sa.select(*table.primary_key.columns).where(is_key(table, key)).with_for_update()
            try:
                found = self._connection.execute(select).first()
            except DBAPIError as error:
                if classify(error).kind is Kind.INSUFFICIENT_PRIVILEGE:
                    raise LockDenied(self._rules.name, table.name) from error
                raise
            if found is None:
                raise UnknownSubject(self._rules.name, key[0] if len(key) == 1 else key)

    # clearing

    def _clear_one(self, key: Key, mark: str) -> Verdict:
        self._lock(key)
        verdict, held = self._play(key)
        wanted = [item for item in held if mark_of(item.blocker) == mark]
        if not wanted or not all(item.blocker.remedy.automatic for item in wanted):
            raise DeletionRefused(verdict)
        with refusing(lambda error: _contradicted(verdict, error)):
            self._watch()
            done = [effect for item in wanted for effect in self._apply(item)]
            self._check_deferred(verdict)
        self._must_be_whole(verdict, self._left(key))
        verdict, _ = self._play(key)
        return replace(verdict, done=tuple(_summed(done)))

    def _clear(self, verdict: Verdict, held: Sequence[Held]) -> list[Effect]:
        """Apply what the policy does by itself, if that can clear all that stands in the way."""
        if _forbidden(verdict) or not held or not all(item.blocker.remedy.automatic for item in held):
            return []
        self._watch()
        with refusing(lambda _: verdict):
            return [effect for item in held for effect in self._apply(item)]

    def _apply(self, item: Held) -> tuple[Effect, ...]:
        """Delete or detach its rows; what that came to, with what the database's cascades did."""
        table, columns = item.blocker.table, item.blocker.columns
        keys = [row.identity for row in item.rows]
        if item.blocker.remedy.action is RemedyAction.DETACH:
            return (Effect(table=table, count=self._detach(table, columns, keys), columns=columns),)
        mapper = self._rules.mapper
        parts = [(table, keys)] if mapper is None else whole(mapper, self._schema, table, keys)
        along = self._along(parts)
        counts = tuple(Effect(table=part, count=self._remove(part, its_keys)) for part, its_keys in parts)
        return counts if along is None else along

    def _detach(self, table: str, columns: Sequence[str], keys: Sequence[Key]) -> int:
        return self._changed(table, keys, lambda clause: sa.update(clause).values(dict.fromkeys(columns)))

    def _remove(self, table: str, keys: Sequence[Key]) -> int:
        return self._changed(table, keys, sa.delete)

    def _changed(
        self, table: str, keys: Sequence[Key], statement: Callable[[sa.TableClause], sa.Update | sa.Delete]
    ) -> int:
        """How many rows *statement* has met."""
        src = source(self._schema, table)
        clause = src.clause()
        return sum(
            self._connection.execute(
                statement(clause).where(among(clause, src.identity, keys[start : start + 400]))
            ).rowcount
            for start in range(0, len(keys), 400)
        )

    def _along(self, parts: Sequence[tuple[str, Sequence[Key]]]) -> tuple[Effect, ...] | None:
        """What a DELETE of those rows will do, or None where that can't be told."""
        try:
            return self._rules.removal(self._connection, parts)
        except Unsure:
            return None

    # deleting

    def _delete(self, key: Key, verdict: Verdict) -> None:
        if verdict.outcome is Outcome.UNCERTAIN:
            self._watch()
        with refusing(lambda error: _contradicted(verdict, error)):
            if self._how is How.ORM:
                self._delete_object(key)
            else:
                self._delete_rows(key)
            self._check_deferred(verdict)

    def _delete_object(self, key: Key) -> None:
        found = self._session.get(self._rules.mapped, key if len(key) > 1 else key[0], populate_existing=True)
        if found is None:
            raise UnknownSubject(self._rules.name, key[0] if len(key) == 1 else key)
        self._session.delete(found)
        self._session.flush()
        self._verify_gone(key)

    def _delete_rows(self, key: Key) -> None:
        for table in reversed(self._rules.tables):
            self._connection.execute(sa.delete(table).where(is_key(table, key)))
        self._verify_gone(key)

    def _verify_gone(self, key: Key) -> None:
        """A trigger or row-level security may have kept the row without an error."""
        left = self._left(key)
        if left:
            raise StaleDataError(
                f"the database kept the row {key} of {', '.join(table.name for table in left)} without an error"
            )

    def _left(self, key: Key) -> list[sa.Table]:
        """The subject's tables that still have its row."""
        return [
            table
            for table in self._rules.tables
            if self._connection.execute(sa.select(sa.literal(1)).where(is_key(table, key))).first()
        ]

    def _must_be_whole(self, verdict: Verdict, left: Sequence[sa.Table]) -> None:
        if len(left) < len(self._rules.tables):
            along = (
                f"clearing what is in the way of {verdict.subject} {verdict.key!r} takes its own rows along"
            )
            doubts = (*verdict.uncertain_because, along)
            raise DeletionRefused(replace(verdict, uncertain_because=doubts))

    def _watch(self) -> None:
        """Note what refers to nothing on SQLite already, before what was not played as a whole."""
        if self._dangled is None:
            self._dangled = dangling(self._connection, self._schema)

    def _check_deferred(self, verdict: Verdict) -> None:
        """Have PostgreSQL check what waits for COMMIT now, and let it wait again; compare SQLite with what was noted.

        Raises DeletionRefused where COMMIT would be refused.
        """
        late = [(table, name) for table in self._schema.tables.values() for name in _deferred(table)]
        if self._connection.dialect.name == "postgresql" and late:
            names = ", ".join(self._quoted(table, name) for table, name in late)
            self._connection.exec_driver_sql(f"SET CONSTRAINTS {names} IMMEDIATE")
            self._connection.exec_driver_sql(f"SET CONSTRAINTS {names} DEFERRED")
        if self._dangled is None:
            return
        left = dangling(self._connection, self._schema) - self._dangled
        if left:
            tables = ", ".join(sorted({table for table, *_ in left}))
            doubt = f"COMMIT would refuse it: rows of {tables} would refer to nothing"
            raise DeletionRefused(_doubted(verdict, doubt))

    def _quoted(self, table: Table, constraint: str) -> str:
        quote = self._connection.dialect.identifier_preparer.quote
        name = quote(constraint).replace("%", "%%")
        return f"{quote(table.schema)}.{name}" if table.schema else name


@contextmanager
def refusing(told: Callable[[Exception], Verdict]) -> Iterator[None]:
    """Raises DeletionRefused, with the verdict *told*, where the database or the ORM refuses what this block does."""
    try:
        yield
    except REFUSALS as error:
        if isinstance(error, DBAPIError) and classify(error).category in NOT_REFUSED:
            raise
        raise DeletionRefused(told(error)) from error


def _deferred(table: Table) -> Iterator[str]:
    """The names of its foreign keys and constraint triggers that wait for COMMIT."""
    yield from (fk.name for fk in table.foreign_keys if fk.initially_deferred and fk.name)
    yield from (trigger.name for trigger in table.triggers if trigger.deferred)


def _forbidden(verdict: Verdict) -> bool:
    """A rule of the business stands, whatever the database would do."""
    return any(blocker.reason is Reason.RULE for blocker in verdict.blockers)


def _contradicted(verdict: Verdict, error: BaseException) -> Verdict:
    """The database refused what was judged to pass: a row came in between, or a trigger said no."""
    return _doubted(verdict, f"the database refused: {type(error).__name__}")


def _doubted(verdict: Verdict, reason: str) -> Verdict:
    return replace(verdict, outcome=Outcome.UNCERTAIN, uncertain_because=(*verdict.uncertain_because, reason))


def _summed(effects: Iterable[Effect]) -> list[Effect]:
    counts: dict[tuple[str, tuple[str, ...]], int] = {}
    for effect in effects:
        counts[effect.table, effect.columns] = counts.get((effect.table, effect.columns), 0) + effect.count
    return [Effect(table=table, count=count, columns=columns) for (table, columns), count in counts.items()]
