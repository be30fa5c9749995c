"""The application's own messages for its constraints, its own look, and its own language."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask_babel import Babel, lazy_gettext  # type: ignore[import-untyped]
from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from diag._shop import body, make_shop
from diag_rules.deletion import PolicyError
from flask_diag._messages import ENGLISH

if TYPE_CHECKING:
    from conftest import Database

TAKEN = "That e-mail address is taken."
HTML = {"Accept": "text/html"}
NAMES = ("uq_mail", "ix_nick", "ck_age", "fk_team", "users", "teams", "team_id", "anna@example.org")


class Late:
    """A lazy translation."""

    def __str__(self) -> str:
        return "Nobody is that old."


def users(metadata: MetaData) -> Table:
    """Return a table whose constraints have messages of every sort."""
    Table("teams", metadata, Column("id", Integer, primary_key=True))
    return Table(
        "users",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("mail", String(50)),
        Column("nick", String(50), nullable=False, info={"diag_message": "Choose a nickname."}),
        Column("age", Integer),
        Column(
            "team_id", ForeignKey("teams.id", name="fk_team", info={"diag_message": "That team is gone."})
        ),
        UniqueConstraint(
            "mail", name="uq_mail", info={"diag_message": {"en": TAKEN, "zh": "该邮箱已被使用。"}}
        ),
        CheckConstraint("age < 150", name="ck_age", info={"diag_message": Late()}),
        Index("ix_nick", "nick", unique=True, info={"diag_message": "That nickname is taken."}),
    )


@pytest.fixture
def ask(database: Database) -> Callable[..., TestResponse]:
    """Run a statement in an application whose users have these tables."""
    engine, metadata = database.engine(), MetaData()
    table = users(metadata)
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(table.insert(), {"id": 1, "mail": "anna@example.org", "nick": "anna", "age": 7})

    def run(values: str, policy: Any = None, **headers: str) -> TestResponse:
        shop = make_shop(engine, subject=table, policy=policy)
        sql = f"INSERT INTO users (id, mail, nick, age, team_id) VALUES ({values})"
        return shop.client.post(
            "/run", data={"sql": sql}, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    return run


@pytest.mark.only("sqlite", "postgresql", "mariadb")
@pytest.mark.parametrize(
    ("values", "status", "words"),
    [
        ("2, 'anna@example.org', 'b', 1, NULL", 409, TAKEN),
        ("2, 'b', 'anna', 1, NULL", 409, "That nickname is taken."),
        ("2, 'b', NULL, 1, NULL", 422, "Choose a nickname."),
        ("2, 'b', 'b', 200, NULL", 422, "Nobody is that old."),
    ],
)
def test_a_constraint_speaks_in_the_applications_own_words(
    ask: Callable[..., TestResponse], values: str, status: int, words: str
) -> None:
    answer = ask(values)

    assert (answer.status_code, body(answer)["detail"]) == (status, words)
    assert not [name for name in NAMES if name in answer.text]
    assert words in ask(values, Accept="text/html").text


@pytest.mark.only("postgresql", "mariadb")  # SQLite does not say which foreign key it was
def test_a_foreign_key_does_too(ask: Callable[..., TestResponse]) -> None:
    assert body(ask("2, 'b', 'b', 1, 99"))["detail"] == "That team is gone."


@pytest.mark.only("sqlite")
def test_a_constraint_without_words_of_its_own_gets_ours(ask: Callable[..., TestResponse]) -> None:
    assert body(ask("1, 'b', 'b', 1, NULL"))["detail"] == ENGLISH.details["unique"]


@pytest.mark.only("sqlite")
def test_it_speaks_the_language_of_the_person(ask: Callable[..., TestResponse]) -> None:
    values = "2, 'anna@example.org', 'b', 1, NULL"

    assert body(ask(values, Accept_Language="zh"))["detail"] == "该邮箱已被使用。"
    assert body(ask("2, 'b', 'anna', 1, NULL", Accept_Language="zh"))["detail"] == "That nickname is taken."


@pytest.mark.only("sqlite", "postgresql")
@pytest.mark.parametrize(
    "entry",
    [
        {"constraint": "uq_mail", "text": {"en": "From the policy.", "zh": "来自策略"}},
        {"table": "users", "columns": ["mail"], "text": "From the policy."},
        {"table": "users", "columns": ["mail"], "kind": "unique_violation", "text": "From the policy."},
    ],
)
def test_the_policy_comes_before_the_models(ask: Callable[..., TestResponse], entry: dict[str, Any]) -> None:
    answer = ask("2, 'anna@example.org', 'b', 1, NULL", policy={"message": [entry]})

    assert body(answer)["detail"] == "From the policy."


@pytest.mark.only("sqlite")
def test_a_message_for_another_kind_keeps_silent(ask: Callable[..., TestResponse]) -> None:
    entry = {"table": "users", "columns": ["nick"], "kind": "unique_violation", "text": "From the policy."}

    assert body(ask("2, 'b', NULL, 1, NULL", policy={"message": [entry]}))["detail"] == "Choose a nickname."


@pytest.mark.only("sqlite")
@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"table": "user", "columns": ["mail"], "text": "x"}, r"no table 'user'\. Did you mean users\?"),
        (
            {"table": "users", "columns": ["email"], "text": "x"},
            "no column of users 'email'. Did you mean mail",
        ),
        ({"constraint": "a", "kind": "unique_violatio", "text": "x"}, "Did you mean unique_violation"),
        ({"constraint": "a", "table": "users", "columns": ["mail"], "text": "x"}, "either constraint"),
        ({"text": "x"}, "either constraint"),
        ({"constraint": "a"}, "lacks text"),
        ({"constraint": "a", "text": "{mail} is taken"}, "unknown placeholder {mail}"),
        ({"constraint": "a", "words": "x"}, "unknown key 'words'"),
    ],
)
def test_a_message_that_can_not_be_is_refused_at_the_start(
    ask: Callable[..., TestResponse], entry: dict[str, Any], words: str
) -> None:
    with pytest.raises(PolicyError, match=words):
        ask("1, 'b', 'b', 1, NULL", policy={"message": [entry]})


@pytest.mark.only("sqlite")
def test_words_that_break_leave_ours(database: Database) -> None:
    class Breaks:
        def __str__(self) -> str:
            raise KeyError("no translation")

    engine, metadata = database.engine(), MetaData()
    table = Table(
        "t", metadata, Column("id", Integer, primary_key=True), Column("a", Integer), UniqueConstraint("a", info={"diag_message": Breaks()})
    )  # fmt: skip
    metadata.create_all(engine)
    shop = make_shop(engine, subject=table)
    answers = [shop.client.post("/run", data={"sql": f"INSERT INTO t VALUES ({n}, 1)"}) for n in (1, 2)]

    assert body(answers[1])["detail"] == ENGLISH.details["unique"]


# Flask-Babel


@pytest.mark.only("sqlite")
@pytest.mark.parametrize(
    ("chosen", "accepted", "spoken"),
    [
        ("zh_Hans_CN", "en", "zh"),
        ("en", "zh", "en"),
        ("de", "zh", "zh"),
        (None, "zh", "zh"),
        ("broken", "zh", "zh"),
    ],
)
def test_the_locale_of_flask_babel_comes_before_what_the_browser_says(
    database: Database, chosen: str | None, accepted: str, spoken: str
) -> None:
    from diag._shop import fill

    engine = database.engine()
    fill(engine)
    shop = make_shop(engine)

    def locale() -> str | None:
        if chosen == "broken":
            raise OperationalError("SELECT locale FROM users", {}, Exception("away"))
        return chosen

    Babel(shop.app, locale_selector=locale, default_locale="zh" if chosen is None else "en")
    answer = shop.client.delete("/projects/sampleproject", headers={"Accept-Language": accepted})

    assert (answer.status_code, answer.headers["Content-Language"]) == (409, spoken)


@pytest.mark.only("sqlite")
def test_another_extension_of_that_name_is_not_asked(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """As Flask-BabelPlus in FlaskBB, where each answer tried to import what is not installed."""
    from diag._shop import fill

    engine = database.engine()
    fill(engine)
    shop = make_shop(engine)
    shop.app.extensions["babel"] = object()

    answer = shop.client.delete("/projects/sampleproject", headers={"Accept-Language": "zh"})

    assert (answer.status_code, answer.headers["Content-Language"]) == (409, "zh")
    assert "Flask-Babel" not in caplog.text


@pytest.mark.only("sqlite")
def test_a_lazy_translation_of_flask_babel_is_translated_at_the_answer(database: Database) -> None:
    engine, metadata = database.engine(), MetaData()
    message = lazy_gettext("That e-mail address is taken.")
    table = Table(
        "t", metadata, Column("id", Integer, primary_key=True), Column("a", Integer), UniqueConstraint("a", info={"diag_message": message})
    )  # fmt: skip
    metadata.create_all(engine)
    shop = make_shop(engine, subject=table)
    Babel(shop.app)
    answers = [shop.client.post("/run", data={"sql": f"INSERT INTO t VALUES ({n}, 1)"}) for n in (1, 2)]

    assert body(answers[1])["detail"] == TAKEN


# the host's look


def app_with(folder: Path, engine: Any, layout: str, answer: str) -> Any:
    """Return the shop with templates of its own in *folder*."""
    from jinja2 import ChoiceLoader, FileSystemLoader

    (folder / "flask_diag").mkdir(parents=True)
    (folder / "layout.html").write_text(layout)
    (folder / "flask_diag" / "answer.html").write_text(answer)
    shop = make_shop(engine)
    ours = shop.app.jinja_env.loader
    assert ours is not None
    shop.app.jinja_env.loader = ChoiceLoader([FileSystemLoader(folder), ours])
    return shop


IN_LAYOUT = (
    "{% extends 'layout.html' %}{% block main %}{% include 'flask_diag/answer_body.html' %}{% endblock %}"
)
LAYOUT = "<title>My shop</title><link rel=stylesheet href=/shop.css>{% block main %}{% endblock %}"


@pytest.mark.only("sqlite")
def test_the_answer_fits_into_a_block_of_the_hosts_layout(database: Database, tmp_path: Path) -> None:
    from diag._shop import fill

    engine = database.engine()
    fill(engine)
    shop = app_with(tmp_path / "templates", engine, LAYOUT, IN_LAYOUT)

    page = shop.client.delete("/projects/sampleproject", headers=HTML)

    assert page.status_code == 409
    assert page.text.startswith("<title>My shop</title>")
    assert "delete 3 entries in “role invitations” first" in page.text
    assert "Content-Security-Policy" not in page.headers  # it would forbid the host's own style sheet


@pytest.mark.only("sqlite")
@pytest.mark.parametrize(
    "layout", ["{{ user_from_the_database() }}", "{% extends 'nowhere.html' %}", "{% if %}"]
)
def test_a_layout_that_can_not_be_drawn_leaves_our_page(
    database: Database, tmp_path: Path, layout: str
) -> None:
    """The host's layout asks who is logged in, and the database is what is down."""
    from diag._shop import fill

    engine = database.engine()
    fill(engine)
    shop = app_with(tmp_path / "templates", engine, layout, IN_LAYOUT)

    page = shop.client.delete("/projects/sampleproject", headers=HTML)

    assert (page.status_code, page.mimetype) == (409, "text/html")
    assert "delete 3 entries in “role invitations” first" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


@pytest.mark.only("sqlite")
def test_the_page_is_there_without_our_other_pages(database: Database) -> None:
    from diag._shop import fill

    engine = database.engine()
    fill(engine)
    shop = make_shop(engine, config={"DIAG_URL_PREFIX": None})

    page = shop.client.delete("/projects/sampleproject", headers=HTML)

    assert (page.status_code, page.mimetype) == (409, "text/html")
    assert "delete 3 entries" in page.text


@pytest.mark.only("sqlite")
def test_the_reference_is_what_support_finds_it_by(database: Database) -> None:
    from diag._shop import fill

    engine = database.engine()
    fill(engine)
    shop = make_shop(engine)

    reference = body(shop.client.delete("/projects/sampleproject"))["reference"]

    assert body(shop.client.get("/diag/api/v1/overview"))["recent"][0]["reference"] == reference
    assert reference in shop.client.get("/diag/").text


@pytest.mark.only("sqlite")
@pytest.mark.parametrize(
    ("name", "accepted", "title"),
    [
        (
            {"en": {"one": "package", "other": "packages"}, "zh": "软件包"},
            "en",
            "Package cannot be deleted yet",
        ),
        ({"en": {"one": "package", "other": "packages"}, "zh": "软件包"}, "zh", "暂时无法删除软件包"),
        (None, "en", "Project cannot be deleted yet"),
    ],
)
def test_the_title_calls_the_subject_as_people_do(
    database: Database, name: Any, accepted: str, title: str
) -> None:
    from diag._shop import fill

    engine = database.engine()
    fill(engine)
    shop = make_shop(engine, policy={"subject": {} if name is None else {"name": name}})

    answer = shop.client.delete("/projects/sampleproject", headers={"Accept-Language": accepted})

    assert (body(answer)["title"], body(answer)["subject"]) == (title, "Project")


@pytest.mark.parametrize(
    ("name", "words"),
    [("Project", "Project"), ("ReleaseFile", "Release file"), ("release_files", "release files")],
)
def test_the_name_of_a_class_is_read_as_words(name: str, words: str) -> None:
    from flask_diag._problem import _words

    assert _words(name) == words
