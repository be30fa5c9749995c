"""What the plugin says of the demo is true: its audit of the models, its verdicts on the seeded projects, its commands."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskCliRunner
from sqlalchemy import Engine, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from conftest import Database
from diag_rules.deletion import DeletionRules, How, Reason
from flask_diag.demo import create_app, models
from flask_diag.demo._database import SqliteFile, fill, open_database
from flask_diag.demo._removal import POLICY
from flask_diag.demo.models import Project, Release, ReleaseObservation, RoleInvitation

SOURCE = Path(models.__file__)
CORRECTIONS = {
    'invitations: Mapped[list[RoleInvitation]] = relationship(back_populates="project")': (
        'invitations: Mapped[list[RoleInvitation]] = relationship(back_populates="project", passive_deletes=True)'
    ),
    'ForeignKey("releases.id")': 'ForeignKey("releases.id", ondelete="SET NULL")',
}


# the audit


def test_the_audit_names_the_bug_of_2025_with_its_line_and_its_fix() -> None:
    line = next(
        n for n, text in enumerate(SOURCE.read_text().splitlines(), 1) if "invitations: Mapped" in text
    )

    [finding] = [each for each in DeletionRules(Project).audit() if each.where == "Project.invitations"]

    assert finding.file is not None
    assert Path(finding.file).resolve() == SOURCE.resolve()
    assert finding.line == line
    assert "passive_deletes=True" in finding.fix


def test_the_audit_names_the_observations_behind_the_cascade_and_nothing_that_is_sound() -> None:
    found = {each.where: each for each in DeletionRules(Project).audit()}

    assert set(found) == {"Project.invitations", "release_observations.related_id"}
    behind = found["release_observations.related_id"]
    assert "projects" in behind.message
    assert "releases" in behind.message


def test_the_audit_of_corrected_models_is_silent(corrected: ModuleType) -> None:
    assert DeletionRules(corrected.Project).audit() == []


@pytest.mark.parametrize("left_out", CORRECTIONS)
def test_each_correction_is_needed(left_out: str, tmp_path: Path) -> None:
    half = {old: new for old, new in CORRECTIONS.items() if old != left_out}
    with_flaw = load(SOURCE.read_text(), half, tmp_path, f"half_{list(CORRECTIONS).index(left_out)}")

    assert DeletionRules(with_flaw.Project).audit() != []


@pytest.fixture
def corrected(tmp_path: Path) -> Iterator[ModuleType]:
    """A copy of the demo's models without its mistakes."""
    name = "corrected_models"
    yield load(SOURCE.read_text(), CORRECTIONS, tmp_path, name)
    del sys.modules[name]


def load(source: str, corrections: dict[str, str], folder: Path, name: str) -> ModuleType:
    """Import a corrected copy of the models under *name*."""
    for old, new in corrections.items():
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    path = folder / f"{name}.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # the mapper looks annotations up there
    spec.loader.exec_module(module)
    return module


# the verdicts


def test_every_verdict_equals_really_deleting_and_its_hints_name_the_rows_that_must_go(
    database: Database,
) -> None:
    """All blocked projects and some of the others, both ways."""
    engine = database.engine()
    fill(engine)
    rules = DeletionRules(Project, policy=POLICY)
    blocked, others = projects(engine)
    wrong = []

    for key, how in itertools.product([*blocked, *others], How):
        with engine.connect() as connection:
            verdict = rules.check(connection, key, how=how.value)
        if verdict.deletable is not really_deletes(engine, key, how):
            wrong.append(verdict)
        if {each.hint: each.count for each in verdict.blockers} != rows_to_clear(engine, key, how):
            wrong.append(verdict)

    assert len(blocked) == 40
    assert wrong == []


def test_one_loaded_collection_would_change_the_verdict_and_it_says_which(database: Database) -> None:
    """The ORM nulls the reports of releases that it has loaded; of those that it has not, it knows nothing."""
    engine = database.engine()
    fill(engine)
    reported = select(Release.project_id).join(ReleaseObservation)
    with engine.connect() as connection:
        keys = set(connection.scalars(reported)) - set(connection.scalars(select(RoleInvitation.project_id)))
        key = min(keys, key=str)
        verdict = DeletionRules(Project, policy=POLICY).check(connection, key)

    assert [each.reason for each in verdict.blockers] == [Reason.FOREIGN_KEY]
    assert verdict.depends_on_loaded == ("Project.releases",)


def projects(engine: Engine) -> tuple[list[UUID], list[UUID]]:
    """The keys of the projects that rows block, and of every hundredth of the others."""
    invited = select(RoleInvitation.project_id)
    reported = select(Release.project_id).join(ReleaseObservation)
    everyone = select(Project.id).order_by(Project.normalized_name)
    with engine.connect() as connection:
        blocked = {*connection.scalars(invited), *connection.scalars(reported)}
        keys = list(connection.scalars(everyone))
    return [key for key in keys if key in blocked], [key for key in keys if key not in blocked][::100]


def rows_to_clear(engine: Engine, key: UUID, how: How) -> dict[str, int]:
    """What must be cleared first, counted by hand, in the policy's words; the database itself removes invitations."""
    verbs = {"pending": "revoke", "expired": "remove"}
    invited = select(RoleInvitation.invite_status, func.count()).where(RoleInvitation.project_id == key)
    reported = (
        select(func.count()).select_from(ReleaseObservation).join(Release).where(Release.project_id == key)
    )
    with engine.connect() as connection:
        reports = connection.scalar(reported) or 0
        found = {
            f"{verbs[status]} {count} {status} invitation{'s' * (count > 1)}": count
            for status, count in connection.execute(invited.group_by(RoleInvitation.invite_status))
        }
    found = found if how is How.ORM else {}
    return found | (
        {f"close {reports} report{'s' * (reports > 1)} about its releases": reports} if reports else {}
    )


def really_deletes(engine: Engine, key: UUID, how: How) -> bool:
    """Delete the project that way, see, and roll back."""
    with Session(engine) as session:
        try:
            if how is How.ORM:
                session.delete(session.get_one(Project, key))
                session.flush()
            else:
                session.execute(delete(Project).where(Project.id == key))
        except IntegrityError:
            return False
        finally:
            session.rollback()
    return True


# the commands


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SqliteFile]:
    found = open_database("sqlite", tmp_path)
    assert isinstance(found, SqliteFile)
    yield found
    found.engine.dispose()


@pytest.fixture
def flask(index: SqliteFile) -> FlaskCliRunner:
    return create_app(diag=True, database=index).test_cli_runner()


def test_diag_check_says_what_to_do_and_ends_with_1(flask: FlaskCliRunner) -> None:
    ended = flask.invoke(args=["diag", "check", "sampleproject"])

    assert ended.exit_code == 1, ended.output
    assert "revoke 3 pending invitations" in ended.output


def test_diag_check_judges_both_ways(flask: FlaskCliRunner) -> None:
    orm = flask.invoke(args=["diag", "check", "sampleproject", "--how", "orm", "--json"])
    sql = flask.invoke(args=["diag", "check", "sampleproject", "--how", "sql", "--json"])

    assert (orm.exit_code, sql.exit_code) == (1, 0)
    assert "blocked" in orm.output
    assert "deletable" in sql.output
    assert json.loads(orm.output)
    assert json.loads(sql.output)


def test_diag_check_of_an_unknown_project_suggests_the_nearest_name(flask: FlaskCliRunner) -> None:
    ended = flask.invoke(args=["diag", "check", "samplproject"])

    assert ended.exit_code == 2
    assert "sampleproject" in ended.output


def test_diag_check_during_an_outage_says_so(flask: FlaskCliRunner, index: SqliteFile) -> None:
    index.take_away()

    ended = flask.invoke(args=["diag", "check", "sampleproject"])

    assert ended.exit_code not in {0, 1}
    assert "outage" in ended.output
    assert "Traceback" not in ended.output


def test_diag_audit_ends_with_1_and_names_the_line(flask: FlaskCliRunner) -> None:
    ended = flask.invoke(args=["diag", "audit"])

    assert ended.exit_code == 1, ended.output
    assert "Project.invitations" in ended.output
    assert "models.py:" in ended.output
    assert "passive_deletes=True" in ended.output


@pytest.mark.parametrize(
    "asked",
    [["23503", "--dialect", "postgresql"], ["1451", "--dialect", "mysql"], ["787", "--dialect", "sqlite"]],
)
def test_diag_classify_explains_a_code(flask: FlaskCliRunner, asked: list[str]) -> None:
    ended = flask.invoke(args=["diag", "classify", *asked])

    assert ended.exit_code == 0, ended.output
    assert "business_rule" in ended.output


def test_the_commands_stand_alone_in_a_fresh_folder(tmp_path: Path) -> None:
    """``flask --app flask_diag.demo`` makes and fills the database that it does not find."""
    command = [sys.executable, "-m", "flask", "--app", "flask_diag.demo", "diag", "check", "sampleproject"]
    settings = {name: value for name, value in os.environ.items() if name not in {"DB", "DIAG"}}

    ended = subprocess.run(
        command, capture_output=True, check=False, text=True, env={**settings, "DEMO_DIR": str(tmp_path)}
    )

    assert ended.returncode == 1, ended.stderr
    assert "revoke 3 pending invitations" in ended.stdout


def test_the_demo_handles_no_database_error_of_its_own(index: SqliteFile) -> None:
    """What the pages answer to an error is the plugin's work alone."""
    handlers: Any = create_app(diag=True, database=index).error_handler_spec
    ours = [
        handler
        for codes in handlers.values()
        for kinds in codes.values()
        for handler in kinds.values()
        if handler.__module__.startswith("flask_diag.demo")
    ]

    assert [handler.__name__ for handler in ours] == ["_not_found"]
