"""flask diag: exit codes and words."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from sqlalchemy import Engine, create_engine, text

from diag import _shop
from diag._shop import Project, Shop, fill, make_shop
from flask_diag._cli import diag_group
from flask_diag._cli_audit import repository

if TYPE_CHECKING:
    from conftest import Database

pytestmark = pytest.mark.only(
    "sqlite"
)  # but where it is said below: what differs by database is tested under the pages


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["empty"], 0),
        (["sampleproject"], 1),
        (["sampleproject", "--how", "orm"], 1),
        (["sampleproject", "--how", "sql"], 0),
        (["1"], 1),
        (["nobody-knows"], 2),
        ([], 2),
        (["empty", "--how", "magic"], 2),
    ],
)
@pytest.mark.only("sqlite", "postgresql")
def test_check_ends_with_its_answer(shop: Shop, args: list[str], code: int) -> None:
    ended = shop.run("check", *args)

    assert ended.exit_code == code, ended.output


@pytest.mark.only("sqlite", "postgresql")
def test_check_tells_people_what_to_do(shop: Shop) -> None:
    output = shop.run("check", "sampleproject").output

    assert "Project sampleproject (key 1)" in output
    assert "by the application (session.delete): blocked" in output
    assert "3 in role_invitations (project_id): not null by Project.invitations" in output
    assert "by SQL (DELETE): deletable" in output
    assert "1. delete 3 rows of role_invitations first\n" in output
    assert "for developers: set passive_deletes=True on Project.invitations" in output


def test_check_tells_programs_the_same(shop: Shop) -> None:
    told = json.loads(shop.run("check", "sampleproject", "--json").output)

    assert (told["subject"], told["key"], told["label"], told["outcome"]) == (
        "Project",
        1,
        "sampleproject",
        "blocked",
    )
    assert [(one["how"], one["deletable"]) for one in told["verdicts"]] == [("orm", False), ("sql", True)]
    (blocker,) = told["verdicts"][0]["blockers"]
    assert (blocker["count"], blocker["hint"]) == (3, "delete 3 rows of role_invitations first")
    assert blocker["advice"].startswith("set passive_deletes=True on Project.invitations")


def test_check_speaks_chinese(shop: Shop) -> None:
    assert "请" in shop.run("check", "sampleproject", "--lang", "zh").output


@pytest.mark.only("sqlite", "postgresql")
def test_an_unknown_name_suggests_the_nearest(shop: Shop) -> None:
    ended = shop.run("check", "samplproject")

    assert (ended.exit_code, ended.output.strip()) == (
        2,
        "No Project has the name or key 'samplproject'. Did you mean sampleproject?",
    )


def test_a_database_that_is_away_is_told_from_a_blocked_project() -> None:
    engine = create_engine("sqlite:////nowhere/at/all.sqlite")

    ended = make_shop(engine).run("check", "1")

    assert ended.exit_code == 4
    assert "outage, cannot_open_database" in ended.output


def test_a_plain_table_has_no_orm_way(filled: Engine) -> None:
    shop = make_shop(filled, subject=Project.__table__)

    assert shop.run("check", "empty").exit_code == 0
    ended = shop.run("check", "empty", "--how", "orm")
    assert (ended.exit_code, "use --how sql" in ended.output) == (2, True)


def test_without_a_subject_check_and_audit_say_what_to_pass(filled: Engine) -> None:
    shop = make_shop(filled, subject=None)

    for command in (["check", "1"], ["audit"]):
        ended = shop.run(*command)
        assert (ended.exit_code, "pass subject=Project" in ended.output) == (2, True)


def test_audit_fails_on_errors_and_names_the_fix(shop: Shop) -> None:
    ended = shop.run("audit")

    assert ended.exit_code == 1
    assert "relationship-nulls-not-null" in ended.output
    assert "passive_deletes=True" in ended.output


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_audit_writes_for_programs(shop: Shop, form: str) -> None:
    assert json.loads(shop.run("audit", "--format", form).output)


def test_audit_annotates_on_github_relative_to_the_root(shop: Shop) -> None:
    root = str(Path(__file__).parents[2])

    assert (
        "::error file=tests/diag/_shop.py,line="
        in shop.run("audit", "--format", "github", "--root", root).output
    )


def located(shop: Shop, form: str, *args: str) -> set[str]:
    """Return the files that an audit names in a form for GitHub."""
    output = shop.run("audit", "--format", form, *args).output
    if form == "github":
        return set(re.findall(r"file=([^,]+),", output))
    places = [place for one in json.loads(output)["runs"][0]["results"] for place in one["locations"]]
    return {place["physicalLocation"]["artifactLocation"]["uri"] for place in places}


@pytest.mark.parametrize("form", ["github", "sarif"])
def test_for_github_files_are_relative_to_the_top_of_the_repository(
    shop: Shop, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "backend" / "app"
    source.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(source)
    monkeypatch.setattr(sys.modules["diag._shop"], "__file__", str(_copied(source)))

    assert located(shop, form) == {"backend/app/models.py"}
    assert located(shop, form, "--root", str(tmp_path / "backend")) == {"app/models.py"}
    assert shop.run("audit").output.startswith("models.py:")


@pytest.mark.parametrize("form", ["github", "sarif"])
def test_outside_of_a_repository_files_are_relative_to_the_working_directory(
    shop: Shop, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source is imported through a link, as it is from some virtual environments."""
    source = tmp_path / "app"
    source.mkdir()
    _copied(source)
    (tmp_path / "linked").symlink_to(source)
    monkeypatch.chdir(source)
    monkeypatch.setattr(sys.modules["diag._shop"], "__file__", str(tmp_path / "linked" / "models.py"))
    monkeypatch.setattr("flask_diag._cli_audit.repository", lambda _: None)

    assert located(shop, form) == {"models.py"}


def test_a_worktree_has_its_top_too(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: /elsewhere/.git/worktrees/one\n")
    (tmp_path / "inner" / "folder").mkdir(parents=True)

    assert repository(tmp_path / "inner" / "folder") == tmp_path
    assert repository(tmp_path) == tmp_path


def _copied(folder: Path) -> Path:
    """Copy the shop's models into *folder*, as ``models.py``."""
    copied = folder / "models.py"
    copied.write_text(Path(str(_shop.__file__)).read_text())
    return copied


@pytest.mark.only("sqlite", "postgresql", "mariadb")
def test_an_audit_of_the_database_sees_what_differs_from_the_models(database: Database) -> None:
    """Somebody forgot the migration: the database lacks the ON DELETE CASCADE that the models promise."""
    engine = database.engine()
    fill(engine)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE role_invitations"))
        connection.execute(
            text(
                "CREATE TABLE role_invitations (id INTEGER PRIMARY KEY, project_id INTEGER NOT NULL, "
                "FOREIGN KEY (project_id) REFERENCES projects (id))"
            )
        )
    shop = make_shop(engine)

    seen = shop.run("audit", "--database")

    assert seen.exit_code == 1
    assert "error DEL016 mapping-and-database-disagree: role_invitations.project_id" in seen.output
    assert "DEL016" not in shop.run("audit").output


def test_an_audit_of_the_database_sees_that_no_key_is_enforced(filled: Engine) -> None:
    switched_off = create_engine(filled.url)

    output = make_shop(switched_off).run("audit", "--database").output

    assert "error DEL014 reference-not-enforced: projects (all foreign keys)" in output
    assert "DEL014" not in make_shop(filled).run("audit", "--database").output
    switched_off.dispose()


def test_an_audit_of_a_database_that_is_away_or_empty_says_so(database: Database) -> None:
    away = make_shop(create_engine("sqlite:////nowhere/at/all.sqlite")).run("audit", "--database")
    empty = make_shop(database.engine()).run("audit", "--database")

    assert (away.exit_code, "outage, cannot_open_database" in away.output) == (4, True)
    assert (empty.exit_code, "The database has no table projects" in empty.output) == (2, True)


def test_a_baseline_forgives_what_is_known(shop: Shop, tmp_path: Path) -> None:
    baseline = str(tmp_path / "baseline.json")

    written = shop.run("audit", "--write-baseline", "--baseline", baseline)
    again = shop.run("audit", "--baseline", baseline)

    assert (written.exit_code, again.exit_code) == (0, 0)
    assert "No findings." in again.output
    assert "more in the baseline" in again.output


def test_a_baseline_that_is_none_is_wrong_usage(shop: Shop, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text("[]")

    assert shop.run("audit", "--baseline", str(wrong)).exit_code == 2
    assert shop.run("audit", "--write-baseline").exit_code == 2


def test_fail_on_decides(shop: Shop) -> None:
    assert shop.run("audit", "--fail-on", "note").exit_code == 1
    assert shop.run("audit", "--fail-on", "nothing").exit_code == 2


@pytest.mark.parametrize("code", ["DEL001", "del001", "relationship-nulls-not-null"])
def test_a_rule_is_explained_by_its_docstring(shop: Shop, code: str) -> None:
    ended = shop.run("audit", "--explain", code)

    assert ended.exit_code == 0
    assert "What it flags:" in ended.output
    assert "Hint:" in ended.output


def test_a_rule_that_is_none_names_the_nearest(shop: Shop) -> None:
    ended = shop.run("audit", "--explain", "relationship-null-not-null")

    assert (ended.exit_code, "Did you mean relationship-nulls-not-null?" in ended.output) == (2, True)


@pytest.mark.parametrize(
    ("args", "kind"),
    [
        (["23502", "--dialect", "postgresql"], "not_null_violation"),
        (["1451", "--dialect", "mysql"], "foreign_key_violation"),
        (["787", "--dialect", "sqlite"], "foreign_key_violation"),
        (["40P01"], "deadlock_detected"),
        (
            ["2026-11-22 12:00:01 ERROR: deadlock detected (SQLSTATE 40P01)", "--dialect", "postgresql"],
            "deadlock_detected",
        ),
        (["(1213, 'Deadlock found when trying to get lock')", "--dialect", "mysql"], "deadlock_detected"),
        (["ERROR 1451 (23000): Cannot delete or update a parent row"], "foreign_key_violation"),
        (["psycopg.errors.ForeignKeyViolation: update or delete on table"], "foreign_key_violation"),
        (["sqlite3.OperationalError: database is locked"], "lock_not_available"),
        (
            [
                (
                    'Traceback (most recent call last):\n  File "views.py", line 1306, in delete\n'
                    "sqlalchemy.exc.IntegrityError: (psycopg.errors.NotNullViolation) null value\n"
                    "[SQL: UPDATE role_invitations SET project_id=%(project_id)s]\n[parameters: {'project_id': None}]"
                )
            ],
            "not_null_violation",
        ),
    ],
)
def test_classify_explains_a_code_or_a_line(shop: Shop, args: list[str], kind: str) -> None:
    ended = shop.run("classify", *args)

    assert ended.exit_code == 0, ended.output
    assert kind in ended.output
    assert json.loads(shop.run("classify", *args, "--json").output)["kind"] == kind


def test_a_text_without_a_code_is_wrong_usage(shop: Shop) -> None:
    ended = shop.run("classify", "it does not work")

    assert (ended.exit_code, "give a SQLSTATE" in ended.output) == (2, True)


def commands() -> list[tuple[str, click.Command]]:
    """Return every command with its full name."""
    found: list[tuple[str, click.Command]] = []
    waiting: list[tuple[str, click.Command]] = list(diag_group.commands.items())
    for name, command in waiting:
        if isinstance(command, click.Group):
            waiting += [(f"{name} {inner}", one) for inner, one in command.commands.items()]
        else:
            found.append((name, command))
    return found


@pytest.mark.parametrize(("name", "command"), commands())
def test_every_command_has_an_example_and_its_exit_codes(
    shop: Shop, name: str, command: click.Command
) -> None:
    output = shop.run(*name.split(), "--help").output

    assert f"Example: flask diag {name}" in " ".join(output.split())
    assert "Exit code: 0" in " ".join(output.split())


@pytest.mark.parametrize(("name", "command"), commands())
def test_every_command_speaks_to_programs(shop: Shop, name: str, command: click.Command) -> None:
    """But those that write files for programs anyway."""
    options = {option for parameter in command.params for option in parameter.opts}

    assert "--json" in options or name in {"alerts", "dashboard"}


def test_a_shell_completes_commands_and_options(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.shell_completion import ShellComplete

    def offered(*args: str, incomplete: str) -> set[str]:
        completion = ShellComplete(diag_group, {}, "diag", "_DIAG_COMPLETE")
        return {one.value for one in completion.get_completions(list(args), incomplete)}

    assert {"check", "classify"} <= offered(incomplete="c")
    assert "--how" in offered("check", "x", incomplete="--")
    assert offered("check", "x", "--how", incomplete="") == {"orm", "sql", "both"}
