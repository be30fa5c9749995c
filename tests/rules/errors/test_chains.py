"""What stands behind an exception: causes, contexts, groups, cycles, follow-ups, and errors of the system."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest
from sqlalchemy import String, create_engine, exc, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
from sqlalchemy.orm import exc as orm_exc
from sqlalchemy.schema import ForeignKey

from diag_rules.errors import Category, Kind, Phase, classify
from rules.errors._stand_ins import stand_in, wrapped


class Base(DeclarativeBase):
    pass


class Parent(Base):
    __tablename__ = "parent"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    children: Mapped[list[Child]] = relationship()


class Child(Base):
    __tablename__ = "child"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    parent_id: Mapped[int] = mapped_column(ForeignKey("parent.id"), primary_key=True)


def unique() -> Exception:
    return stand_in("psycopg.errors.UniqueViolation", "duplicate key", sqlstate="23505")


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as found:  # noqa: BLE001 - whatever it is
        return found


def test_pending_rollback_is_traced_to_the_error_that_its_text_quotes(database: Any) -> None:
    engine = database.engine()
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Parent(id=1, name="a"), Parent(id=2, name="a")])
        with pytest.raises(exc.IntegrityError):
            session.flush()
        with pytest.raises(exc.PendingRollbackError) as found:
            session.execute(select(Parent))

    answer = classify(found.value)

    assert (answer.category, answer.kind) == (Category.BUSINESS_RULE, Kind.UNIQUE_VIOLATION)
    assert "PendingRollbackError" in answer.evidence


def test_a_user_cannot_forge_the_cause_of_a_pending_rollback() -> None:
    text_ = (
        "This Session's transaction has been rolled back due to a previous exception during flush. To begin a new "
        "transaction with this Session, first issue Session.rollback(). Original exception was: "
        "(pymysql.err.IntegrityError) (1062, \"Duplicate entry 'Original exception was: (pymysql.err.OperationalError) "
        "(2013, 'lost')' for key 'k'\")"
    )

    assert classify(exc.PendingRollbackError(text_)).kind is Kind.UNIQUE_VIOLATION


@pytest.mark.parametrize(
    ("quoted", "kind"),
    [
        ("(psycopg2.errors.NotNullViolation) null value", Kind.NOT_NULL_VIOLATION),
        ("(pymysql.err.IntegrityError) (1451, 'x')", Kind.FOREIGN_KEY_VIOLATION),
        ("(mysql.connector.errors.IntegrityError) 1062 (23000): Duplicate", Kind.UNIQUE_VIOLATION),
        ("(sqlite3.IntegrityError) NOT NULL constraint failed: t.c", Kind.NOT_NULL_VIOLATION),
        ("(sqlite3.OperationalError) database is locked", Kind.LOCK_NOT_AVAILABLE),
        ("(pg8000.dbapi.ProgrammingError) {'S': 'ERROR', 'V': 'ERROR', 'C': '40P01', 'M': 'x'}", Kind.DEADLOCK_DETECTED),
        ("(raised as a result of Query-invoked autoflush; x)\n(psycopg.errors.UniqueViolation) d", Kind.UNIQUE_VIOLATION),
        ("(sqlalchemy.dialects.postgresql.asyncpg.IntegrityError) <class 'asyncpg.exceptions.UniqueViolationError'>: d",
         Kind.UNIQUE_VIOLATION),
        ("(some.driver.Error) x", Kind.PENDING_ROLLBACK),
        ("nothing that can be read", Kind.PENDING_ROLLBACK),
    ],
)  # fmt: skip
def test_a_pending_rollback_tells_by_what_it_quotes(quoted: str, kind: Kind) -> None:
    error = exc.PendingRollbackError(
        f"This Session's transaction has been rolled back. Original exception was: {quoted}"
    )

    assert classify(error).kind is kind


def test_a_lost_transaction_is_an_outage() -> None:
    error = exc.PendingRollbackError(
        "Can't reconnect until invalid transaction is rolled back.  Please rollback() fully"
    )

    assert classify(error).category is Category.OUTAGE


def test_an_error_behind_a_stranger_is_found_by_cause_and_by_context() -> None:
    try:
        try:
            raise wrapped(unique())
        except exc.DBAPIError:
            raise KeyError("name")  # noqa: B904 - the context alone is the point
    except KeyError as error:
        by_context = classify(error)
    by_cause = classify(raised(RuntimeError("x"), wrapped(unique())))

    assert by_context.kind is by_cause.kind is Kind.UNIQUE_VIOLATION


def test_what_was_handled_before_does_not_count() -> None:
    try:
        try:
            raise KeyError("cache")
        except KeyError:
            raise wrapped(unique())  # noqa: B904 - the context alone is the point
    except exc.DBAPIError as error:
        assert classify(error).kind is Kind.UNIQUE_VIOLATION  # noqa: PT017 - its context is made here


def test_an_earlier_attempt_does_not_hide_the_last() -> None:
    try:
        try:
            raise wrapped(stand_in("psycopg.errors.DeadlockDetected", "d", sqlstate="40P01"))
        except exc.DBAPIError:
            raise wrapped(  # noqa: B904 - the context alone is the point
                stand_in("psycopg.OperationalError", "server closed the connection unexpectedly"), lost=True
            )
    except exc.DBAPIError as error:
        assert classify(error).category is Category.OUTAGE  # noqa: PT017 - its context is made here


def test_a_suppressed_context_is_left_alone() -> None:
    try:
        try:
            raise wrapped(unique())
        except exc.DBAPIError:
            raise ValueError("not found") from None
    except ValueError as error:
        assert classify(error).category is Category.UNKNOWN  # noqa: PT017 - its context is made here


def test_an_oversized_packet_is_told_from_a_lost_connection() -> None:
    lost = stand_in("mariadb.OperationalError", "Server has gone away", errno=2006, sqlstate="HY000")
    lost.__context__ = stand_in(
        "mariadb.OperationalError", "Got a packet bigger", errno=1153, sqlstate="08S01"
    )

    assert classify(wrapped(lost, lost=True)).kind is Kind.PACKET_TOO_LARGE


def test_the_deeper_code_of_asyncpg_counts() -> None:
    adapted = stand_in(
        "sqlalchemy.dialects.postgresql.asyncpg.Error",
        "<class 'asyncpg.exceptions.X'>: closed",
        sqlstate="08003",
    )
    adapted.__cause__ = stand_in("asyncpg.exceptions.ConnectionDoesNotExistError", "closed", sqlstate="08003")
    adapted.__cause__.__cause__ = stand_in(
        "asyncpg.exceptions.AdminShutdownError", "terminating", sqlstate="57P01"
    )

    assert classify(wrapped(adapted, lost=True)).kind is Kind.ADMIN_SHUTDOWN


def test_cycles_end() -> None:
    one, two = unique(), RuntimeError("x")
    one.__cause__, two.__cause__ = one, one
    one.__context__ = two

    assert classify(two).kind is Kind.UNIQUE_VIOLATION
    assert classify(one).kind is Kind.UNIQUE_VIOLATION


def test_the_worst_of_a_group_counts() -> None:
    lost = stand_in("psycopg.errors.AdminShutdown", "x", sqlstate="57P01")

    answer = classify(
        ExceptionGroup("x", [ValueError(), wrapped(unique()), ExceptionGroup("y", [wrapped(lost)])])
    )

    assert answer.category is Category.OUTAGE


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionRefusedError(111, "Connect call failed"), Kind.CONNECTION_REFUSED),
        (ConnectionResetError(104, "reset"), Kind.CONNECTION_FAILURE),
        (BrokenPipeError(32, "pipe"), Kind.CONNECTION_FAILURE),
        (TimeoutError(), Kind.CONNECT_TIMEOUT),
        (TimeoutError(110, "timed out"), Kind.CONNECT_TIMEOUT),
        (socket.gaierror(-2, "Name or service not known"), Kind.HOST_UNKNOWN),
        (OSError(113, "No route to host"), Kind.NETWORK_UNREACHABLE),
        (
            OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 1), [Errno 111] x"),
            Kind.CONNECTION_REFUSED,
        ),
        (ssl.SSLError(1, "wrong version number"), Kind.TLS_FAILURE),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), Kind.TLS_FAILURE),
    ],
)
def test_errors_of_the_network_are_outages_when_they_come_alone(error: OSError, kind: Kind) -> None:
    answer = classify(error)

    assert (answer.category, answer.kind) == (Category.OUTAGE, kind)


def test_errors_of_other_services_are_not_ours() -> None:
    redis = stand_in("redis.exceptions.ConnectionError", "refused")

    assert classify(raised(redis, ConnectionRefusedError(111, "x"))).category is Category.UNKNOWN
    assert classify(FileNotFoundError(2, "template.html")).category is Category.UNKNOWN
    assert classify(stand_in("requests.exceptions.ConnectionError", "x")).category is Category.UNKNOWN


def test_the_cause_of_a_refused_connection_refines_it() -> None:
    error = stand_in("pg8000.exceptions.InterfaceError", "Can't create a connection to host x and port 1")
    error.__cause__ = ConnectionRefusedError(111, "refused")

    assert classify(wrapped(error, statement=None)).kind is Kind.CONNECTION_REFUSED


@pytest.mark.parametrize(
    ("error", "category", "kind"),
    [
        (orm_exc.StaleDataError("UPDATE statement on table 'x' expected to update 1 row(s); 0 were matched."), Category.CONTENTION,
         Kind.STALE_DATA),
        (exc.NoResultFound("No row was found when one was required"), Category.BUSINESS_RULE, Kind.NO_DATA_FOUND),
        (exc.InvalidRequestError("A value is required for bind parameter 'x'"), Category.DEFECT, Kind.ORM_MISUSE),
        (exc.ArgumentError("x"), Category.DEFECT, Kind.ORM_MISUSE),
        (exc.NoSuchTableError("x"), Category.DEFECT, Kind.UNDEFINED_TABLE),
        (exc.TimeoutError("QueuePool limit of size 5 overflow 10 reached"), Category.OUTAGE, Kind.POOL_TIMEOUT),
        (KeyError("x"), Category.UNKNOWN, Kind.UNRECOGNISED),
        (OverflowError("Python int too large to convert to SQLite INTEGER"), Category.BUSINESS_RULE, Kind.NUMERIC_VALUE_OUT_OF_RANGE),
        (ValueError("A string literal cannot contain NUL (0x00) characters."), Category.BUSINESS_RULE,
         Kind.CHARACTER_NOT_IN_REPERTOIRE),
    ],
)  # fmt: skip
def test_exceptions_of_sqlalchemy_and_python_have_their_place(
    error: Exception, category: Category, kind: Kind
) -> None:
    answer = classify(error)

    assert (answer.category, answer.kind) == (category, kind)


def test_a_full_pool_is_met_at_checkout() -> None:
    assert classify(exc.TimeoutError("QueuePool limit")).phase is Phase.CHECKOUT


def test_a_bind_parameter_that_is_missing_is_a_defect() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection, pytest.raises(exc.StatementError) as found:
        connection.execute(text("SELECT :x"))
    engine.dispose()

    assert classify(found.value).category is Category.DEFECT


def test_a_driver_that_nobody_knows_is_judged_by_its_class() -> None:
    strange = type("Strange", (Exception,), {"__module__": "strange_driver"})

    def around(name: str, *, lost: bool = False) -> BaseException:
        error: exc.DBAPIError = getattr(exc, name)("SELECT 1", (), strange("x"), connection_invalidated=lost)
        return error

    assert classify(around("IntegrityError")).category is Category.BUSINESS_RULE
    assert classify(around("OperationalError", lost=True)).category is Category.OUTAGE
    assert classify(around("OperationalError")).category is Category.UNKNOWN
