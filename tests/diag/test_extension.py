"""Setting it up: what is accepted, what is refused, and with which words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, ForeignKey, String, create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from diag._shop import Project, body, fill, make_shop
from diag_exporters.prometheus import prometheus
from diag_rules.deletion import DeletionPolicy, PolicyError
from flask_diag import Diagnostics
from flask_diag._config import KEYS

if TYPE_CHECKING:
    from conftest import Database


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = create_engine("sqlite://")
    yield made
    made.dispose()


def test_a_second_init_app_is_refused(engine: Engine) -> None:
    app = Flask("shop")
    Diagnostics(app, engine, exporters=[])

    with pytest.raises(
        RuntimeError, match=r"'shop' has diagnostics already: call init_app .* once for each app"
    ):
        Diagnostics().init_app(app, engine)


def test_one_object_serves_two_applications(engine: Engine) -> None:
    """What belongs to an application is on the application."""
    diag = Diagnostics(exporters=[])
    first, second = Flask("first"), Flask("second")

    diag.init_app(first, engine)
    diag.init_app(second, create_engine("sqlite://"))

    assert first.extensions["diag"].app == "first"
    assert second.extensions["diag"].engines["default"] is not engine


def test_no_database_is_an_error_with_a_way_out() -> None:
    with pytest.raises(
        RuntimeError, match=r"no database for the app 'shop': pass db=.*or call db.init_app\(app\) first"
    ):
        Diagnostics(Flask("shop"))


@pytest.mark.parametrize("db", [{}, {"default": None}, object(), "sqlite://", 7])
def test_what_is_no_database_is_refused_by_name(db: Any) -> None:
    with pytest.raises((TypeError, RuntimeError), match=r"engine|Engine"):
        Diagnostics(Flask("shop"), db)


def test_a_refused_set_up_leaves_no_trace() -> None:
    app = Flask("shop")

    with pytest.raises(RuntimeError):
        Diagnostics(app)

    assert "diag" not in app.extensions
    assert not app.blueprints
    Diagnostics(app, create_engine("sqlite://"), exporters=[])


def test_engines_by_bind_are_named(engine: Engine) -> None:
    app, archive = Flask("shop"), create_engine("sqlite://")
    met: list[Any] = []
    Diagnostics(app, {None: engine, "archive": archive}, exporters=[met.append])

    with archive.connect() as connection, pytest.raises(Exception, match="nowhere"):
        connection.execute(text("SELECT * FROM nowhere"))
    archive.dispose()

    assert [incident.bind for incident in met] == ["archive"]


def test_an_async_engine_is_heard() -> None:
    import asyncio

    app = Flask("shop")
    met: list[Any] = []
    engine = create_async_engine("sqlite+aiosqlite://")
    Diagnostics(app, engine, exporters=[met.append])

    async def fail() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT * FROM nowhere"))

    async def run() -> None:
        with pytest.raises(Exception, match="nowhere"):
            await fail()
        await engine.dispose()

    asyncio.run(run())

    assert [str(incident.classification.kind) for incident in met] == ["undefined_table"]


@pytest.mark.only("sqlite", "postgresql")
def test_the_pages_and_verdicts_work_beside_an_async_engine(database: Database) -> None:
    fill(database.engine())
    driver = {"sqlite": "aiosqlite", "postgresql": "asyncpg"}[database.name]
    url = database.url.set(drivername=f"{database.dialect}+{driver}")
    shop = make_shop(database.engine(), db=create_async_engine(url))

    overview = shop.client.get("/diag/").text
    page = shop.client.get("/diag/projects/sampleproject")
    checked = shop.run("check", "sampleproject")

    assert "The database answers" in overview
    assert "Project.invitations" in page.text
    assert checked.exit_code == 1


def test_flask_sqlalchemy_in_an_app_factory(database: Database) -> None:
    """The usual way: objects at module level, everything else in the factory."""
    diag = Diagnostics(authorize=lambda _: True)

    class Own(DeclarativeBase):
        pass

    db = SQLAlchemy(model_class=Own)

    class Project(db.Model):  # type: ignore[name-defined, misc] # made by the extension
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(String(50))
        invitations = relationship("Invitation")

    class Invitation(db.Model):  # type: ignore[name-defined, misc] # as above
        id: Mapped[int] = mapped_column(primary_key=True)
        project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))

    def create_app() -> Flask:
        app = Flask("shop")
        app.config["SQLALCHEMY_DATABASE_URI"] = database.url
        db.init_app(app)
        diag.init_app(app)

        @app.delete("/projects/<name>")
        def remove(name: str) -> str:
            db.session.delete(db.session.execute(db.select(Project).filter_by(name=name)).scalar_one())
            db.session.commit()
            return ""

        return app

    apps = [create_app(), create_app()]
    with apps[0].app_context():
        db.create_all()
        db.session.add(Project(name="sampleproject", invitations=[Invitation()]))
        db.session.commit()
    answers = [app.test_client().delete("/projects/sampleproject") for app in apps]
    page = apps[1].test_client().get("/diag/projects/sampleproject")
    for app in apps:
        with app.app_context():
            db.engine.dispose()

    assert [answer.status_code for answer in answers] == [409, 409]
    assert body(answers[1])["blockers"][0]["count"] == 1
    assert [len(app.extensions["diag"].recent) for app in apps] == [1, 1]
    assert page.status_code == 200


def test_flask_sqlalchemy_that_is_not_set_up_yet_is_an_error_with_the_order() -> None:
    db, app = SQLAlchemy(), Flask("shop")
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"

    with pytest.raises(RuntimeError, match=r"call db.init_app\(app\) before diag.init_app\(app\)"):
        Diagnostics(app, db)


def test_a_policy_with_a_wrong_name_stops_the_start(engine: Engine) -> None:
    policy = {"relation": [{"table": "role_invitation", "hint": "x"}]}

    with pytest.raises(PolicyError, match="role_invitations"):
        Diagnostics(Flask("shop"), engine, subject=Project, policy=policy)


def test_a_policy_without_a_subject_is_refused(engine: Engine) -> None:
    with pytest.raises(RuntimeError, match="pass subject=Project"):
        Diagnostics(Flask("shop"), engine, policy=DeletionPolicy())


def test_a_subject_that_is_no_model_is_refused(engine: Engine) -> None:
    with pytest.raises(TypeError, match="neither a mapped class nor a Table"):
        Diagnostics(Flask("shop"), engine, subject=str)


def test_a_lookup_that_is_no_column_names_the_nearest(engine: Engine) -> None:
    with pytest.raises(ValueError, match="Did you mean name"):
        Diagnostics(Flask("shop"), engine, subject=Project, lookup="names")


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("DIAG_RETRY_AFTER", 0, "whole seconds"),
        ("DIAG_RETRY_AFTER", True, "whole seconds"),
        ("DIAG_CHECK_TIMEOUT", "2", "seconds"),
        ("DIAG_CHECK_CAP", -1, "rows"),
        ("DIAG_URL_PREFIX", "diag", "a path"),
        ("DIAG_METRICS_PATH", "/metrics/", "a path"),
        ("DIAG_ENABLED", "no", "True or False"),
        ("DIAG_REQUEST_ID_HEADER", "X Y", "header"),
        ("DIAG_PROBLEM_TYPE", "about", "URI"),
        ("DIAG_RETRYAFTER", 3, "Did you mean DIAG_RETRY_AFTER"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(engine: Engine, key: str, value: Any, told: str) -> None:
    app = Flask("shop")
    app.config[key] = value

    with pytest.raises(ValueError, match=f"{key}.*{told}"):
        Diagnostics(app, engine)


def test_settings_of_the_application_itself_are_left_alone(engine: Engine) -> None:
    app = Flask("shop")
    app.config["DIAG_OF_THE_DAY"] = 1

    Diagnostics(app, engine, exporters=[])

    assert {key for key in app.config if key.startswith("DIAG_")} == {*KEYS, "DIAG_OF_THE_DAY"}


def test_switched_off_it_does_nothing(engine: Engine) -> None:
    app = Flask("shop")
    app.config["DIAG_ENABLED"] = False

    Diagnostics(app, engine, exporters=[])

    assert "diag" not in app.extensions
    assert app.test_client().get("/diag/").status_code == 404


def test_an_exporter_that_fails_is_counted_and_the_answer_stays(filled: Engine) -> None:
    registry = CollectorRegistry()

    def broken(_: object) -> None:
        raise OSError

    app = make_shop(filled).app
    shop = Flask("other")
    Diagnostics(shop, filled, subject=Project, exporters=[broken, prometheus(registry)])
    shop.add_url_rule("/projects/<name>", view_func=app.view_functions["delete_project"], methods=["DELETE"])

    answer = shop.test_client().delete("/projects/sampleproject")

    assert answer.status_code == 409
    assert registry.get_sample_value("diag_exporter_failures_total", {"exporter": "broken"}) == 1
    assert registry.get_sample_value("diag_exporter_failures_total", {"exporter": "prometheus"}) == 0


def test_state_without_diagnostics_is_a_clear_error() -> None:
    from flask_diag._state import state

    with (
        Flask("bare").app_context(),
        pytest.raises(RuntimeError, match=r"'bare' has no diagnostics: call Diagnostics"),
    ):
        state()


def test_a_subject_may_be_a_plain_table(filled: Engine) -> None:
    shop = make_shop(filled, subject=Project.__table__)

    shop.client.delete("/sql/3")
    page = shop.client.get("/diag/projects/billed")

    assert shop.met[0].deletion_of == "projects"
    assert page.status_code == 200
    assert "session.delete" not in page.text
