"""`DeletionRules`: the audit, the check and the safe delete of one kind of subject."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapper, Session, configure_mappers

from ._blockers import Held
from ._catalogs import LIFETIME, Catalogs
from ._finding import Finding
from ._judge import Judge, Known, Stale
from ._keys import KeyReader
from ._metadata import read_metadata
from ._observe import tell
from ._orm import orm_mapper
from ._orm_objects import tables_of
from ._policy import DeletionPolicy
from ._refused import DeletionRefused, UnknownSubject
from ._schema import Schema
from ._verdict import Effect, How, Verdict

if TYPE_CHECKING:
    from ._scan import Wanted
    from ._scan_ranges import KeyRange
    from ._scan_totals import ScanSummary

Policy = DeletionPolicy | str | Path | Mapping[str, Any] | None


class DeletionRules:
    """The rules of deleting one kind of subject.

    Attributes:
        subject: the mapped class, or the table.
        name: what verdicts call it.
        mapper: None for a table.
        schema: what the mappings say; each check reads the catalogs of its own connection, once an engine and then every *catalog_lifetime* seconds.
    """

    def __init__(
        self,
        subject: type | sa.Table,
        policy: Policy = None,
        *,
        base: Any = None,
        metadata: sa.MetaData | None = None,
        catalog_lifetime: float | None = LIFETIME,
    ) -> None:
        """Read the mappings, and check every name of *policy* against them.

        *base* (a declarative base or registry) and *metadata* only widen what the audit and the policy may speak of.
        *catalog_lifetime* is the seconds after which the catalogs of a database are read anew, so that a migration under a
        running process is noticed; None: only by `refresh`. SQLite tells of a changed schema at once.
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
        self._catalogs = Catalogs(catalog_lifetime)
        self._readers: weakref.WeakKeyDictionary[sa.Dialect, KeyReader] = weakref.WeakKeyDictionary()

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
        """The schema of the connection's database, as it was last read."""
        return self._known(connection).schema

    def _known(self, connection: sa.Connection) -> Known:
        return self._catalogs.of(connection)

    def refresh(self) -> None:
        """Forget the catalogs, so that the next check sees a migration at once and not within *catalog_lifetime*."""
        self._catalogs.forget()

    def check(
        self, connection: sa.Connection, key: Any, how: How | str = How.ORM, *, cap: int | None = None
    ) -> Verdict:
        """What deleting the subject *key* would do now, by ``session.delete()`` or by a plain DELETE.

        It only reads, on the caller's connection and in its transaction. *cap* limits every count.
        A key may be given as a route gives it: text for a UUID or a number. One that its column could never hold is not
        sent, so that the caller's transaction goes on. Listeners of the mappings (``before_delete``) that could turn the
        outcome make it uncertain, as triggers do; listeners of sessions are not seen.
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
        except sa.exc.DBAPIError:
            self.refresh()  # a migration may have taken away what the statement names
            raise

    def scan(  # noqa: PLR0913 - all but the first two by keyword
        self,
        connection: sa.Connection,
        how: How | str = How.ORM,
        *,
        after: Any = None,
        until: Any = None,
        rules: Collection[str] = (),
        timeout: float | None = 300.0,
        cap: int | None = None,
    ) -> Iterator[Verdict]:
        """Every subject that is blocked, or of which it can't be known, in key order: the blockers that `check` gives.

        What goes or loses a reference with a subject is not counted: ask `check`. Verdicts come as the database brings
        them, so *connection* is the scan's until the iterator ends or is closed. Outside a transaction the scan reads one
        snapshot, read only, and ends it; inside one it reads what that transaction sees, and leaves it open.

        *after* and *until* give a range of keys: those after the one, up to and with the other. To go on after an end, give
        the last verdict's key as *after*. *rules* leaves only subjects that one of these blocks, by the names of `rule_of`.
        *timeout* is the seconds that one statement may take, None for no limit; over it, ScanTimeout is raised, and the
        connection goes on. *cap* is the most rows that a count tells.

        Raises ValueError for a key or *how* that can't be, TypeError for ``how="orm"`` on a table.
        """
        from ._scan import Scanner

        wanted = self._wanted(
            connection, how, after=after, until=until, timeout=timeout, cap=cap, rules=frozenset(rules)
        )
        return Scanner(self._judge).scan(connection, self._fresh, wanted)

    def totals(  # noqa: PLR0913 - all but the first two by keyword
        self,
        connection: sa.Connection,
        how: How | str = How.ORM,
        *,
        after: Any = None,
        until: Any = None,
        timeout: float | None = 300.0,
        oldest: bool = True,
    ) -> ScanSummary:
        """How many subjects each rule blocks, by how many rows, and since when, summed up in the database: for metrics.

        Subjects that counting can't decide are summed up apart, as uncertain; ``ScanSummary.of`` a scan decides them.
        *oldest* False leaves out the ages. The rest is as in `scan`, and so is what is raised.
        """
        from ._scan import Scanner

        wanted = self._wanted(connection, how, after=after, until=until, timeout=timeout)
        return Scanner(self._judge).totals(connection, self._fresh, wanted, oldest=oldest)

    def count(
        self,
        connection: sa.Connection,
        *,
        after: Any = None,
        until: Any = None,
        timeout: float | None = 300.0,
    ) -> int:
        """How many subjects a scan of that range looks at. Raises ValueError, ScanTimeout."""
        from ._scan import Scanner

        ways = How.SQL if self.mapper is None else How.ORM
        wanted = self._wanted(connection, ways, after=after, until=until, timeout=timeout)
        return Scanner(self._judge).count(connection, wanted)

    def key_ranges(
        self, connection: sa.Connection, count: int, *, timeout: float | None = 300.0
    ) -> list[KeyRange]:
        """*count* ranges of keys with about as many subjects each, for as many scans: ``scan(..., after=, until=)``.

        Raises ValueError for a *count* below 1, ScanTimeout.
        """
        from ._scan_ranges import key_ranges

        return key_ranges(connection, self._judge, count, timeout)

    def _wanted(
        self, connection: sa.Connection, how: How | str, *, after: Any, until: Any, **more: Any
    ) -> Wanted:
        from ._scan import Wanted

        ends = [None if key is None else self._end(key, connection.dialect) for key in (after, until)]
        return Wanted(how=self._way(how), after=ends[0], until=ends[1], **more)

    def _way(self, how: How | str) -> How:
        way = How(how)
        if way is How.ORM and self.mapper is None:
            raise TypeError(f"{self.name} is a table and no mapped class, so only how='sql' can be judged.")
        return way

    def _end(self, key: Any, dialect: sa.Dialect) -> tuple[Any, ...]:
        try:
            return self._key(key, dialect)
        except UnknownSubject as impossible:
            raise ValueError(
                f"{key!r} can be no key of {self.name}: give one that its columns can hold."
            ) from impossible

    def _fresh(self, connection: sa.Connection) -> Known:
        """What is known of the database, read again where SQLite's schema has changed since."""
        known = self._known(connection)
        if connection.dialect.name != "sqlite":
            return known
        version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
        if known.version not in (None, version):
            self.refresh()
            known = self._known(connection)
        known.version = version
        return known

    def delete(
        self, session: Session, subject: Any, *, how: How | str = How.ORM, dry_run: bool = False
    ) -> Verdict:
        """Delete *subject*, an object or a key, or change nothing and say why.

        In a savepoint of the session's transaction: locks the subject, checks it, clears what the policy clears by itself,
        deletes, and counts the rows. COMMIT is the caller's. The session is flushed first and what it has loaded
        is expired, so that the deletion is the one that was judged. *dry_run* does all of it and takes it back.

        Raises DeletionRefused with the verdict, UnknownSubject where there is no such row (so after a first
        deletion a second changes nothing), LockDenied where our role may not lock it (PostgreSQL asks for UPDATE),
        TypeError and ValueError as `check` does.
        """
        from ._delete import SafeDelete

        way = How(how)
        if way is How.ORM and self.mapper is None:
            raise TypeError(f"{self.name} is a table and no mapped class: use how='sql'.")
        bind = session.get_bind(mapper=self.mapper, clause=self.tables[0])
        deletion, key = SafeDelete(self, session, way), self._key_of(subject, bind.dialect)
        if dry_run:
            return deletion.run(key, dry_run=True)
        try:
            verdict = deletion.run(key, dry_run=False)
        except DeletionRefused as refused:
            tell(session, refused.verdict, refused=True)
            raise
        tell(session, verdict, refused=False)
        return verdict

    def clear(
        self,
        session: Session,
        subject: Any,
        mark: str,
        *,
        how: How | str = How.ORM,
        dry_run: bool = False,
    ) -> Verdict:
        """Clear one blocker of *subject* as the policy does by itself, and leave the subject.

        *mark* is the blocker's `mark_of`: where it says something else by now, nothing is done. Locks, COMMIT and *dry_run*
        are as in `delete`. Returns the verdict as it is then, with what was cleared in `done`.

        Raises DeletionRefused where no blocker has that mark, where the policy leaves it to a person, or where something
        holds its rows; UnknownSubject, TypeError and ValueError as `delete` does.
        """
        from ._delete import SafeDelete

        bind = session.get_bind(mapper=self.mapper, clause=self.tables[0])
        deletion, key = SafeDelete(self, session, self._way(how)), self._key_of(subject, bind.dialect)
        return deletion.run(key, dry_run=dry_run, only=mark)

    def play(
        self, connection: sa.Connection, key: tuple[Any, ...], how: How
    ) -> tuple[Verdict, tuple[Held, ...]]:
        """The verdict by simulation, and the blockers with their rows. Raises UnknownSubject."""
        return self._judge.play(connection, self._known(connection), key, how)

    def behind(
        self, connection: sa.Connection, key: tuple[Any, ...], held: Sequence[Held]
    ) -> tuple[Held, ...]:
        """What holds the rows of those blockers, with its own rows, in the order in which it can be cleared."""
        return self._judge.behind(connection, self._known(connection), key, held)

    def removal(
        self, connection: sa.Connection, parts: Sequence[tuple[str, Sequence[tuple[Any, ...]]]]
    ) -> tuple[Effect, ...]:
        """What a DELETE of these rows by table takes along, those rows first. Raises Unsure."""
        return self._judge.removal(connection, self._known(connection), parts)

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
        reader = self._readers.get(dialect)
        if reader is None:
            columns = list(self.tables[0].primary_key.columns)
            reader = self._readers[dialect] = KeyReader(self.name, columns, dialect)
        return reader(key)


def _tables(subject: Any, mapper: Mapper[Any] | None) -> list[sa.Table]:
    """The tables that hold a subject. Raises TypeError where its rows can't be deleted one by one."""
    if mapper is not None:
        found = [table for _, table in tables_of(mapper) if isinstance(table, sa.Table)]
        if len(found) != len(mapper.tables) or not found:
            raise TypeError(
                f"{subject.__name__} is not mapped to a table, so there is nothing to delete from."
            )
    elif isinstance(subject, sa.Table):
        found = [subject]
    else:
        raise TypeError(f"{subject!r} is neither a mapped class nor a Table: give one of them.")
    for table in found:
        if not table.primary_key.columns:
            raise TypeError(f"{table.name} has no primary key, so its rows can't be named: declare one.")
    return found
