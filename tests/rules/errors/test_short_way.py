"""The short way gives the answers of the long way, and none to an error that differs in more than its values."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from diag_rules.errors import Category, Kind, _settings, _short, classify, configure
from rules.errors._stand_ins import stand_in, wrapped

DRIVERS = {
    "psycopg": ("psycopg.errors.IntegrityError", "sqlstate"),
    "psycopg2": ("psycopg2.IntegrityError", "pgcode"),
}
CLASSES = {driver: type(stand_in(name)) for driver, (name, _) in DRIVERS.items()}
FIELDS = (
    "constraint_name", "table_name", "column_name", "schema_name", "message_detail", "message_primary", "severity",
    "severity_nonlocalized", "source_function",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    _short.forget()
    yield
    _short.forget()


def error(driver: str, code: str, text: str, detail: str | None = None, **names: Any) -> Exception:
    """Return a driver's exception with the fields of libpq, wrapped; all of one driver are of one class."""
    found = CLASSES[driver](text if detail is None else f"{text}\nDETAIL:  {detail}\n")
    setattr(found, DRIVERS[driver][1], code)
    fields = {**dict.fromkeys(FIELDS), "schema_name": "public", "message_detail": detail, **names}
    found.diag = SimpleNamespace(**fields)  # type: ignore[attr-defined] # as the driver sets it
    return wrapped(found)


def unique(
    driver: str, value: str, table: str = "users", schema: str = "public", columns: str = "name"
) -> Exception:
    text, detail = (
        'duplicate key value violates unique constraint "uq"',
        f"Key ({columns})=({value}) already exists.",
    )
    return error(driver, "23505", text, detail, constraint_name="uq", table_name=table, schema_name=schema)


def orphan(driver: str, value: str, parent: str = "parent") -> Exception:
    text = 'insert or update on table "child" violates foreign key constraint "fk"'
    detail = f'Key (parent_id)=({value}) is not present in table "{parent}".'
    return error(driver, "23503", text, detail, constraint_name="fk", table_name="child")


def missing(driver: str, column: str, table: str) -> Exception:
    text, detail = (
        f'null value in column "{column}" violates not-null constraint',
        "Failing row contains (1, null).",
    )
    return error(driver, "23502", text, detail, column_name=column, table_name=table)


driver_of_libpq = pytest.mark.parametrize("driver", DRIVERS)


@driver_of_libpq
def test_the_second_error_of_a_constraint_is_answered_from_the_first(driver: str) -> None:
    assert classify(unique(driver, "a")) is classify(unique(driver, "b)=(c"))
    assert classify(orphan(driver, "1")) is classify(orphan(driver, "two\nlines) "))


@driver_of_libpq
def test_a_table_of_the_same_constraint_name_is_another(driver: str) -> None:
    answers = [
        classify(each)
        for each in (
            unique(driver, "a"),
            unique(driver, "a", table="accounts"),
            unique(driver, "a", schema="tenant"),
            unique(driver, "a", columns="name, age"),
        )
    ]

    assert [(answer.table, answer.columns) for answer in answers] == [
        ("users", ("name",)),
        ("accounts", ("name",)),
        ("tenant.users", ("name",)),
        ("users", ("name", "age")),
    ]


@driver_of_libpq
def test_the_table_that_a_key_is_looked_for_in_is_told_apart(driver: str) -> None:
    answers = [
        classify(orphan(driver, "1")),
        classify(orphan(driver, "x\ny")),
        classify(orphan(driver, '1) is not present in table "forged".')),
        classify(orphan(driver, "1", parent="other")),
    ]

    assert [answer.referenced_table for answer in answers] == ["parent", "parent", "parent", "other"]
    assert {answer.columns for answer in answers} == {("parent_id",)}


@driver_of_libpq
def test_a_column_that_may_not_be_null_is_told_apart(driver: str) -> None:
    answers = [
        classify(missing(driver, *names)) for names in (("a", "users"), ("b", "users"), ("a", "accounts"))
    ]

    assert [(answer.table, answer.columns) for answer in answers] == [
        ("users", ("a",)),
        ("users", ("b",)),
        ("accounts", ("a",)),
    ]


@driver_of_libpq
def test_a_text_that_imitates_another_constraint_does_not_get_its_answer(driver: str) -> None:
    classify(unique(driver, "a"))
    forged = error(
        driver,
        "23505",
        'duplicate key value violates unique constraint "uq"\nDETAIL:  Key (name)=(a) already exists.',
        constraint_name="legal_hold",
    )

    assert classify(forged).constraint == "legal_hold"


@driver_of_libpq
@pytest.mark.parametrize("odd", [["a"], {"a": 1}, 7, b"uq"])
def test_fields_of_odd_types_are_survived(driver: str, odd: Any) -> None:
    for _ in range(2):
        answer = classify(error(driver, "23505", "x", constraint_name=odd, table_name=odd))
        assert (answer.category, answer.kind) == (Category.BUSINESS_RULE, Kind.UNIQUE_VIOLATION)


@pytest.mark.parametrize("number", [1054, 1146, 1205, 1213])
def test_a_number_whose_text_says_nothing_more_is_answered_from_the_first(number: int) -> None:
    kind = type(stand_in("pymysql.err.OperationalError"))

    first, second = (classify(wrapped(kind(number, text))) for text in ("one", "two"))

    assert first is second
    assert first.vendor_code == number


def test_a_changed_setting_is_seen_at_once() -> None:
    kind = type(stand_in("pymysql.err.OperationalError"))
    before = classify(wrapped(kind(1146, "x")))
    try:
        configure(mysql_flavour="mariadb")
        after = classify(wrapped(kind(1146, "x")))
    finally:
        configure(mysql_flavour="auto")

    assert (before.dialect, after.dialect) == ("mysql", "mariadb")
    assert _settings.current.mysql_flavour == "auto"


def test_what_is_kept_stays_small() -> None:
    for number in range(_short._MOST + 50):
        classify(unique("psycopg", "a", table=f"table_{number}"))

    assert len(_short._answers) <= _short._MOST


PSYCOPG, PYMYSQL = (type(stand_in(f"{name}.OperationalError")) for name in ("psycopg", "pymysql.err"))
REFUSED = 'connection to server at "db.internal", port 5432 failed: Connection refused'
UNKNOWN_HOST = 'could not translate host name "db.internal" to address: Name or service not known'


def unopened(orig: Exception, behind: OSError | None = None, *, lost: bool = False) -> Exception:
    """Return what connecting raises: no statement, and what the system said behind the driver's exception."""
    orig.__context__ = behind
    return wrapped(orig, statement=None, lost=lost)


def cannot_connect(number: int | None) -> Exception:
    behind = None if number is None else OSError(number, "said")
    return unopened(PYMYSQL(2003, "Can't connect to MySQL server on 'db.internal'"), behind)


def test_connections_that_cannot_be_opened_are_told_apart_by_their_texts() -> None:
    for _ in range(2):
        answers = [classify(unopened(PSYCOPG(text))) for text in (REFUSED, UNKNOWN_HOST, "odd")]

        assert [answer.kind for answer in answers] == [
            Kind.CONNECTION_REFUSED,
            Kind.HOST_UNKNOWN,
            Kind.CONNECTION_FAILURE,
        ]


def test_connections_that_cannot_be_opened_are_told_apart_by_what_the_system_said() -> None:
    for _ in range(2):
        answers = [
            classify(cannot_connect(number)) for number in (None, errno.ECONNREFUSED, errno.EHOSTUNREACH)
        ]

        assert [answer.kind for answer in answers] == [
            Kind.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION,
            Kind.CONNECTION_REFUSED,
            Kind.NETWORK_UNREACHABLE,
        ]


def test_a_connection_that_is_lost_is_told_from_one_that_is_not() -> None:
    for _ in range(2):
        kept, lost = (classify(unopened(PSYCOPG("odd"), lost=lost)) for lost in (False, True))

        assert kept.evidence == "class OperationalError without SQLSTATE"
        assert lost.evidence.startswith("flag connection_invalidated")


def test_a_code_that_came_all_the_same_is_read() -> None:
    classify(unopened(PSYCOPG(REFUSED)))
    coded = PSYCOPG(REFUSED)
    coded.sqlstate = "53300"  # type: ignore[attr-defined] # as the driver sets it

    assert classify(unopened(coded)).kind is Kind.TOO_MANY_CONNECTIONS


def test_a_text_about_a_connection_is_not_kept() -> None:
    classify(unopened(PSYCOPG(f"{REFUSED}; password=hunter2")))

    assert _short._answers
    assert not [word for word in ("hunter2", "db.internal") if word in repr(_short._answers)]


def test_texts_without_end_are_not_kept_without_end() -> None:
    for number in range(_short._MOST + 50):
        classify(unopened(PSYCOPG(f"{REFUSED} {number}")))

    assert len(_short._answers) <= _short._MOST
