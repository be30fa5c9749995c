"""What a scan does to its connection: one snapshot, a time limit, and all given back as found."""

from __future__ import annotations

import shutil
import tracemalloc
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from _servers import PostgresServer, Servers
from conftest import Database
from diag_rules.deletion import DeletionRules, Outcome, ScanTimeout, _scan_rows, use_language
from diag_rules.deletion._scan_rows import PART
from rules.deletion._scanned import MADE, POLICY, Account, Base, Invitation, Move, Project, filled


@pytest.fixture
def engine(database: Database) -> sa.Engine:
    found = database.engine()
    if database.dialect == "sqlite":
        with found.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")  # so that another may write meanwhile
    filled(found)
    return found


class Kinds(DeclarativeBase):
    """Subjects that counting has no plan for: each is played, by statements of its own."""


class Thing(Kinds):
    __tablename__ = "things"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "thing"}  # noqa: RUF012 - SQLAlchemy's
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(10))


class Special(Thing):
    __mapper_args__ = {"polymorphic_identity": "special"}  # noqa: RUF012 - SQLAlchemy's


class Joined(Thing):
    __tablename__ = "joined"
    __mapper_args__ = {"polymorphic_identity": "joined"}  # noqa: RUF012 - SQLAlchemy's
    id: Mapped[int] = mapped_column(sa.ForeignKey("things.id"), primary_key=True)


class Holder(Kinds):
    __tablename__ = "holders"
    id: Mapped[int] = mapped_column(primary_key=True)
    thing_id: Mapped[int] = mapped_column(sa.ForeignKey("things.id"), index=True)


@pytest.fixture
def things(engine: sa.Engine) -> sa.Engine:
    Kinds.metadata.create_all(engine)
    with engine.begin() as connection:
        kinds = ["thing", "special", "joined"]
        rows = [{"id": n, "kind": kinds[n % 3]} for n in range(1, 31)]
        connection.execute(sa.insert(Thing.__table__), rows)  # type: ignore[arg-type] # a table
        connection.execute(sa.insert(Joined.__table__), [{"id": n} for n in range(1, 31) if n % 3 == 2])  # type: ignore[arg-type] # a table
        connection.execute(sa.insert(Holder), [{"thing_id": n} for n in range(1, 31) if n % 4 == 0])
    return engine


# the snapshot


def test_a_row_that_comes_meanwhile_does_not_change_the_scan(things: sa.Engine) -> None:
    rules = DeletionRules(Thing)
    with things.connect() as connection:
        before = list(rules.scan(connection))
        running = rules.scan(connection)
        first = next(running)
        with things.begin() as other:
            other.execute(sa.insert(Holder), [{"thing_id": n} for n in range(first.key + 1, 31)])

        rest = list(running)

        assert [first, *rest] == before
        assert len(list(rules.scan(connection))) > len(before)


def test_a_scan_reads_what_the_transaction_of_its_caller_sees_and_leaves_it_open(engine: sa.Engine) -> None:
    rules = DeletionRules(Project)
    with engine.connect() as connection:
        clean = next(key for key in range(1, 60) if rules.check(connection, key).deletable)
        connection.execute(sa.insert(Move), [{"project_id": clean}])

        found = {verdict.key for verdict in rules.scan(connection, timeout=30)}

        assert clean in found
        assert connection.in_transaction()
        connection.rollback()
        assert clean not in {verdict.key for verdict in rules.scan(connection)}


@pytest.mark.only("postgresql", "postgresql15", "mariadb")
def test_a_scan_of_its_own_transaction_could_not_write(engine: sa.Engine) -> None:
    rules = DeletionRules(Project)
    with engine.connect() as connection, closing(rules.scan(connection)) as running:  # type: ignore[type-var] # a generator
        next(running)

        with pytest.raises(sa.exc.DBAPIError, match=r"(?i)read.only"):
            connection.execute(sa.insert(Move), [{"project_id": None}])


@pytest.mark.only("postgresql", "postgresql15")
def test_a_scan_runs_on_a_read_replica(database: Database, servers: Servers) -> None:
    primary = servers.start_private(database.name)
    assert isinstance(primary, PostgresServer)
    rules = DeletionRules(Project, POLICY)
    with engine_of(primary) as engine:
        filled(engine)
        with engine.connect() as connection:
            expected = list(rules.scan(connection))
    with engine_of(replica(primary, servers)) as engine, engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT pg_is_in_recovery()")) is True
        connection.rollback()

        scanned = list(rules.scan(connection))

        assert scanned == expected
        assert rules.totals(connection).blocked == len(expected)
        assert len(rules.key_ranges(connection, 3)) == 3


@contextmanager
def engine_of(server: PostgresServer) -> Iterator[sa.Engine]:
    found = sa.create_engine(server.url())
    try:
        yield found
    finally:
        found.dispose()


def replica(primary: PostgresServer, servers: Servers) -> PostgresServer:
    """A hot standby of the server; it ends with the module."""
    home = Path(f"{primary.home}-replica")
    home.mkdir()
    if primary.user is not None:
        shutil.chown(home, primary.user)
    standby = PostgresServer(home, primary.binaries, {})
    backup = [str(primary.binaries / "pg_basebackup"), "--pgdata", str(standby.data_dir)]
    address = f"host=127.0.0.1 port={primary.port} user={primary.admin}"
    standby.run(
        [
            *backup,
            "--dbname",
            address,
            "--checkpoint",
            "fast",
            "--wal-method",
            "stream",
            "--write-recovery-conf",
        ]
    )
    standby.start()
    servers._private.append(standby)
    return standby


# time limits


@pytest.fixture
def slow(engine: sa.Engine) -> Iterator[sa.Engine]:
    """An engine whose scans take longer than any limit: another holds a table, and SQLite has much to read."""
    if engine.dialect.name == "sqlite":
        with engine.begin() as connection:
            rows = [{"project_id": 1, "status": "x", "created": MADE} for _ in range(20_000)]
            connection.execute(sa.insert(Invitation), rows)
        yield engine
        return
    lock = (
        "LOCK TABLE moves IN ACCESS EXCLUSIVE MODE"
        if engine.dialect.name == "postgresql"
        else "LOCK TABLES moves WRITE"
    )
    with engine.connect() as holder:
        holder.exec_driver_sql(lock)
        yield engine
        holder.rollback()
        if engine.dialect.name != "postgresql":
            holder.exec_driver_sql("UNLOCK TABLES")


def rules_known(engine: sa.Engine) -> DeletionRules:
    """Rules that have read the catalogs already."""
    rules = DeletionRules(Project)
    with engine.connect() as connection:
        rules.catalog(connection)
    return rules


@pytest.fixture
def limit(engine: sa.Engine) -> float:
    return 1e-6 if engine.dialect.name == "sqlite" else 0.2


SETTINGS = {"postgresql": "SHOW statement_timeout", "mysql": "SELECT @@max_statement_time"}


def test_over_its_time_a_scan_says_so_and_the_connection_goes_on(
    engine: sa.Engine, limit: float, request: pytest.FixtureRequest
) -> None:
    rules = rules_known(engine)
    slow: sa.Engine = request.getfixturevalue("slow")
    setting = SETTINGS.get(slow.dialect.name, "SELECT 1")
    with slow.connect() as connection:
        before = connection.exec_driver_sql(setting).scalar_one()
        connection.rollback()

        with pytest.raises(ScanTimeout, match=r"of Project took longer than .* s, .*: give a longer timeout"):
            list(rules.scan(connection, timeout=limit))

        assert not connection.in_transaction()
        assert connection.exec_driver_sql(setting).scalar_one() == before
        assert connection.scalar(sa.select(sa.func.count()).select_from(Project)) == 60


def test_over_its_time_a_scan_leaves_the_transaction_of_its_caller_usable(
    engine: sa.Engine, limit: float, request: pytest.FixtureRequest
) -> None:
    rules = rules_known(engine)
    slow: sa.Engine = request.getfixturevalue("slow")
    with slow.connect() as connection:
        connection.execute(sa.insert(Account).values(login="kept"))

        with pytest.raises(ScanTimeout):
            list(rules.scan(connection, timeout=limit))

        assert connection.scalar(sa.select(Account.login).where(Account.login == "kept")) == "kept"
        connection.rollback()


def test_the_time_limit_is_given_back_as_found(engine: sa.Engine) -> None:
    rules = DeletionRules(Project)
    setting = SETTINGS.get(engine.dialect.name, "SELECT 1")
    with engine.connect() as connection:
        before = connection.exec_driver_sql(setting).scalar_one()

        assert list(rules.scan(connection, timeout=77))

        assert connection.exec_driver_sql(setting).scalar_one() == before
        connection.rollback()
        assert list(rules.scan(connection, timeout=77))
        assert connection.exec_driver_sql(setting).scalar_one() == before


# giving back


def test_an_abandoned_scan_gives_the_connection_back(engine: sa.Engine) -> None:
    rules = DeletionRules(Project)
    with engine.connect() as connection:
        running = rules.scan(connection)
        first = next(running)
        running.close()  # type: ignore[attr-defined] # a generator

        assert not connection.in_transaction()
        assert next(rules.scan(connection)) == first


@pytest.mark.only("postgresql")
@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "pg8000"])
def test_one_scan_is_read_within_another_part_by_part(
    database: Database, engine: sa.Engine, driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has a cursor of its own in the one transaction; values of the policy and of the range get there."""
    monkeypatch.setattr(_scan_rows, "PART", 2)
    rules = DeletionRules(Project, POLICY)
    with database.engine(driver).connect() as connection:
        alone = list(rules.scan(connection))
        behind = [verdict.key for verdict in alone][1:]
        pairs = [
            (outer.key, [inner.key for inner in rules.scan(connection, after=alone[0].key)])
            for outer in rules.scan(connection)
        ]

    assert len(alone) > 5
    assert pairs == [(verdict.key, behind) for verdict in alone]


@pytest.mark.only("postgresql")
@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "pg8000"])
def test_a_connection_has_its_own_isolation_and_writes_again_afterwards(
    database: Database, engine: sa.Engine, driver: str
) -> None:
    isolation = "SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')"
    with database.engine(driver).connect() as connection:
        found = DeletionRules(Project).scan(connection)
        next(found)
        within = connection.exec_driver_sql(isolation).one()
        found.close()  # type: ignore[attr-defined] # a generator

        assert tuple(within) == ("repeatable read", "on")
        assert tuple(connection.exec_driver_sql(isolation).one()) == ("read committed", "off")
        connection.execute(sa.insert(Move), [{"project_id": None}])
        connection.rollback()
        connection.execution_options(isolation_level="SERIALIZABLE")
        list(DeletionRules(Project).scan(connection))
        assert tuple(connection.exec_driver_sql(isolation).one()) == ("serializable", "off")


@pytest.mark.only("postgresql", "postgresql15", "mariadb")
def test_a_connection_that_commits_by_itself_does_so_again_afterwards(engine: sa.Engine) -> None:
    rules = DeletionRules(Project)
    with engine.connect() as plain:
        expected = list(rules.scan(plain))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        scanned = list(rules.scan(connection))

        assert scanned == expected
        connection.execute(sa.insert(Move), [{"project_id": None}])
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(Move)) == 61


@pytest.mark.only("postgresql", "postgresql15", "mariadb")
def test_a_connection_that_commits_by_itself_and_is_in_use_is_refused(engine: sa.Engine) -> None:
    rules = DeletionRules(Project)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.scalar(sa.select(1))

        with pytest.raises(ValueError, match="begun nothing yet, or none in AUTOCOMMIT"):
            list(rules.scan(connection))


# cost


def test_a_scan_takes_a_few_statements_however_many_are_blocked(engine: sa.Engine) -> None:
    rules = DeletionRules(Project, POLICY)
    sent: list[str] = []
    with engine.connect() as connection:
        whole = list(rules.scan(connection))
        event.listen(engine, "before_cursor_execute", lambda *args: sent.append(args[2]))

        list(rules.scan(connection))

    assert len(whole) > 30
    assert len(sent) < 10


def test_memory_does_not_grow_with_the_blocked(database: Database) -> None:
    engine = database.engine()
    Base.metadata.create_all(engine)
    count = 5 * PART
    with engine.begin() as connection:
        connection.execute(sa.insert(Project), [{"id": n} for n in range(1, count + 1)])
        connection.execute(sa.insert(Move), [{"project_id": n} for n in range(1, count + 1)])
    rules = DeletionRules(Project)
    with engine.connect() as connection:
        next(rules.scan(connection, until=1))
        connection.rollback()
        tracemalloc.start()
        try:
            found = sum(1 for _ in rules.scan(connection))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert found == count
    assert peak < 4_000_000  # all rows at once take more than ten


# what counting can't decide


@pytest.mark.parametrize("cls", [Thing, Special, Joined])
@pytest.mark.parametrize("how", ["orm", "sql"])
def test_subjects_without_a_plan_are_found_too(things: sa.Engine, cls: Any, how: str) -> None:
    rules = DeletionRules(cls)
    with things.connect() as connection:
        keys = connection.scalars(sa.select(cls.id).order_by(cls.id)).all()
        checked = [rules.check(connection, key, how) for key in keys]
        connection.rollback()

        scanned = list(rules.scan(connection, how))

    blocked = [verdict for verdict in checked if verdict.outcome is not Outcome.DELETABLE]
    assert [(each.key, each.blockers) for each in scanned] == [(each.key, each.blockers) for each in blocked]
    assert 0 < len(scanned) < len(keys)


@pytest.mark.only("sqlite")
def test_a_leftover_of_a_subject_that_is_gone_blocks_nobody(engine: sa.Engine) -> None:
    rules = DeletionRules(Project)
    with engine.connect() as connection:
        expected = list(rules.scan(connection))
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.execute(sa.insert(Move), [{"project_id": 4711}])
        connection.commit()
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")
        connection.rollback()

        assert list(rules.scan(connection)) == expected


@pytest.mark.only("sqlite")
def test_an_orphan_that_goes_along_counts_against_what_blocks(engine: sa.Engine) -> None:
    """SQLite lets such a deletion pass, so the scan has to look for orphans, and finds what the check finds."""
    rules = DeletionRules(Project)
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE notes (id INTEGER PRIMARY KEY, login REFERENCES accounts (login),"
            " project_id INTEGER REFERENCES projects (id) ON DELETE CASCADE)"
        )
        before = list(rules.scan(connection, "sql"))
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql(
            "INSERT INTO notes (login, project_id) VALUES ('gone', 45), ('user 01', 18)"
        )
        connection.commit()
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")
        connection.rollback()

        after = list(rules.scan(connection, "sql"))

        assert [each for each in before if each.key != 45] == after
        assert 45 in {each.key for each in before}
        assert rules.check(connection, 45, "sql").deletable


@pytest.mark.only("sqlite")
def test_with_foreign_keys_off_only_what_the_orm_refuses_is_found(engine: sa.Engine) -> None:
    rules = DeletionRules(Project)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.rollback()
        keys = connection.scalars(sa.select(Project.id).order_by(Project.id)).all()
        checked = [rules.check(connection, key) for key in keys]
        connection.rollback()

        scanned = list(rules.scan(connection))

    assert [each.key for each in scanned] == [each.key for each in checked if not each.deletable]
    assert all(each.warnings for each in scanned)


@pytest.mark.only("sqlite")
def test_a_changed_schema_is_noticed(engine: sa.Engine) -> None:
    rules = DeletionRules(Project)
    with engine.connect() as connection:
        before = {verdict.key for verdict in rules.scan(connection)}
        connection.exec_driver_sql(
            "CREATE TABLE late (id INTEGER PRIMARY KEY, p INTEGER REFERENCES projects (id))"
        )
        connection.exec_driver_sql("INSERT INTO late (p) SELECT id FROM projects")
        connection.commit()

        after = {verdict.key for verdict in rules.scan(connection)}

    assert len(before) < 60
    assert len(after) == 60


def test_hints_are_in_the_language_of_the_moment(engine: sa.Engine) -> None:
    rules = DeletionRules(Project, POLICY)
    with engine.connect() as connection:
        english = list(rules.scan(connection, rules=["invitations.project_id"]))
        with use_language("zh"):
            chinese = list(rules.scan(connection, rules=["invitations.project_id"]))

    assert "pending invitation" in english[0].blockers[0].relation
    assert "待处理邀请" in chinese[0].blockers[0].relation
