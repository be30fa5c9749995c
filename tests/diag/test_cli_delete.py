"""flask diag delete: nothing is changed unless told, and then all or nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine, create_engine, func, select, text
from sqlalchemy.orm import Session

from diag._shop import Invitation, Project, Shop, make_shop
from flask_diag._trail import Entry

if TYPE_CHECKING:
    from conftest import Database

pytestmark = pytest.mark.only("sqlite")
POLICY = {"relation": [{"of": "Project.invitations", "remedy": "delete", "automatic": True}]}


@pytest.fixture
def clearing(filled: Engine) -> Shop:
    """The shop whose policy lets the safe delete remove invitations."""
    return make_shop(filled, policy=POLICY)


def left(shop: Shop) -> tuple[int, int]:
    """Return how many projects and invitations there are."""
    with Session(shop.engine) as session:
        counts = [
            session.scalar(select(func.count()).select_from(table)) or 0 for table in (Project, Invitation)
        ]
    return counts[0], counts[1]


@pytest.mark.only("sqlite", "postgresql", "mariadb")
def test_unless_told_nothing_is_changed(clearing: Shop) -> None:
    ended = clearing.run("delete", "sampleproject")

    assert ended.exit_code == 0, ended.output
    assert (
        "Project sampleproject (key 1): Would be deleted; nothing was changed. Use --execute." in ended.output
    )
    assert "cleared first: 3 role_invitations" in ended.output
    assert left(clearing) == (4, 3)


@pytest.mark.only("sqlite", "postgresql", "mariadb")
def test_when_told_it_clears_what_the_policy_allows_and_deletes(clearing: Shop) -> None:
    ended = clearing.run("delete", "sampleproject", "--execute")

    assert (ended.exit_code, "Deleted." in ended.output) == (0, True), ended.output
    assert left(clearing) == (3, 0)


@pytest.mark.only("sqlite", "postgresql")
def test_what_is_blocked_is_refused_with_what_to_do(shop: Shop) -> None:
    ended = shop.run("delete", "sampleproject", "--execute")

    assert ended.exit_code == 1
    assert "Refused; nothing was changed." in ended.output
    assert "1. delete 3 rows of role_invitations first" in ended.output
    assert left(shop) == (4, 3)


def test_programs_are_told_the_same(clearing: Shop) -> None:
    tried = json.loads(clearing.run("delete", "sampleproject", "--json").output)
    done = json.loads(clearing.run("delete", "sampleproject", "--execute", "--json").output)
    refused = json.loads(clearing.run("delete", "billed", "--execute", "--json").output)

    assert [(one["outcome"], one["changed"]) for one in (tried, done, refused)] == [
        ("tried", False),
        ("done", True),
        ("refused", False),
    ]
    assert tried["cleared"] == done["cleared"]
    assert (done["cleared"][0]["table"], done["cleared"][0]["count"]) == ("role_invitations", 3)
    assert refused["verdict"]["blockers"][0]["count"] == 2


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["nobody"], "No Project has the name or key 'nobody'"),
        ([], "Missing argument"),
        (["empty", "--how", "magic"], "magic"),
    ],
)
def test_wrong_usage_is_2(shop: Shop, args: list[str], words: str) -> None:
    ended = shop.run("delete", *args)

    assert (ended.exit_code, words in ended.output) == (2, True)


def test_a_plain_table_is_deleted_by_sql(filled: Engine) -> None:
    shop = make_shop(filled, subject=Project.__table__)

    assert shop.run("delete", "empty", "--how", "orm").exit_code == 2
    assert shop.run("delete", "empty", "--execute").exit_code == 0
    assert left(shop)[0] == 3


def test_without_a_subject_it_says_what_to_pass(filled: Engine) -> None:
    ended = make_shop(filled, subject=None).run("delete", "1")

    assert (ended.exit_code, "pass subject=Project" in ended.output) == (2, True)


def test_a_database_that_is_away_is_4() -> None:
    ended = make_shop(create_engine("sqlite:////nowhere/at/all.sqlite")).run("delete", "1")

    assert (ended.exit_code, "outage, cannot_open_database" in ended.output) == (4, True)


def test_what_the_database_refuses_after_all_is_3_and_changes_nothing(clearing: Shop) -> None:
    """Nobody can say before what a trigger will do."""
    with clearing.engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER keep BEFORE DELETE ON projects BEGIN SELECT RAISE(ABORT, 'under legal hold'); END"
            )
        )

    ended = clearing.run("delete", "sampleproject", "--execute")

    assert (ended.exit_code, "not known: the database refused" in ended.output) == (3, True), ended.output
    assert left(clearing) == (4, 3)


def test_it_is_in_the_trail(clearing: Shop) -> None:
    kept: list[Entry] = []
    clearing.app.extensions["diag"].trail.append(kept.append)

    clearing.run("delete", "sampleproject")
    clearing.run("delete", "billed", "--execute")
    clearing.run("delete", "sampleproject", "--execute")

    assert [(one.outcome, one.acts, one.key, one.by) for one in kept] == [
        ("tried", False, "1", "shell"),
        ("refused", True, "3", "shell"),
        ("done", True, "1", "shell"),
    ]


def test_its_errors_are_not_the_applications_incidents(shop: Shop) -> None:
    shop.run("delete", "sampleproject", "--execute")

    assert shop.met == []


def test_an_asynchronous_application_deletes_too(database: Database, filled: Engine) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(f"sqlite+aiosqlite:///{database.url.database}")
    shop = make_shop(filled, db=engine)

    ended = shop.run("delete", "empty", "--execute")

    assert ended.exit_code == 0, ended.output
    assert left(shop)[0] == 3
