"""`DeletionRules`: the audit, the check and the safe delete of one kind of subject."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapper, Session, configure_mappers

from ._blockers import Held
from ._catalog import read_catalog
from ._finding import Finding
from ._judge import Judge, Known, Stale
from ._keys import read_key
from ._metadata import read_metadata
from ._orm import orm_mapper
from ._policy import DeletionPolicy
from ._refused import UnknownSubject
from ._schema import Schema
from ._verdict import How, Verdict

Policy = DeletionPolicy | str | Path | Mapping[str, Any] | None


class DeletionRules:
    """The rules of deleting one kind of subject.

    Attributes:
        subject: the mapped class, or the table.
        name: what verdicts call it.
        mapper: None for a table.
        schema: what the mappings say; each check reads the catalogs of its own connection, once an engine.
    """

    def __init__(
        self,
        subject: type | sa.Table,
        policy: Policy = None,
        *,
        base: Any = None,
        metadata: sa.MetaData | None = None,
    ) -> None:
        """Read the mappings, and check every name of *policy* against them.

        *base* (a declarative base or registry) and *metadata* only widen what the audit and the policy may speak of.
        Raises TypeError for what is neither a mapped class nor a table, PolicyError for a wrong policy.
        """
        configure_mappers()
        self.subject = subject
        self.mapper = orm_mapper(subject)
        self._base = base
        self.tables = _tables(subject, self.mapper)
        self.name = subject.name if isinstance(subject, sa.Table) else subject.__name__
        self._metadata = metadata if metadata is not None else self.tables[0].metadata
        self.schema = read_metadata(self._metadata)
        self.policy = self._bound(policy)
        self._judge = Judge(self.name, self.tables, self.mapper, self.policy, self.schema)
        self._catalogs: weakref.WeakKeyDictionary[sa.Engine, Known] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    @property
    def mapped(self) -> Mapper[Any]:
        """The mapper. Raises TypeError for a table."""
        if self.mapper is None:
            raise TypeError(f"{self.name} is a table and no mapped class, so only how='sql' is possible.")
        return self.mapper

    def audit(self, schema: Schema | None = None) -> list[Finding]:
        """The hazards that mappings, or the catalogs in *schema*, show for deleting the subject."""
        from .audit import Model, audit

        return audit(Model.of(self.subject, base=self._base, schema=schema))

    def catalog(self, connection: sa.Connection) -> Schema:
        """The schema of the connection's database, read once an engine."""
        return self._known(connection).schema

    def _known(self, connection: sa.Connection) -> Known:
        engine = connection.engine
        with self._lock:
            found = self._catalogs.get(engine)
        if found is None:
            found = Known(read_catalog(connection))
            with self._lock:
                self._catalogs[engine] = found
        return found

    def refresh(self) -> None:
        """Forget the catalogs, after a migration; of SQLite a changed schema is noticed without it."""
        with self._lock:
            self._catalogs.clear()

    def check(
        self, connection: sa.Connection, key: Any, how: How | str = How.ORM, *, cap: int | None = None
    ) -> Verdict:
        """What deleting the subject *key* would do now, by ``session.delete()`` or by a plain DELETE.

        It only reads, on the caller's connection and in its transaction. *cap* limits every count.
        A key may be given as a route gives it: text for a UUID or a number. One that its column could never hold is not
        sent, so that the caller's transaction goes on.
        Raises UnknownSubject where there is no such row, ValueError for a key of the wrong shape or a wrong *how*,
        TypeError for ``how="orm"`` on a table.
        """
        way = How(how)
        if way is How.ORM and self.mapper is None:
            raise TypeError(f"{self.name} is a table and no mapped class, so only how='sql' can be judged.")
        parts = self._key(key, connection.dialect)
        try:
            return self._judge.judge(connection, self._known(connection), parts, way, cap)
        except Stale:
            self.refresh()
            return self._judge.judge(connection, self._known(connection), parts, way, cap)

    def delete(
        self, session: Session, subject: Any, *, how: How | str = How.ORM, dry_run: bool = False
    ) -> Verdict:
        """Delete *subject*, an object or a key, or change nothing and say why.

        In a savepoint of the session's transaction: locks the subject, checks it, clears what the policy clears by itself,
        deletes, and counts the rows. COMMIT is the caller's. The session is flushed first and what it has loaded
        is expired, so that the deletion is the one that was judged. *dry_run* does all of it and takes it back.

        Raises DeletionRefused with the verdict, UnknownSubject where there is no such row (so after a first
        deletion a second changes nothing), TypeError and ValueError as `check` does.
        """
        from ._delete import SafeDelete

        way = How(how)
        if way is How.ORM and self.mapper is None:
            raise TypeError(f"{self.name} is a table and no mapped class: use how='sql'.")
        bind = session.get_bind(mapper=self.mapper, clause=self.tables[0])
        return SafeDelete(self, session, way).run(self._key_of(subject, bind.dialect), dry_run=dry_run)

    def play(
        self, connection: sa.Connection, key: tuple[Any, ...], how: How
    ) -> tuple[Verdict, tuple[Held, ...]]:
        """The verdict by simulation, and the blockers with their rows. Raises UnknownSubject."""
        return self._judge.play(connection, self._known(connection), key, how)

    def _bound(self, policy: Policy) -> DeletionPolicy | None:
        if policy is None:
            return None
        table = self.schema.tables[self.tables[0].key]
        return DeletionPolicy.load(policy).bind(self.schema, table, self.mapper)

    def _key_of(self, subject: Any, dialect: sa.Dialect) -> tuple[Any, ...]:
        """The key of an object of the mapped class, or of a key."""
        if self.mapper is not None and isinstance(subject, self.mapper.class_):
            state = sa.inspect(subject)
            if state.identity is None:
                raise UnknownSubject(self.name, None)
            return tuple(state.identity)
        return self._key(subject, dialect)

    def _key(self, key: Any, dialect: sa.Dialect) -> tuple[Any, ...]:
        return read_key(self.name, list(self.tables[0].primary_key.columns), key, dialect)


def _tables(subject: Any, mapper: Mapper[Any] | None) -> list[sa.Table]:
    if mapper is not None:
        found = [table for table in mapper.tables if isinstance(table, sa.Table)]
        if len(found) == len(mapper.tables) and found:
            return found
        raise TypeError(f"{subject.__name__} is not mapped to a table, so there is nothing to delete from.")
    if isinstance(subject, sa.Table):
        if not subject.primary_key.columns:
            raise TypeError(f"{subject.name} has no primary key, so its rows can't be named: declare one.")
        return [subject]
    raise TypeError(f"{subject!r} is neither a mapped class nor a Table: give one of them.")
