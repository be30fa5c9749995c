"""The demo by itself: its data, its pages, its switch, and the world before the plugin."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import create_engine, func, select
from sqlalchemy.exc import OperationalError

from conftest import Database
from flask_diag.demo import create_app
from flask_diag.demo._database import DATABASES, SqliteFile, fill, open_database
from flask_diag.demo.models import Base, InvitationStatus, Project, ReleaseObservation, RoleInvitation

JSON = {"Accept": "application/json"}
PAGE = {"Accept": "text/html"}
BROWSER = {**PAGE, "Origin": "http://localhost"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder outside of pytest's own, which each new run closes to the account that the server runs as under root."""
    with TemporaryDirectory(prefix="flask-diag-demo-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the demo's SQLite file, for tests to copy: filling takes half a second."""
    folder = tmp_path_factory.mktemp("filled")
    open_database("sqlite", folder).engine.dispose()
    return folder


@pytest.fixture
def index(filled: Path, tmp_path: Path) -> Iterator[SqliteFile]:
    """The demo's own SQLite file, filled."""
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    found = open_database("sqlite", tmp_path)
    assert isinstance(found, SqliteFile)
    yield found
    found.engine.dispose()


@pytest.fixture
def before(index: SqliteFile) -> FlaskClient:
    """A client of the world without the plugin."""
    return create_app(diag=False, database=index).test_client()


def everything(url: Any) -> dict[str, list[Any]]:
    """All rows of all tables, in the order of their keys."""
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = {
            table.name: list(connection.execute(select(table).order_by(table.c.id)))
            for table in Base.metadata.sorted_tables
        }
    engine.dispose()
    return rows


# the data


@pytest.mark.only("sqlite", "postgresql")
def test_the_data_is_the_same_every_time(database: Database) -> None:
    engine = database.engine()
    fill(engine)
    first = everything(database.url)

    fill(engine)

    assert everything(database.url) == first


def test_two_thousand_projects_are_seeded_on_every_database(database: Database) -> None:
    engine = database.engine()

    fill(engine)

    with engine.connect() as connection:
        assert connection.scalar(select(func.count(Project.id))) == 2_000


def test_sampleproject_has_three_pending_invitations_and_nothing_else_that_blocks(index: SqliteFile) -> None:
    statement = select(RoleInvitation.invite_status).join(Project).where(Project.name == "sampleproject")
    reports = select(ReleaseObservation.id).join(ReleaseObservation.related).join(Project)

    with index.engine.connect() as connection:
        assert list(connection.scalars(statement)) == [InvitationStatus.PENDING] * 3
        assert not list(connection.scalars(reports.where(Project.name == "sampleproject")))


def test_one_project_in_fifty_is_blocked_and_in_five_ways(index: SqliteFile) -> None:
    ways: Counter[frozenset[str]] = Counter(blocking_rows(index).values())

    assert sum(ways.values()) == 40
    assert set(ways) == {
        frozenset({"pending"}),
        frozenset({"expired"}),
        frozenset({"pending", "expired"}),
        frozenset({"report"}),
        frozenset({"pending", "report"}),
    }


def blocking_rows(index: SqliteFile) -> dict[Any, frozenset[str]]:
    """The sorts of blocking rows by project."""
    invited = select(RoleInvitation.project_id, RoleInvitation.invite_status)
    reported = select(Project.id).join(Project.releases).join(ReleaseObservation)
    with index.engine.connect() as connection:
        found = [(key, status.value) for key, status in connection.execute(invited)]
        found += [(key, "report") for key in connection.scalars(reported)]
    return {key: frozenset(sort for other, sort in found if other == key) for key, _ in found}


# the world before


@pytest.mark.parametrize("headers", [{}, PAGE])
def test_without_the_plugin_a_broken_rule_is_answered_as_an_outage(
    before: FlaskClient, headers: dict[str, str]
) -> None:
    answer = before.delete("/projects/sampleproject", headers=headers)

    assert answer.status_code == 503
    assert "down for maintenance or is having an outage" in answer.text
    assert before.get("/projects/sampleproject").status_code == 200


def test_without_the_plugin_an_outage_gets_the_same_words(before: FlaskClient) -> None:
    rule = before.delete("/projects/sampleproject")
    before.post("/demo/outage")
    outage = before.get("/projects/sampleproject", headers=JSON)

    assert (outage.status_code, outage.text) == (503, rule.text)


def test_without_the_plugin_there_are_no_pages_of_it(before: FlaskClient) -> None:
    assert before.get("/diag/").status_code == 404
    assert before.get("/metrics").status_code == 404
    assert "/diag/" not in before.get("/", headers=PAGE).text


def test_a_project_without_blockers_goes_with_all_that_is_its_own(
    before: FlaskClient, index: SqliteFile
) -> None:
    for invitation in before.get("/projects/sampleproject", headers=JSON).get_json()["invitations"]:
        assert before.post(invitation["revoke"]).status_code == 204

    answer = before.delete("/projects/sampleproject")

    assert (answer.status_code, answer.data) == (204, b"")
    assert before.get("/projects/sampleproject").status_code == 404
    with index.engine.connect() as connection:
        assert connection.scalar(select(func.count(Project.id))) == 1_999


# the pages


def test_who_asks_for_nothing_special_reads_pages_and_gets_json_for_what_it_does(before: FlaskClient) -> None:
    anything = {"Accept": "*/*"}

    read = before.get("/projects/sampleproject/manage", headers=anything)
    done = before.delete("/projects/no-such-thing", headers=anything)

    assert read.mimetype == "text/html"
    assert done.mimetype == "application/json"


def test_the_list_is_searched_and_paged(before: FlaskClient) -> None:
    first = before.get("/projects", headers=PAGE).text
    found = before.get("/?q=Sample_Project", headers=PAGE).text
    hit = before.get("/?q=sample", headers=PAGE).text

    assert "2,000 projects" in first
    assert "Page 1 of 80" in first
    assert "0 projects" in found  # PEP 503 spells it sample-project, which is another name
    assert "1 project with" in hit


@pytest.mark.parametrize(
    ("asked", "shown"), [("0", 1), ("-3", 1), ("81", 80), ("999999999999", 80), ("x", 1)]
)
def test_a_page_out_of_range_is_the_nearest_one(before: FlaskClient, asked: str, shown: int) -> None:
    assert f"Page {shown} of 80" in before.get(f"/?page={asked}", headers=PAGE).text


@pytest.mark.parametrize("hostile", ["%", "_", "'", "\\", "<script>alert(1)</script>", "\x00", "é" * 500])
def test_a_hostile_search_finds_nothing_and_is_escaped(before: FlaskClient, hostile: str) -> None:
    answer = before.get("/", query_string={"q": hostile}, headers=PAGE)

    assert answer.status_code == 200
    assert "<script>" not in answer.text


@pytest.mark.parametrize("path", ["", "/manage", "/delete"])
def test_an_unknown_project_is_not_found(before: FlaskClient, path: str) -> None:
    answer = before.get(f"/projects/no-such-thing{path}", headers=PAGE)

    assert answer.status_code == 404
    assert "No project is called" in answer.text


def test_the_owner_revokes_invitations_and_deletes_with_the_forms_of_the_pages(before: FlaskClient) -> None:
    for _ in range(3):
        page = before.get("/projects/sampleproject/manage", headers=PAGE).text
        before.post(first_form(page, "revoke"), data={"token": token(page)}, headers=BROWSER)
    page = before.get("/projects/sampleproject/delete", headers=PAGE).text

    answer = before.post(
        first_form(page, "delete"), data={"token": token(page)}, headers=BROWSER, follow_redirects=True
    )

    assert "sampleproject is deleted." in answer.text
    assert before.get("/projects/sampleproject", headers=PAGE).status_code == 404


def test_an_open_report_is_closed_and_kept(before: FlaskClient, index: SqliteFile) -> None:
    reported = select(Project.name).join(Project.releases).join(ReleaseObservation)
    with index.engine.connect() as connection:
        name = connection.scalars(reported).first()
        kept = connection.scalar(select(func.count(ReleaseObservation.id)))
    page = before.get(f"/projects/{name}/manage", headers=PAGE).text

    answer = before.post(first_form(page, "close"), data={"token": token(page)}, headers=BROWSER)

    assert answer.status_code == 303
    with index.engine.connect() as connection:
        assert connection.scalar(select(func.count(ReleaseObservation.id))) == kept
        assert connection.scalar(select(func.count()).where(ReleaseObservation.related_id.is_(None))) == 1


@pytest.mark.parametrize("data", [{}, {"token": ""}, {"token": "guess"}, {"token": "ü"}])
def test_a_form_of_another_site_changes_nothing(before: FlaskClient, data: dict[str, str]) -> None:
    page = before.get("/projects/sampleproject/manage", headers=PAGE).text

    answer = before.post(
        first_form(page, "revoke"), data=data, headers={**PAGE, "Origin": "http://elsewhere"}
    )

    assert answer.status_code == 400
    assert before.get("/projects/sampleproject/manage", headers=PAGE).text.count(">Revoke<") == 3


def first_form(page: str, what: str) -> str:
    """The address that the page's first form for *what* is sent to."""
    found = re.search(rf'<form[^>]* action="([^"]*/{what})"', page)
    assert found, page
    return found[1]


def token(page: str) -> str:
    """The token of the page's forms."""
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found, page
    return found[1]


# the switch


@pytest.mark.parametrize("name", DATABASES)
def test_the_switch_really_takes_the_database_away_and_brings_back_all_of_it(name: str, folder: Path) -> None:
    database = open_database(name, folder)
    with database.engine.connect() as connection:
        there = connection.scalar(select(func.count(Project.id)))

    database.take_away()

    with pytest.raises(OperationalError), database.engine.connect():
        pass
    database.bring_back()
    with database.engine.connect() as connection:
        assert connection.scalar(select(func.count(Project.id))) == there
    database.engine.dispose()


def test_another_process_sees_the_loss_and_does_not_mend_it(index: SqliteFile, tmp_path: Path) -> None:
    index.take_away()

    other = open_database("sqlite", tmp_path)

    assert other.away
    with pytest.raises(OperationalError), other.engine.connect():
        pass
    other.bring_back()
    assert not index.away


def test_the_page_of_the_switch_stays_up_without_the_database(before: FlaskClient) -> None:
    page = before.get("/demo/outage", headers=PAGE).text
    away = before.post("/demo/outage", data={"token": token(page)}, headers=BROWSER, follow_redirects=True)
    back = before.post("/demo/outage", data={"token": token(page)}, headers=BROWSER, follow_redirects=True)

    assert (away.status_code, "SQLite is away" in away.text) == (200, True)
    assert (back.status_code, "SQLite is there" in back.text) == (200, True)
    assert before.get("/").status_code == 200


# how it is started


@pytest.mark.parametrize(("name", "value"), [("DIAG", "maybe"), ("CLEANUP", "2"), ("DB", "oracle")])
def test_a_setting_that_makes_no_sense_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DEMO_DIR", str(tmp_path))
    monkeypatch.setenv(name, value)

    with pytest.raises(ValueError, match=value):
        create_app()


def demo(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "flask_diag.demo", *arguments]


def env(folder: Path, **settings: str) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if name not in {"DB", "DIAG", "PORT", "CLEANUP"}
    }
    return {**kept, "DEMO_DIR": str(folder), **settings}


@contextmanager
def serving(folder: Path, *arguments: str, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the demo on a free port; give the process and its address as it printed it."""
    command = demo("--port", "0", *arguments)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env(folder, **settings)) as process:
        assert process.stdout
        try:
            lines = iter(process.stdout.readline, "")
            yield (
                process,
                next(found[0] for line in lines if (found := re.search(r"http://127.0.0.1:[0-9]+", line))),
            )
        finally:
            process.terminate()


def test_a_folder_that_cannot_be_written_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(RuntimeError, match=r"file.*DEMO_DIR"):
        open_database("sqlite", tmp_path / "file")


@pytest.mark.parametrize("name", DATABASES)
def test_make_demo_serves_over_a_real_socket_and_ends_cleanly(name: str, folder: Path) -> None:
    with serving(folder, "--db", name) as (process, url):
        with urllib.request.urlopen(f"{url}/projects/sampleproject") as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0

    assert not (folder / "postgresql" / "postmaster.pid").exists()


def test_a_taken_port_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = demo("--port", str(port))
        ended = subprocess.run(command, capture_output=True, check=False, text=True, env=env(tmp_path))

    assert ended.returncode == 1
    assert f"Port {port} is taken" in ended.stderr
    assert "PORT=" in ended.stderr
    assert "Traceback" not in ended.stderr
