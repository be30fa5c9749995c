"""What the application's users are told, and when we keep out of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from flask import Blueprint, Flask, Response, jsonify
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool, StaticPool

from _threads import finish_late_questions
from diag._shop import Invitation, Project, Shop, body, fill, make_shop, view
from diag_exporters import Incident
from diag_rules.deletion import DeletionRefused
from flask_diag import Diagnostics
from flask_diag._messages import CHINESE, ENGLISH

if TYPE_CHECKING:
    from conftest import Database

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
POLICY = {
    "relation": [
        {
            "of": "Project.invitations",
            "name": "pending invitations",
            "hint": {
                "en": {
                    "one": "revoke {count} pending invitation",
                    "other": "revoke {count} pending invitations",
                },
                "zh": "撤销 {count} 个待接受的邀请",
            },
            "link": "/manage/{name}#invitations",
        }
    ]
}


@pytest.fixture
def told(filled: Engine) -> Shop:
    """The shop with a policy that says what people call invitations."""
    return make_shop(filled, policy=POLICY)


def test_a_blocked_deletion_says_what_to_do(told: Shop) -> None:
    answer = told.client.delete("/projects/sampleproject", headers={"X-Request-ID": "req-42"})

    assert answer.status_code == 409
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert body(answer) == {
        "type": "urn:flask-diag:problem:deletion-blocked",
        "title": "Project cannot be deleted yet",
        "status": 409,
        "detail": ENGLISH.details["deletion-blocked"],
        "instance": "/projects/sampleproject",
        "reference": "req-42",
        "category": "business_rule",
        "kind": "not_null_violation",
        "subject": "Project",
        "key": 1,
        "blockers": [
            {
                "relation": "pending invitations",
                "count": 3,
                "hint": "revoke 3 pending invitations",
                "link": "/manage/sampleproject#invitations",
            }
        ],
        "hints": ["revoke 3 pending invitations"],
    }


@pytest.mark.parametrize("headers", [{}, HTML])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_without_a_policy_the_public_reads_words_and_no_names_of_ours(
    shop: Shop, headers: dict[str, str], language: str
) -> None:
    answer = shop.client.delete("/projects/sampleproject", headers={**headers, "Accept-Language": language})

    said = {
        "en": "delete 3 entries in “role invitations” first",
        "zh": "请先删除“role invitations”中的 3 项",
    }
    assert (answer.status_code, said[language] in answer.text) == (409, True)
    for ours in ("role_invitations", "project_id", "Project.invitations", "passive_deletes", "CASCADE"):
        assert ours not in answer.text


def test_a_refusal_names_no_table_either(shop: Shop) -> None:
    @view(shop)
    def safe() -> Response:
        with Session(shop.engine) as session:
            shop.app.extensions["diag"].rules.delete(session, session.get_one(Project, 1))
        return jsonify("deleted")

    answer = shop.client.get("/view", headers={"Accept-Language": "zh"})

    (blocker,) = body(answer)["blockers"]
    assert blocker == {
        "relation": "role invitations",
        "count": 3,
        "hint": "请先删除“role invitations”中的 3 项",
    }


def test_the_same_in_chinese(told: Shop) -> None:
    answer = told.client.delete(
        "/projects/sampleproject", headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"}
    )

    assert answer.headers["Content-Language"] == "zh"
    assert body(answer)["hints"] == ["撤销 3 个待接受的邀请"]
    assert body(answer)["title"] == "暂时无法删除Project"


def test_a_browser_gets_a_page(told: Shop) -> None:
    answer = told.client.delete("/projects/sampleproject", headers=HTML)

    assert (answer.status_code, answer.mimetype) == (409, "text/html")
    assert "revoke 3 pending invitations" in answer.text
    assert 'href="/manage/sampleproject#invitations"' in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "<script" not in answer.text


def test_an_application_may_write_the_page_itself(told: Shop, tmp_path: Any) -> None:
    from jinja2 import ChoiceLoader, DictLoader

    ours = told.app.jinja_env.loader
    assert ours is not None
    page = "{% extends 'shop.html' %}{% block body %}{{ problem.hints[0] }}{% endblock %}"
    own = DictLoader(
        {"flask_diag/answer.html": page, "shop.html": "<h1>Shop</h1>{% block body %}{% endblock %}"}
    )
    told.app.jinja_env.loader = ChoiceLoader([own, ours])

    answer = told.client.delete("/projects/sampleproject", headers=HTML)

    assert answer.text == "<h1>Shop</h1>revoke 3 pending invitations"


def test_nothing_was_deleted_and_nothing_is_left_open(told: Shop) -> None:
    told.client.delete("/projects/sampleproject")

    with Session(told.engine) as session:
        assert session.scalars(select(Invitation)).all()
    assert told.engine.pool.checkedout() == 0  # type: ignore[attr-defined] # a QueuePool has it


@pytest.mark.parametrize(
    ("sql", "status", "sort"),
    [
        ("INSERT INTO projects (id, name, stars) VALUES (9, 'billed', 0)", 409, "unique"),
        ("INSERT INTO invoices (id, project_id) VALUES (9, 999)", 409, "reference"),
        ("INSERT INTO projects (id, name, stars) VALUES (9, NULL, 0)", 422, "missing-value"),
        ("INSERT INTO projects (id, name, stars) VALUES (9, 'x', -1)", 422, "bad-value"),
        ("SELECT * FROM nowhere", 500, "defect"),
    ],
)
def test_each_sort_of_error_has_its_status(shop: Shop, sql: str, status: int, sort: str) -> None:
    answer = shop.client.post("/run", data={"sql": sql})

    assert answer.status_code == status
    assert body(answer)["type"] == f"urn:flask-diag:problem:{sort}"
    assert (body(answer)["title"], body(answer)["detail"]) == (ENGLISH.titles[sort], ENGLISH.details[sort])


@pytest.mark.only("postgresql")
def test_a_value_of_another_type_is_422_and_a_trigger_409(shop: Shop) -> None:
    long = "INSERT INTO projects (id, name, stars) VALUES (9, repeat('x', 60), 0)"
    raised = "DO $$ BEGIN RAISE EXCEPTION 'under legal hold: secret words'; END $$"

    answers = [shop.client.post("/run", data={"sql": sql}) for sql in (long, raised)]

    assert [answer.status_code for answer in answers] == [422, 409]
    assert "secret" not in answers[1].text


def test_contention_may_be_tried_again_at_once(shop: Shop) -> None:
    class Deadlock(Exception):
        sqlstate = "40P01"

    Deadlock.__module__ = "psycopg.errors"

    @view(shop)
    def loses() -> None:
        raise OperationalError("UPDATE x", {}, Deadlock("deadlock detected"))

    answer = shop.client.get("/view")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert (body(answer)["category"], body(answer)["retry_after"]) == ("contention", 1)


@pytest.mark.parametrize("headers", [{}, HTML])
@pytest.mark.parametrize(
    "sql", ["INSERT INTO projects (id, name, stars) VALUES (9, :name, -7)", "SELECT :name FROM no"]
)
def test_no_answer_shows_sql_values_or_constraints(shop: Shop, sql: str, headers: dict[str, str]) -> None:
    answer = shop.client.post("/run", data={"sql": sql, "name": "hunter2"}, headers=headers)
    refused = shop.client.delete("/sql/3", headers=headers)

    for one in (answer.text, refused.text):
        assert not re.search(
            r"hunter2|INSERT|SELECT|DELETE FROM|ck_stars|fk_secret|psycopg|sqlite|SQLSTATE", one
        )
    assert refused.status_code == 409


def test_a_request_id_that_is_no_id_is_not_repeated(shop: Shop) -> None:
    evil = "<script>alert(1)</script>"

    answer = shop.client.post("/run", data={"sql": "SELECT * FROM no"}, headers={"X-Request-ID": evil})

    assert re.fullmatch(r"[0-9a-f]{16}", body(answer)["reference"])
    assert answer.headers["X-Request-ID"] == shop.met[0].request_id == body(answer)["reference"]


# the application's own handlers


def own(_: Exception) -> tuple[str, int]:
    """Answer as an application would."""
    return "my own answer", 418


@pytest.mark.parametrize("wanted", [IntegrityError, SQLAlchemyError, Exception])
@pytest.mark.parametrize("before", [True, False])
def test_the_applications_handlers_win(filled: Engine, wanted: type[Exception], *, before: bool) -> None:
    """Registered before or after us, for the class, for a parent of it, or for everything."""
    app = Flask("shop")
    met: list[Incident] = []
    if before:
        app.register_error_handler(wanted, own)
    Diagnostics(app, filled, subject=Project, exporters=[met.append])
    if not before:
        app.register_error_handler(wanted, own)

    @app.get("/")
    def fails() -> str:
        with filled.begin() as connection:
            connection.execute(text("INSERT INTO invoices (id, project_id) VALUES (9, 999)"))
        return ""

    answer = app.test_client().get("/")

    assert (answer.status_code, answer.text) == (418, "my own answer")
    assert len(met) == 1


def test_a_blueprints_handler_wins(filled: Engine) -> None:
    app, part = Flask("shop"), Blueprint("part", __name__)
    Diagnostics(app, filled, subject=Project, exporters=[])
    part.register_error_handler(Exception, own)

    @part.get("/")
    def fails() -> str:
        with filled.begin() as connection:
            connection.execute(text("SELECT * FROM nowhere"))
        return ""

    app.register_blueprint(part)

    assert app.test_client().get("/").status_code == 418


def test_the_applications_page_for_500_shows_defects_but_not_broken_rules(filled: Engine) -> None:
    """It is the page for what nobody expected; a broken rule has a better answer."""
    shop = make_shop(filled)
    shop.app.register_error_handler(500, own)

    assert shop.client.post("/run", data={"sql": "SELECT * FROM nowhere"}).status_code == 418
    assert shop.client.delete("/projects/sampleproject").status_code == 409


def test_a_handler_may_use_our_answer(filled: Engine) -> None:
    shop = make_shop(filled)

    @shop.app.errorhandler(Exception)
    def everything(error: Exception) -> Any:
        return shop.diag.answer(error) or ("other", 500)

    @view(shop)
    def other() -> None:
        raise KeyError("x")

    assert body(shop.client.delete("/projects/sampleproject"))["blockers"]
    assert body(shop.client.post("/run", data={"sql": "SELECT * FROM no"}))["kind"] == "undefined_table"
    assert shop.client.get("/view").text == "other"


def test_what_is_no_database_error_is_left_alone(shop: Shop, tmp_path: Any) -> None:
    shop.app.config["PROPAGATE_EXCEPTIONS"] = False

    @view(shop, "/file")
    def file() -> None:
        (tmp_path / "missing").read_text()

    @view(shop, "/assert")
    def asserts() -> None:
        raise AssertionError("mine")

    @view(shop, "/refused")
    def refused() -> None:
        raise ConnectionRefusedError("the mail server")

    @view(shop, "/other")
    def other() -> None:
        raise KeyError("x")

    for path in ("/file", "/assert", "/refused", "/other"):
        answer = shop.client.get(path)
        assert (answer.status_code, answer.mimetype) == (500, "text/html"), path
    assert shop.client.get("/nowhere").status_code == 404
    assert shop.met == []


def test_a_defect_is_still_raised_where_the_application_asks_for_it(shop: Shop) -> None:
    """In tests and in debug mode the developer sees the traceback."""
    shop.app.testing = True

    with pytest.raises(SQLAlchemyError):
        shop.client.post("/run", data={"sql": "SELECT * FROM nowhere"})
    assert shop.client.delete("/projects/sampleproject").status_code == 409


def test_answers_can_be_left_to_the_application(filled: Engine) -> None:
    shop = make_shop(filled, config={"DIAG_ANSWERS": False})

    assert shop.client.delete("/projects/sampleproject").mimetype == "text/html"
    assert len(shop.met) == 1


# the safe delete


def test_a_refusal_of_the_safe_delete_is_409_with_its_verdict(told: Shop) -> None:
    @view(told)
    def safe() -> Response:
        with Session(told.engine) as session:
            told.app.extensions["diag"].rules.delete(session, session.get_one(Project, 1))
            session.commit()
        return jsonify("deleted")

    answer = told.client.get("/view")

    assert (answer.status_code, body(answer)["hints"]) == (409, ["revoke 3 pending invitations"])
    assert told.met == []
    assert issubclass(DeletionRefused, Exception)


# never at the host's cost


def test_a_pool_of_one_connection_does_not_hang_the_answer(database: Database) -> None:
    """The session that failed still holds the only connection: the answer comes without blockers, in time."""
    engine = database.engine(poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=20)
    fill(engine)
    shop = make_shop(engine, config={"DIAG_CHECK_TIMEOUT": 0.2})

    @view(shop)
    def holds() -> None:
        session = Session(engine)
        shop.app.extensions["held"] = session
        session.delete(session.get_one(Project, 1))
        session.commit()

    answer = shop.client.get("/view")
    shop.app.extensions["held"].close()
    finish_late_questions()

    assert (answer.status_code, body(answer)["type"].rpartition(":")[2]) == (409, "deletion-failed")
    assert "blockers" not in body(answer)


@pytest.mark.only("sqlite")
def test_a_database_in_memory_has_blockers_too(database: Database) -> None:
    from conftest import Database as Made

    memory = Made("sqlite", "sqlite", database.url.set(database=None))
    engine = memory.engine(poolclass=StaticPool, connect_args={"check_same_thread": False})
    fill(engine)

    answer = make_shop(engine).client.delete("/projects/sampleproject")

    assert body(answer)["blockers"][0]["count"] == 3
    engine.dispose()


@pytest.mark.only("sqlite")
def test_the_only_connection_is_never_rolled_back_under_the_host(database: Database) -> None:
    from conftest import Database as Made

    memory = Made("sqlite", "sqlite", database.url.set(database=None))
    engine = memory.engine(poolclass=StaticPool, connect_args={"check_same_thread": False})
    fill(engine)
    shop = make_shop(engine)
    with Session(engine) as session:
        session.add(Project(id=77, name="unsaved"))
        session.flush()
        shop.client.get("/diag/projects/sampleproject")
        shop.client.get("/diag/")
        session.commit()

    with Session(engine) as session:
        assert session.get(Project, 77) is not None
    engine.dispose()


def test_the_catalogues_of_texts_are_complete() -> None:
    assert ENGLISH.titles.keys() == CHINESE.titles.keys() == ENGLISH.details.keys() == CHINESE.details.keys()
