"""A corpus of planted secrets: none of them may stand anywhere in an event."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sentry_sdk
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, create_engine, insert
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from diag_exporters._private_text import scrub_text
from diag_exporters._scrub import secrets_of
from diag_exporters.sentry import sentry
from exporters._samples import defect, outage, unique

Start = Callable[..., list[dict[str, Any]]]
EMAIL, CARD, PASSWORD = "planted@example.org", "4111-1111-1111-1111", "hunter2-planted"

TEXTS = {
    "sqlalchemy": f"(sqlite3.IntegrityError) no\n[SQL: INSERT INTO u VALUES ('{EMAIL}')]\n[parameters: ('{EMAIL}',)]\n(Background on this error at: https://sqlalche.me/e/21/gkpj)",
    "several rows": f"[parameters: [{{'email': '{EMAIL}'}}, {{'card': '{CARD}'}}  ... displaying 10 of 11]]",
    "PostgreSQL's detail": f"duplicate key value\nDETAIL:  Key (email)=({EMAIL}) already exists.",
    "German detail": f"doppelter Schlüsselwert\nDETAIL:  Schlüssel »(email)=({EMAIL})« existiert bereits.",
    "a row": f"Failing row contains (1, {EMAIL}, {CARD}).",
    "a key in one line": f"Key (email, card)=({EMAIL}, {CARD}) already exists",
    "MySQL": f"(1062, \"Duplicate entry '{EMAIL}' for key 'uq_email'\")",
    "MySQL's value": f"Incorrect integer value: '{EMAIL}' for column `x`.`y` at row 1",
    "a URL": f"could not connect to postgresql+psycopg://app:{PASSWORD}@db.internal:5432/shop",
    "a URL whose password has an @": f"mysql://app:{PASSWORD}@x@db/shop",
    "libpq": f"connection failed: host=db user=app password={PASSWORD} dbname=shop",
    "libpq, quoted": f"host=db password='{PASSWORD} with space' dbname=shop",
    "ODBC": f"DRIVER={{x}};UID=app;PWD={PASSWORD};SERVER=db",
}


@pytest.mark.parametrize("name", TEXTS)
def test_no_secret_survives_in_text(name: str) -> None:
    scrubbed = scrub_text(TEXTS[name])

    assert not [secret for secret in (EMAIL, CARD, PASSWORD) if secret in scrubbed], scrubbed


def test_plain_text_stays_as_it_is() -> None:
    for plain in (
        "Project flask was deleted.",
        "See https://example.org/a?b=c and mail admin@example.org",
        "12:30:45 [info] done",
        "Key points: none",
    ):
        assert scrub_text(plain) == plain


def test_the_values_of_parameters_are_known_secrets() -> None:
    error = IntegrityError("INSERT", [{"email": EMAIL, "n": 7}, (CARD, None, True)], Exception("x"))

    assert set(secrets_of(error)) >= {EMAIL, CARD}
    assert "7" not in secrets_of(error)


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = create_engine("sqlite://")
    yield engine
    engine.dispose()


@pytest.fixture
def users(engine: Engine) -> Table:
    metadata = MetaData()
    users = Table(
        "users", metadata, Column("id", Integer, primary_key=True), Column("email", String, unique=True)
    )
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(users), {"email": EMAIL})
    return users


def break_rule(engine: Engine, users: Table) -> DBAPIError:
    """Return a real error whose parameters, text and frames all hold the e-mail."""
    email_of_the_form = EMAIL
    try:
        with engine.begin() as connection:
            connection.execute(insert(users), {"email": email_of_the_form})
    except IntegrityError as error:
        return error
    raise AssertionError("the rule held")


@pytest.mark.parametrize(
    "options", [{}, {"send_default_pii": True}, {"attach_stacktrace": True, "max_value_length": 100_000}]
)
def test_no_planted_secret_reaches_any_event(
    options: dict[str, Any], start_sentry: Start, engine: Engine, users: Table
) -> None:
    """Ours, the SDK's own, one wrapped by the application, one only logged: in any of the SDK's settings."""
    export, events = sentry(burst=100), start_sentry(traces_sample_rate=1.0, **options)
    logger = logging.getLogger("shop")

    error = break_rule(engine, users)
    logger.warning("Could not save %s", error)
    sentry_sdk.add_breadcrumb(category="query", message=f"SELECT '{EMAIL}'", data={"db.params": [EMAIL]})
    export(outage(error=error))
    export(defect(error=break_rule(engine, users)))
    sentry_sdk.capture_exception(break_rule(engine, users))  # one that no exporter has seen
    try:
        raise RuntimeError(f"sign-up of {EMAIL} failed: {error}") from break_rule(engine, users)
    except RuntimeError as wrapped:
        sentry_sdk.capture_exception(wrapped)
    try:
        raise error
    except SQLAlchemyError:
        logger.exception("Could not save %s: %s", EMAIL, error)
    with sentry_sdk.start_transaction(name="sign up"):
        break_rule(engine, users)

    text_of_all = json.dumps(events, default=str)
    assert len(events) >= 4
    assert EMAIL not in text_of_all
    assert "[parameters: (" not in text_of_all


def test_breadcrumbs_of_the_scope_are_not_changed_in_place(
    start_sentry: Start, engine: Engine, users: Table
) -> None:
    """The application may look at its own breadcrumbs afterwards."""
    start_sentry()
    sentry_sdk.add_breadcrumb(category="query", message=f"{EMAIL}", data={"db.params": [EMAIL]})

    sentry_sdk.capture_exception(break_rule(engine, users))

    left = [
        crumb["data"]
        for crumb in sentry_sdk.get_isolation_scope()._breadcrumbs
        if crumb.get("message") == EMAIL
    ]
    assert left == [{"db.params": [EMAIL]}]


def test_an_applications_event_keeps_its_variables(start_sentry: Start) -> None:
    """Only events about a database error lose them."""
    events = start_sentry()
    sentry()

    try:
        useful = "a value to debug with"
        raise KeyError(useful)
    except KeyError as error:
        sentry_sdk.capture_exception(error)

    frame = events[0]["exception"]["values"][0]["stacktrace"]["frames"][-1]
    assert "a value to debug with" in frame["vars"]["useful"]


def test_the_pools_own_log_of_a_lost_connection_is_no_event(start_sentry: Start) -> None:
    """The loss itself is an incident already."""
    events = start_sentry()
    sentry()

    try:
        raise OSError("server closed the connection")
    except OSError:
        logging.getLogger("sqlalchemy.pool.impl.QueuePool").exception("Exception during reset or similar")

    assert events == []


def test_a_constraint_is_shown_since_it_is_no_secret(
    start_sentry: Start, engine: Engine, users: Table
) -> None:
    events = start_sentry()
    error = break_rule(engine, users)

    sentry(business_sample_rate=1.0)(unique("uq_email", error=error))

    assert events[0]["exception"]["values"][-1]["value"] == "unique_violation (23505) on uq_email"
