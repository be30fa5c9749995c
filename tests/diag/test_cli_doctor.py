"""flask diag doctor: what is wrong with an installation, and what to do."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint
from flask_restful import Api  # type: ignore[import-untyped]
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError

from diag._shop import Shop, make_shop
from flask_diag._tokens import new_token

pytestmark = pytest.mark.only("sqlite")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of one process."""
    for name in ("PROMETHEUS_MULTIPROC_DIR", "WEB_CONCURRENCY", "GUNICORN_CMD_ARGS"):
        monkeypatch.delenv(name, raising=False)


def told(shop: Shop, *args: str) -> dict[str, dict[str, Any]]:
    """Return the checks by name."""
    return {one["name"]: one for one in json.loads(shop.run("doctor", "--json", *args).output)["checks"]}


@pytest.mark.only("sqlite", "postgresql", "mariadb")
def test_a_right_installation_is_right(filled: Engine, tmp_path: Path) -> None:
    shop = make_shop(
        filled, config={"SECRET_KEY": "s", "DIAG_STORE_URL": f"sqlite:///{tmp_path / 'store.sqlite'}"}
    )

    ended, found = shop.run("doctor"), told(shop)

    assert ended.exit_code == 0, ended.output
    for name in (
        "database default",
        "driver of default",
        "foreign keys",
        "subject",
        "access",
        "store",
        "answers",
    ):
        assert found[name]["health"] == "ok", found[name]
    assert found["models"]["health"] == "mind"  # the bug of 2025 is in them
    assert "flask diag audit" in found["models"]["fix"]


def test_whatever_is_not_right_says_what_to_do(filled: Engine) -> None:
    shop = make_shop(create_engine(filled.url), subject=None, authorize=None)

    for one in told(shop).values():
        assert bool(one["fix"]) == (one["health"] != "ok"), one


def test_a_database_that_is_away_is_4(filled: Engine) -> None:
    shop = make_shop(
        filled, db={"default": filled, "archive": create_engine("sqlite:////nowhere/at/all.sqlite")}
    )

    ended = shop.run("doctor")

    assert ended.exit_code == 4
    assert "does not answer: outage, cannot_open_database" in ended.output
    assert told(shop)["database default"]["health"] == "ok"


def test_foreign_keys_that_nobody_enforces_are_wrong(filled: Engine) -> None:
    switched_off = create_engine(filled.url)
    shop = make_shop(switched_off)

    assert shop.run("doctor").exit_code == 1
    assert told(shop)["foreign keys"]["health"] == "wrong"
    switched_off.dispose()


def test_tables_that_are_not_there_are_wrong(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'empty.sqlite'}")
    shop = make_shop(engine)

    assert shop.run("doctor").exit_code == 1
    assert "no table projects" in told(shop)["schema"]["detail"]
    engine.dispose()


def test_closed_pages_are_minded_and_wrong_if_that_is_asked_for(filled: Engine) -> None:
    shop = make_shop(filled, authorize=None)

    assert told(shop)["access"]["health"] == "mind"
    assert shop.run("doctor").exit_code == 0
    assert shop.run("doctor", "--strict").exit_code == 1


def test_a_token_that_is_about_to_expire_is_named(filled: Engine) -> None:
    today = datetime.now(UTC).date()
    tokens = {
        name: new_token(name, ["read"], today + timedelta(days=days))[1].stored
        for name, days in (("old", -1), ("soon", 3), ("good", 300))
    }
    found = told(make_shop(filled, tokens=list(tokens.values())))

    assert "expired on" in found["token old"]["detail"]
    assert "expires on" in found["token soon"]["detail"]
    assert "token good" not in found


@pytest.mark.parametrize(
    ("environment", "health"),
    [
        ({}, "mind"),
        ({"WEB_CONCURRENCY": "1"}, "mind"),
        ({"WEB_CONCURRENCY": "4"}, "wrong"),
        ({"GUNICORN_CMD_ARGS": "--bind :80 --workers=4"}, "wrong"),
        ({"GUNICORN_CMD_ARGS": "-w 1"}, "mind"),
        ({"PROMETHEUS_MULTIPROC_DIR": "{tmp_path}", "WEB_CONCURRENCY": "4"}, "ok"),
        ({"PROMETHEUS_MULTIPROC_DIR": "{tmp_path}/missing"}, "wrong"),
    ],
)
def test_several_workers_need_one_folder(
    shop: Shop, environment: dict[str, str], health: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(tmp_path=tmp_path))

    assert told(shop)["workers"]["health"] == health


def test_a_store_that_can_never_be_made_is_wrong(filled: Engine, tmp_path: Path) -> None:
    """As in the instance folder of an application that a package put into /etc."""
    (tmp_path / "file").touch()
    shop = make_shop(filled, config={"DIAG_STORE_URL": f"sqlite:///{tmp_path}/file/instance/store.sqlite"})

    found = told(shop)["store"]

    assert (found["health"], "may not write it" in found["detail"]) == ("wrong", True)


def test_a_store_out_of_reach_is_wrong(filled: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no database")
    shop = make_shop(filled, config={"DIAG_STORE_URL": f"sqlite:///{tmp_path / 'file'}"})

    assert told(shop)["store"]["health"] == "wrong"
    assert told(make_shop(filled, config={"DIAG_STORE_URL": None}))["store"]["health"] == "mind"


def test_handlers_of_the_applications_own_are_named(filled: Engine) -> None:
    shop = make_shop(filled)
    shop.app.register_error_handler(Exception, lambda _: ("mine", 500))
    shop.app.register_error_handler(404, lambda _: ("mine", 404))
    other = make_shop(filled)
    other.app.register_error_handler(SQLAlchemyError, lambda _: ("mine", 500))

    assert "answers Exception itself" in told(shop)["answers"]["detail"]
    assert "answers SQLAlchemyError itself" in told(other)["answers"]["detail"]


def test_a_framework_that_answers_errors_itself_is_named(filled: Engine) -> None:
    """As in ihatemoney, whose JSON API answered a refused deletion with 500 while the doctor found all well."""
    shop = make_shop(filled)
    blueprint = Blueprint("rest", __name__)
    api = Api(blueprint)
    shop.app.register_blueprint(blueprint, url_prefix="/rest")

    before = told(shop)["answers"]
    api.handle_error = lambda error: shop.diag.answer(error) or Api.handle_error(api, error)

    assert before["health"] == "mind"
    assert before["detail"].startswith("flask_restful answers the errors of its routes itself")
    assert told(shop)["answers"]["health"] == "ok"


def test_a_check_that_breaks_stops_no_other(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise KeyError

    monkeypatch.setattr("flask_diag._doctor.database_findings", breaks)
    found = told(shop)

    assert (found["doctor"]["health"], found["access"]["health"]) == ("wrong", "ok")


def test_a_password_is_never_shown(filled: Engine) -> None:
    away = create_engine(
        "postgresql+psycopg://app:hunter2@127.0.0.1:1/app", connect_args={"connect_timeout": 1}
    )
    ended = make_shop(filled, db=away).run("doctor")

    assert ended.exit_code == 4
    assert "hunter2" not in ended.output


def test_a_protection_of_forms_that_refuses_ours_is_named(filled: Engine) -> None:
    from flask_wtf.csrf import CSRFProtect  # type: ignore[import-untyped]

    shop = make_shop(filled, config={"SECRET_KEY": "s"})
    assert "forms" not in told(shop)

    protection = CSRFProtect(shop.app)
    assert "before diag.init_app(app)" in told(shop)["forms"]["fix"]

    protection.exempt(shop.app.blueprints["flask_diag"])
    assert "forms" not in told(shop)


@pytest.mark.only("postgresql", "postgresql15")
@pytest.mark.parametrize(
    ("index", "fast"),
    [
        (None, False),
        ("CREATE INDEX i ON projects (lower(name) text_pattern_ops)", True),
        ('CREATE INDEX i ON projects (lower(name) COLLATE "C")', True),
        ("CREATE INDEX i ON projects (lower(name) text_pattern_ops) WHERE id > 5", False),
        ("CREATE INDEX i ON projects (upper(name) text_pattern_ops)", False),
        ("CREATE INDEX i ON projects (id, lower(name) text_pattern_ops)", False),
    ],
)
def test_a_search_that_reads_a_large_table_is_told_with_its_index(
    filled: Engine,
    monkeypatch: pytest.MonkeyPatch,
    index: str | None,
    fast: bool,  # noqa: FBT001 a case
) -> None:
    monkeypatch.setattr("flask_diag._doctor_search.LARGE", 3)
    with filled.begin() as connection:
        connection.exec_driver_sql("ANALYZE projects")
        if index is not None:
            connection.exec_driver_sql(index)

    found = told(make_shop(filled)).get("search")

    assert (found is None) == fast
    if found is not None:
        assert "some 4 rows" in found["detail"]
        assert found["fix"] == (
            "CREATE INDEX CONCURRENTLY ix_projects_lower_name ON projects (lower(name) text_pattern_ops);"
        )


@pytest.mark.only("postgresql")
def test_the_index_that_the_doctor_asks_for_is_the_one_that_it_accepts(
    filled: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_diag._doctor_search.LARGE", 3)
    with filled.begin() as connection:
        connection.exec_driver_sql("ANALYZE projects")
    shop = make_shop(filled)
    with filled.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(told(shop)["search"]["fix"])

    assert "search" not in told(shop)


@pytest.mark.only("postgresql")
def test_a_small_table_needs_no_index_to_be_searched(shop: Shop) -> None:
    assert "search" not in told(shop)
