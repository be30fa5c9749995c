"""The first hour: a new environment, an empty home, and diagnostics on applications that others wrote, from PyPI.

The files that attach flask-diag are those of docs/contributing/first-hour.md, as they stand there.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from _distribution import ROOT, Distribution
from _environment import Environment, interpreter
from _hour import Hour, Visitor
from _servers import NotFound, Servers
from docs._blocks import blocks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
PAGE = ROOT / "docs" / "contributing" / "first-hour.md"
MOST_LINES = 10


@pytest.fixture
def hour(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    servers: Servers,
    distribution: Distribution,
    absent: Callable[[str], None],
) -> Iterator[Hour]:
    """An environment as the tutorial makes it, with what the test asks for, and a database that can be stopped."""
    version, *packages = request.param
    python = interpreter(version)
    if python is None:
        absent(f"Python {version}")
        return
    try:
        server = servers.start_private("postgresql")
    except NotFound as missing:
        absent(str(missing))
        return
    server.create_database("app")
    folder = tmp_path / "app"
    folder.mkdir()
    environment = Environment.make(tmp_path / "venv", python, home=tmp_path / "home")
    found = Hour(environment, folder, server, server.url(driver="psycopg", database="app"))
    with found.step("install"):
        environment.pip("install", "--quiet", "--find-links", distribution.wheel.parent, *packages)
    yield found
    steps = ", ".join(f"{step} {seconds:.0f} s" for step, seconds in found.took.items())
    sys.stdout.write(f"\n{packages[-1]}: {steps}\n")


def attach(hour: Hour, app: str) -> None:
    """Write the file that attaches flask-diag, as the page has it."""
    code = next(block.text for block in blocks(PAGE) if block.title == f"{app}.py")
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= MOST_LINES
    hour.write(f"{app}.py", code)


@pytest.mark.parametrize(
    "hour", [("3.11", "flask-diag[postgresql]", "ihatemoney[database]==7.2.1")], indirect=True
)
def test_ihatemoney_tells_an_outage_from_a_project_that_has_an_archive(hour: Hour) -> None:
    app, url = "hosted_ihatemoney", hour.database.set(drivername="postgresql+psycopg2")
    settings = hour.configure(
        "ihatemoney.cfg",
        SQLALCHEMY_DATABASE_URI=url.render_as_string(hide_password=False),
        SECRET_KEY="not the default",
        MAIL_SUPPRESS_SEND=True,
    )
    hour.environment.variables["IHATEMONEY_SETTINGS_FILE_PATH"] = str(settings)
    attach(hour, app)

    with hour.step("doctor and audit"):
        doctor, audit = hour.diag(app, "doctor"), hour.diag(app, "audit")
    with hour.step("requests"), hour.served(app) as visitor:
        account = {"id": "trip", "name": "Trip", "password": "p", "contact_email": "a@example.org"}
        made = visitor.ask("POST", "/api/projects", **account, default_currency="XXX")
        hour.execute("INSERT INTO archive (project_id, name) VALUES ('trip', 'last year')")
        visitor.login("trip", "p")
        refused = visitor.ask("DELETE", "/api/projects/trip")
        checked = hour.diag(app, "check", "trip", status=1)
        hour.server.stop()
        away, counted = visitor.ask("GET", "/api/projects/trip"), visitor.counted()
        hour.server.start()
        back = visitor.ask("GET", "/api/projects/trip")

    assert "ok     answers" in doctor
    # in its models.py no relationship leads to Archive.project_id, and Project.members leads to Person.project_id
    assert re.search(r"models\.py:\d+: warning DEL003 reference-without-action: archive\.project_id", audit)
    assert re.search(r"models\.py:\d+: note DEL017 only-the-orm-acts: person\.project_id", audit)
    assert made.status == 201
    assert (refused.status, refused.said["category"]) == (409, "business_rule")
    assert refused.said["hints"] == ["delete or reassign 1 entry in “archive”"]
    assert checked.count("1 in archive (project_id): foreign key archive_project_id_fkey") == 2  # both ways
    assert (
        "not known" not in checked
    )  # SQLAlchemy-Continuum listens to what comes after a deletion that passes
    assert (away.status, away.said["category"]) == (503, "outage")
    assert (counted["business_rule"], counted["outage"], counted["defect"]) == (1, 1, 0)
    assert back.status == 200


@pytest.mark.parametrize("hour", [("3.13", "flask-diag[postgresql]", "FlaskBB==3.0.0rc5")], indirect=True)
def test_flaskbb_tells_an_outage_from_a_group_that_has_members(hour: Hour) -> None:
    app = "hosted_flaskbb"
    hour.configure(
        "flaskbb.cfg",
        SQLALCHEMY_DATABASE_URI=hour.database.render_as_string(hide_password=False),
        SECRET_KEY="one",
        WTF_CSRF_SECRET_KEY="another",
        WHOOSHEE_DIR=str(hour.folder / "index"),
        USE_DEFAULT_LOGGING=False,
    )
    with hour.step("its own set-up"):
        admin = ("--username", "admin", "--email", "admin@example.org", "--password", "secret")
        own = ("flaskbb", "--config", "flaskbb.cfg", "install", "--force", *admin)
        hour.environment.run(*own, folder=hour.folder)
    attach(hour, app)

    with hour.step("doctor and audit"):
        doctor, audit = hour.diag(app, "doctor"), hour.diag(app, "audit")
    with hour.step("requests"), hour.served(app) as visitor:
        form = visitor.ask("GET", "/auth/login")
        visitor.ask("POST", "/auth/login", login="admin", password="secret", csrf_token=form.token)
        group = add_group(visitor, "Trial")
        form = visitor.ask("GET", "/admin/users/add")
        bob = {
            "username": "bob",
            "email": "bob@example.org",
            "password": "long enough",
            "primary_group": group,
        }
        visitor.ask("POST", "/admin/users/add", csrf_token=form.token, **bob)
        refused = visitor.ask("POST", f"/admin/groups/{group}/delete", csrf_token=form.token)
        checked = hour.diag(app, "check", "Trial", status=1)
        hour.server.stop()
        scraper = Visitor(
            visitor.address
        )  # without the cookie, for which each request of FlaskBB asks the database
        away, counted = visitor.ask("GET", "/"), scraper.counted()
        hour.server.start()
        back = visitor.ask("GET", "/")

    # its own handler is for OperationalError and for ProgrammingError; the attached file answers the former in its place
    assert "the application answers" in doctor
    assert re.search(
        r"models\.py:\d+: warning DEL003 reference-without-action: users\.primary_group_id", audit
    )
    assert (refused.status, refused.said["category"]) == (409, "business_rule")
    assert refused.said["hints"] == ["delete or reassign 1 entry in “users”"]
    assert "1 in users (primary_group_id): foreign key fk_users_primary_group_id_groups" in checked
    assert (away.status, away.said["category"]) == (503, "outage")
    assert counted["business_rule"] == 1
    assert counted["outage"] >= 1
    assert counted["defect"] == 0
    assert back.status == 200


def add_group(visitor: Visitor, name: str) -> str:
    """Make a group in FlaskBB's own form; return its key."""
    form = visitor.ask("GET", "/admin/groups/add")
    permissions = re.findall(r'<select[^>]* name="(\w+)"><option[^>]*value="allow"', form.text)
    given = {"name": name, "role": "member", **dict.fromkeys(permissions, "deny")}
    listed = visitor.ask("POST", "/admin/groups/add", csrf_token=form.token, **given)
    return str(max(map(int, re.findall(r"/admin/groups/(\d+)", listed.text))))
