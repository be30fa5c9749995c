"""What is seen: every error of the application's engines, once, with what the request knows."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, event, inspect, select, text
from sqlalchemy.exc import IntegrityError, PendingRollbackError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from diag._shop import Base, Invitation, Invoice, Project, Shop, add_routes, body, fill, make_shop, view
from diag_rules.errors import Category, Kind
from flask_diag import Diagnostics

if TYPE_CHECKING:
    from conftest import Database


def test_the_orms_nulling_is_tied_to_the_deletion(shop: Shop) -> None:
    """The bug of 2025: a not-null violation on an UPDATE of another table."""
    shop.client.delete("/projects/sampleproject")

    (incident,) = shop.met
    assert incident.classification.category is Category.BUSINESS_RULE
    assert incident.classification.kind is Kind.NOT_NULL_VIOLATION
    assert (incident.deletion_of, incident.subject, incident.subject_key) == ("Project", "Project", "1")
    assert (incident.endpoint, incident.route, incident.method) == (
        "delete_project",
        "/projects/<name>",
        "DELETE",
    )
    assert incident.app == "shop"
    assert incident.at.tzinfo is not None


def test_a_deletion_by_sql_is_known_by_its_statement(shop: Shop) -> None:
    shop.client.delete("/sql/3")

    (incident,) = shop.met
    assert incident.classification.kind in (Kind.FOREIGN_KEY_VIOLATION, Kind.RESTRICT_VIOLATION)
    assert (incident.deletion_of, incident.subject_key) == ("Project", "3")


def test_a_deletion_in_text_is_known_too(shop: Shop) -> None:
    shop.client.post("/run", data={"sql": "DELETE FROM projects WHERE id = 3"})

    assert shop.met[0].deletion_of == "Project"


def test_an_error_after_a_deletion_is_not_the_deletions(shop: Shop) -> None:
    @view(shop)
    def both() -> str:
        with Session(shop.engine) as session:
            session.delete(session.get_one(Project, 2))
            session.flush()
            session.add(Project(id=9, name="billed"))
            session.commit()
        return ""

    shop.client.get("/view")

    (incident,) = shop.met
    assert incident.classification.kind is Kind.UNIQUE_VIOLATION
    assert incident.deletion_of is None


def test_a_deletion_of_one_request_is_forgotten_in_the_next(shop: Shop) -> None:
    @view(shop)
    def insert_again() -> str:
        with Session(shop.engine) as session:
            session.add(Project(name="billed"))
            session.commit()
        return ""

    client = shop.client
    client.delete("/projects/sampleproject")
    client.get("/view")

    assert [incident.deletion_of for incident in shop.met] == ["Project", None]


@pytest.mark.only("postgresql", "sqlite")
def test_a_deferred_key_that_fails_at_commit_is_the_deletions(database: Database) -> None:
    engine = database.engine()
    fill(engine)
    reference = "INTEGER REFERENCES projects(id) DEFERRABLE INITIALLY DEFERRED"
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE late (id INTEGER PRIMARY KEY, project_id {reference})"))
        connection.execute(text("INSERT INTO late VALUES (1, 2)"))
    shop = make_shop(engine)

    answer = shop.client.delete("/projects/empty")

    (incident,) = shop.met
    assert incident.classification.kind is Kind.FOREIGN_KEY_VIOLATION
    assert incident.deletion_of == "Project"
    assert answer.status_code == 409
    assert [blocker["relation"] for blocker in body(answer)["blockers"]] == ["late"]


def test_an_error_that_the_application_swallows_is_counted(shop: Shop) -> None:
    @view(shop)
    def upsert() -> str:
        try:
            with Session(shop.engine) as session:
                session.add(Project(name="billed"))
                session.commit()
        except IntegrityError:
            return "it exists"
        return "made"

    answer = shop.client.get("/view")

    assert answer.text == "it exists"
    assert shop.errors("business_rule", "unique_violation") == 1


def test_an_error_is_counted_once_however_often_it_is_raised(shop: Shop) -> None:
    @view(shop)
    def passes_it_on() -> None:
        try:
            try:
                with Session(shop.engine) as session:
                    session.add(Project(name="billed"))
                    session.commit()
            except IntegrityError as error:
                raise error.with_traceback(None)  # noqa: B904 that is what is tried
        except SQLAlchemyError as error:
            raise error from None

    shop.client.get("/view")

    assert len(shop.met) == 1


def test_a_session_used_after_the_error_is_the_same_error(shop: Shop) -> None:
    @view(shop)
    def goes_on() -> None:
        with Session(shop.engine) as session:
            session.add(Project(name="billed"))
            with pytest.raises(IntegrityError):
                session.flush()
            session.execute(select(Project))

    answer = shop.client.get("/view")

    assert len(shop.met) == 1
    assert (answer.status_code, body(answer)["kind"]) == (409, "unique_violation")
    assert issubclass(PendingRollbackError, SQLAlchemyError)


def test_an_error_without_an_event_is_seen_at_the_requests_end(shop: Shop) -> None:
    """The ORM refuses to blank out a primary key by AssertionError, before any SQL."""
    answer = shop.client.delete("/projects/badged")

    (incident,) = shop.met
    assert incident.deletion_of == "Project"
    assert answer.status_code == 409
    assert {(blocker["relation"], blocker["count"]) for blocker in body(answer)["blockers"]} == {
        ("badges", 1)
    }


def test_a_pool_without_a_free_connection_is_an_outage(database: Database) -> None:
    engine = database.engine(poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=0.05)
    fill(engine)
    shop = make_shop(engine)

    with engine.connect():
        answer = shop.client.delete("/projects/empty")

    assert (answer.status_code, body(answer)["kind"]) == (503, "pool_timeout")
    assert shop.outage == 1
    assert shop.client.delete("/projects/empty").status_code == 204
    assert shop.outage == 0
    assert issubclass(PoolTimeout, SQLAlchemyError)


def test_the_error_of_another_engine_is_nobodys_incident(shop: Shop, database: Database) -> None:
    other = database.engine()

    @view(shop)
    def elsewhere() -> None:
        with other.connect() as connection:
            connection.execute(text("SELECT * FROM nowhere"))

    shop.app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = shop.client.get("/view")

    assert (shop.met, answer.status_code) == ([], 500)
    assert answer.content_type.startswith("text/html")


def test_two_applications_on_one_engine_count_each_their_own(filled: Engine) -> None:
    one, other = make_shop(filled), make_shop(filled)

    other.client.delete("/projects/sampleproject")

    assert (len(one.met), len(other.met)) == (0, 1)


def test_outside_of_requests_the_incident_has_no_endpoint(shop: Shop) -> None:
    with Session(shop.engine) as session:
        session.add(Project(name="billed"))
        with pytest.raises(IntegrityError):
            session.flush()

    (incident,) = shop.met
    assert (incident.endpoint, incident.route, incident.request_id) == (None, None, None)


def test_a_look_whether_a_table_exists_is_no_error(shop: Shop) -> None:
    """On MySQL and MariaDB, SQLAlchemy tries and expects error 1146."""
    assert not inspect(shop.engine).has_table("nowhere")

    assert shop.met == []


def test_a_worker_that_is_stopped_in_a_statement_has_no_error(shop: Shop) -> None:
    @event.listens_for(shop.engine, "do_execute")
    def stop(*_: Any) -> None:
        raise SystemExit

    with pytest.raises(SystemExit), shop.engine.connect() as connection:
        connection.execute(text("SELECT 1"))

    assert shop.met == []


def listeners(engine: Engine) -> dict[str, list[Any]]:
    """Return what is called while statements succeed; other plugins may be on the class."""
    names = (
        "before_cursor_execute",
        "after_cursor_execute",
        "before_execute",
        "after_execute",
        "begin",
        "commit",
        "rollback",
        "release_savepoint",
        "set_connection_execution_options",
        "engine_connect",
    )
    return {name: list(getattr(engine.dispatch, name)) for name in names}


def test_no_listener_is_on_what_succeeds(filled: Engine) -> None:
    """Statements, cursors, transactions: nothing of ours is called for them."""
    before = listeners(filled)

    make_shop(filled)

    assert listeners(filled) == before


def test_nothing_is_on_the_engine_class(filled: Engine) -> None:
    stranger = create_engine("sqlite://")
    before = list(stranger.dialect.dispatch.handle_error)

    shop = make_shop(filled)

    assert list(stranger.dialect.dispatch.handle_error) == before
    assert len(list(shop.engine.dialect.dispatch.handle_error)) == len(before) + 1
    stranger.dispose()


def test_an_exception_is_lent_to_the_exporters_and_not_kept(filled: Engine) -> None:
    app, lent = Flask("shop"), list[type]()
    Diagnostics(app, filled, subject=Project, exporters=[lambda incident: lent.append(type(incident.error))])
    add_routes(app, filled)

    app.test_client().delete("/projects/sampleproject")

    assert lent == [IntegrityError]
    assert [incident.error for incident in app.extensions["diag"].recent] == [None]


def test_an_exception_that_was_met_is_not_kept(filled: Engine) -> None:
    """Its stack would hold the session, and so a connection."""
    app = Flask("shop")
    Diagnostics(app, filled, subject=Project, exporters=[])
    freed: list[bool] = []

    class Canary:
        def __del__(self) -> None:
            freed.append(True)

    def fail() -> None:
        canary = Canary()
        with filled.connect() as connection:
            connection.execute(text("SELECT * FROM nowhere"))
        del canary

    with pytest.raises(SQLAlchemyError):
        fail()
    gc.collect()

    assert freed == [True]
    assert len(app.extensions["diag"].recent) == 1


def test_a_bare_driver_exception_is_answered(filled: Engine) -> None:
    """As Warehouse does: a listener that raises the driver's exception in place of SQLAlchemy's."""
    shop = make_shop(filled)

    @event.listens_for(filled, "handle_error")
    def unwrap(context: Any) -> None:
        raise context.original_exception

    answer = shop.client.delete("/projects/sampleproject")

    assert (answer.status_code, body(answer)["category"]) == (409, "business_rule")
    assert body(answer)["blockers"][0]["count"] == 3
    assert len(shop.met) == 1


def test_the_subject_that_the_route_does_not_tell_can_be_said(shop: Shop) -> None:
    @view(shop)
    def form() -> None:
        with Session(shop.engine) as session:
            shop.diag.subject(session.get_one(Project, 3))
            session.add(Project(name="billed"))
            session.commit()

    shop.client.post("/view")

    assert (shop.met[0].subject, shop.met[0].subject_key) == ("Project", "3")


def test_a_resolver_says_whose_request_it_is(shop: Shop) -> None:
    shop.diag.resolver(lambda: 42)

    shop.client.post("/run", data={"sql": "SELECT * FROM nowhere"})

    assert shop.met[0].subject_key == "42"


def test_a_resolver_that_fails_does_not_harm(shop: Shop) -> None:
    shop.diag.resolver(lambda: 1 / 0)

    answer = shop.client.delete("/projects/sampleproject")

    assert (answer.status_code, len(shop.met)) == (409, 1)


def test_the_models_of_these_tests_are_what_they_say() -> None:
    assert {table.name for table in Base.metadata.sorted_tables} == {
        "projects", "role_invitations", "badges", "invoices",
    }  # fmt: skip
    assert Invitation.__tablename__ == "role_invitations"
    assert Invoice.__tablename__ == "invoices"
