"""flask diag scan: what it prints, how it ends, what it keeps."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click
import pytest
from sqlalchemy import Engine, ForeignKey, String, create_engine, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from diag._shop import Base, Invitation, Project, Shop, make_shop
from diag.scan.conftest import MakeShop, diagnostics
from flask_diag import scanning
from flask_diag._cli_scan_text import unformulated
from flask_diag.store import ScanOvertaken

if TYPE_CHECKING:
    from conftest import Database


class Kinds(DeclarativeBase):
    """Classes in one table: counting has no plan."""


class Thing(Kinds):
    __tablename__ = "things"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "thing"}  # noqa: RUF012 - SQLAlchemy's
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))


class Special(Thing):
    __mapper_args__ = {"polymorphic_identity": "special"}  # noqa: RUF012 - SQLAlchemy's


class Holder(Kinds):
    __tablename__ = "holders"
    id: Mapped[int] = mapped_column(primary_key=True)
    thing_id: Mapped[int] = mapped_column(ForeignKey("things.id"), index=True)


pytestmark = pytest.mark.only("sqlite")


def scans_of(shop: Shop) -> Any:
    store = diagnostics(shop).store
    assert store is not None
    return store.scans


@pytest.mark.only("sqlite", "postgresql", "postgresql15", "mariadb")
def test_it_tells_which_relation_blocks_how_many(stored: Shop) -> None:
    ended = stored.run("scan")

    assert ended.exit_code == 1, ended.output
    assert "Project, by the application (session.delete): 4 looked at, 3 blocked, in" in ended.output
    lines = [line.split() for line in ended.output.splitlines()]
    assert ["role_invitations.project_id", "1", "3"] in lines
    assert ["invoices.project_id", "1", "2"] in lines
    assert "1  blocked: delete 3 rows of role_invitations first" in ended.output
    assert "Kept as scan 1." in ended.stderr


@pytest.mark.only("sqlite", "postgresql", "postgresql15", "mariadb")
def test_json_has_the_verdicts_of_check_and_the_sums(stored: Shop) -> None:
    told = json.loads(stored.run("scan", "--format", "json").stdout)
    checked = json.loads(stored.run("check", "sampleproject", "--how", "orm", "--json").stdout)

    assert [one["key"] for one in told["verdicts"]] == [1, 3, 4]
    assert told["verdicts"][0]["blockers"] == checked["verdicts"][0]["blockers"]
    summary = told["summary"]
    assert (summary["subjects"], summary["blocked"], summary["uncertain"]) == (4, 3, 0)
    assert {one["rule"]: (one["subjects"], one["rows"]) for one in summary["relations"]} == {
        "badges.project_id": (1, 1),
        "invoices.project_id": (1, 2),
        "role_invitations.project_id": (1, 3),
    }
    assert (summary["scan"], summary["since"], summary["grew"]) == (1, None, [])


def test_csv_has_a_line_for_each_blocker(stored: Shop) -> None:
    rows = list(csv.DictReader(stored.run("scan", "--format", "csv").stdout.splitlines()))

    assert [(row["key"], row["rule"], row["count"]) for row in rows] == [
        ("1", "role_invitations.project_id", "3"),
        ("3", "invoices.project_id", "2"),
        ("4", "badges.project_id", "1"),
    ]


def test_csv_holds_nothing_that_a_spreadsheet_computes(filled: Engine) -> None:
    """Hints name subjects, and subjects are named by users."""
    deletion = {"relation": [{"of": "Project.invitations", "hint": "=HYPERLINK({count})"}]}
    shop = make_shop(filled, policy=deletion, config={"DIAG_STORE_URL": None})

    told = shop.run("scan", "--format", "csv").stdout

    assert next(row["hint"] for row in csv.DictReader(told.splitlines())) == "'=HYPERLINK(3)"


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("-x", "'-x"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("-12", "-12"),
        ("a=b", "a=b"),
        ("", ""),
        (-3, -3),
    ],
)
def test_only_what_could_be_a_formula_is_changed(cell: object, written: object) -> None:
    assert unformulated(cell) == written


def test_where_nothing_can_count_the_user_is_told_why_it_takes_long(database: Database) -> None:
    engine = database.engine()
    Kinds.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Special(id=1), Special(id=2)])
        session.flush()
        session.add(Holder(thing_id=2))
        session.commit()
    shop = make_shop(engine, subject=Thing, config={"DIAG_STORE_URL": None})

    ended = shop.run("scan")
    told = json.loads(shop.run("scan", "--format", "json").stdout)

    assert "each of the 2 is played" in ended.stderr
    assert "2 looked at, each of them played, 1 blocked" in ended.stdout
    assert told["summary"]["played"] is True


def test_where_a_statement_counts_nobody_is_warned(stored: Shop) -> None:
    assert "played" not in stored.run("scan").output


def test_by_sql_others_are_blocked(stored: Shop) -> None:
    told = json.loads(stored.run("scan", "--how", "sql", "--format", "json").stdout)

    assert [one["key"] for one in told["verdicts"]] == [3, 4]


def test_nothing_blocked_ends_with_0(stored: Shop, filled: Engine) -> None:
    with filled.begin() as connection:
        for table in ("role_invitations", "invoices", "badges"):
            connection.execute(text(f"DELETE FROM {table}"))

    ended = stored.run("scan")

    assert ended.exit_code == 0
    assert "4 looked at, 0 blocked" in ended.output


def test_what_is_only_not_known_ends_with_3(stored: Shop, filled: Engine) -> None:
    """A trigger may refuse, and nobody vouches for it."""
    with filled.begin() as connection:
        for table in ("role_invitations", "invoices", "badges"):
            connection.execute(text(f"DELETE FROM {table}"))
        connection.execute(text("CREATE TRIGGER odd BEFORE DELETE ON projects BEGIN SELECT 1; END"))

    ended = stored.run("scan")

    assert ended.exit_code == 3, ended.output
    assert "4 looked at, each of them played, 0 blocked, 4 not known" in ended.output


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["--shard", "3/2"], "--shard 3/2: give a part and how many there are, such as 1/4 to 4/4."),
        (["--shard", "0/2"], "--shard 0/2"),
        (["--shard", "two"], "--shard two"),
        (["--shard", "1/2", "--after", "1"], "leave --after and --until out"),
        (["--after", "x"], "--after x: that is no key of Project; give id."),
        (["--how", "magic"], "magic"),
    ],
)
def test_wrong_usage_is_told_with_the_way_out(stored: Shop, args: list[str], complaint: str) -> None:
    ended = stored.run("scan", *args)

    assert ended.exit_code == 2
    assert complaint in ended.stderr


def test_without_a_database_it_ends_with_4(tmp_path: Path) -> None:
    shop = make_shop(create_engine(f"sqlite:////{tmp_path}/no/such/folder/db.sqlite"))

    ended = shop.run("scan")

    assert ended.exit_code == 4
    assert "The database can't be scanned: outage, cannot_open_database" in ended.stderr


@pytest.mark.only("postgresql", "mariadb", "sqlite")
def test_over_the_time_limit_it_says_how_to_ask_for_less(stored: Shop, filled: Engine) -> None:
    with Session(filled) as session:
        session.add_all([Project(id=n, name=f"p{n}", invitations=[Invitation()]) for n in range(10, 3000)])
        session.commit()

    ended = stored.run("scan", "--timeout", "0.000001")

    assert ended.exit_code == 4, ended.output
    assert "--timeout, --after and --until, or --shard" in ended.stderr
    assert scans_of(stored).latest("Project", "orm") is None
    assert stored.run("scan", "--limit", "1").exit_code == 1  # the failed one holds nobody up


def test_only_some_subjects_are_listed_and_the_rest_is_counted(stored: Shop) -> None:
    output = stored.run("scan", "--limit", "1").output

    assert "1  blocked" in output
    assert "3  blocked" not in output
    assert "... and 2 more" in output


def test_it_goes_on_behind_a_key_and_keeps_no_part_of_a_whole(stored: Shop) -> None:
    ended = stored.run("scan", "--after", "1", "--until", "3", "--format", "json")

    assert [one["key"] for one in json.loads(ended.stdout)["verdicts"]] == [3]
    assert "Not kept: only a scan of all subjects is." in ended.stderr
    assert scans_of(stored).latest("Project", "orm") is None


def test_one_rule_only(stored: Shop) -> None:
    ended = stored.run("scan", "--rule", "invoices.project_id", "--format", "json")

    assert [one["key"] for one in json.loads(ended.stdout)["verdicts"]] == [3]


def test_a_rule_that_blocks_nothing_is_answered_with_those_that_do(stored: Shop) -> None:
    ended = stored.run("scan", "--rule", "invoices.project")

    assert ended.exit_code == 0
    assert "Nothing is blocked by invoices.project. Rules that block:" in ended.stderr
    assert "invoices.project_id" in ended.stderr


def test_it_tells_what_grew_since_the_last_scan(stored: Shop, filled: Engine) -> None:
    stored.run("scan")
    with Session(filled) as session:
        session.add(Project(id=9, name="new", invitations=[Invitation(), Invitation()]))
        session.execute(text("DELETE FROM badges"))
        session.commit()

    table = stored.run("scan", "--no-store").output
    told = json.loads(stored.run("scan", "--format", "json").stdout)

    assert "SINCE" not in table  # it is not of the same series
    assert told["summary"]["grew"] == [
        {"rule": "role_invitations.project_id", "subjects": 1, "rows": 2, "new": False, "gone": False},
        {"rule": "badges.project_id", "subjects": -1, "rows": -1, "new": False, "gone": True},
    ]
    lines = stored.run("scan").output.splitlines()
    assert next(line for line in lines if "role_invitations.project_id" in line).endswith("same")


def test_a_table_tells_growth_in_words(stored: Shop, filled: Engine) -> None:
    stored.run("scan")
    with Session(filled) as session:
        session.add(Project(id=9, name="new", invitations=[Invitation(), Invitation()]))
        session.commit()

    lines = stored.run("scan").output.splitlines()

    assert next(line for line in lines if line.startswith("role_inv")).endswith("+1 blocked, +2 rows")


def test_what_is_kept_can_be_asked_for_by_page(stored: Shop) -> None:
    stored.run("scan")

    scans = scans_of(stored)
    summary = scans.latest("Project", "orm")
    page = scans.blocked(summary, rule="invoices.project_id")
    assert (summary.subjects, summary.blocked, summary.uncertain) == (4, 3, 0)
    assert [(one.key, dict(one.rules)) for one in page.items] == [("3", {"invoices.project_id": 2})]
    assert page.items[0].blockers[0]["hint"] == "delete or reassign 2 rows of invoices"


def test_no_store_keeps_nothing(stored: Shop) -> None:
    ended = stored.run("scan", "--no-store")

    assert ended.exit_code == 1
    assert ended.stderr == ""
    assert scans_of(stored).latest("Project", "orm") is None


def test_without_a_store_it_scans_all_the_same(shop: Shop) -> None:
    ended = shop.run("scan")

    assert (ended.exit_code, ended.stderr) == (1, "")


def test_a_store_that_fails_costs_the_result_nothing(make_stored: MakeShop, tmp_path: Path) -> None:
    """The answer is the same, and stderr says that it is not kept."""
    (tmp_path / "broken.sqlite").write_bytes(b"this is no database at all, " * 100)
    shop = make_stored(config={"DIAG_STORE_URL": f"sqlite:///{tmp_path}/broken.sqlite"})

    ended = shop.run("scan", "--format", "json")

    assert ended.exit_code == 1, ended.output
    assert json.loads(ended.stdout)["summary"]["blocked"] == 3
    assert "The result is not kept." in ended.stderr


def test_a_store_that_fails_midway_costs_the_result_nothing(
    stored: Shop, filled: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Session(filled) as session:
        session.add_all([Project(id=n, name=f"p{n}", invitations=[Invitation()]) for n in range(10, 1510)])
        session.commit()
    monkeypatch.setattr("flask_diag.store._scan_write._put", _overtaken)

    told = stored.run("scan", "--format", "json")

    assert json.loads(told.stdout)["summary"]["blocked"] == 1503
    assert len(json.loads(told.stdout)["verdicts"]) == 1503
    assert "another has taken its place" in told.stderr


def _overtaken(*_: object) -> None:
    raise ScanOvertaken("Scan 1 is over, or another has taken its place: its late results are not kept.")


def test_a_second_scan_at_once_is_refused_with_the_way_out(make_stored: MakeShop) -> None:
    first, second = make_stored(), make_stored()
    scans_of(first).begin("Project", "orm")

    ended = second.run("scan")

    assert ended.exit_code == 2
    assert "Scan 1 is running since" in ended.stderr
    assert "--no-store" in ended.stderr
    assert second.run("scan", "--no-store").exit_code == 1
    assert second.run("scan", "--how", "sql").exit_code == 1  # another question


def test_a_scan_that_died_is_overtaken_when_its_lease_has_run_out(make_stored: MakeShop) -> None:
    dead, next_one = make_stored(), make_stored()
    scans_of(dead)._clock = lambda: datetime(2026, 1, 1, tzinfo=UTC)
    run = scans_of(dead).begin("Project", "orm", lease=60)

    ended = next_one.run("scan")

    assert ended.exit_code == 1, ended.output
    assert scans_of(next_one).latest("Project", "orm").id == run.id + 1


def test_interrupted_it_holds_nobody_up(stored: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(scanning._run, "keep_part", interrupt)
        stored.run("scan")

    assert stored.run("scan").exit_code == 1


def test_parts_of_several_machines_become_one_scan(make_stored: MakeShop) -> None:
    shops = [make_stored() for _ in range(3)]

    ended = [shop.run("scan", "--shard", f"{n}/3", "--format", "json") for n, shop in enumerate(shops, 1)]

    keys = [one["key"] for each in ended for one in json.loads(each.stdout)["verdicts"]]
    assert keys == [1, 3, 4]
    assert "Kept as a part of scan 1: 2 parts are missing." in ended[0].stderr
    assert "Kept as a part of scan 1: 1 part is missing." in ended[1].stderr
    assert "Kept as scan 1." in ended[2].stderr
    summary = scans_of(shops[0]).latest("Project", "orm")
    assert (summary.subjects, summary.blocked) == (4, 3)


def test_a_part_done_twice_counts_once(make_stored: MakeShop) -> None:
    shops = [make_stored() for _ in range(3)]

    shops[0].run("scan", "--shard", "1/2")
    again = shops[1].run("scan", "--shard", "1/2")
    shops[2].run("scan", "--shard", "2/2")

    assert "Part 1 of scan 1 is in the store already." in again.stderr
    assert scans_of(shops[0]).latest("Project", "orm").blocked == 3


def test_parts_are_those_of_the_one_who_began(make_stored: MakeShop, filled: Engine) -> None:
    """Subjects made meanwhile move no border, so that none is counted twice or left out."""
    shops = [make_stored() for _ in range(2)]
    shops[0].run("scan", "--shard", "1/2")
    with Session(filled) as session:
        session.add_all([Project(id=n, name=f"p{n}", invitations=[Invitation()]) for n in range(10, 30)])
        session.commit()

    shops[1].run("scan", "--shard", "2/2")

    assert scans_of(shops[0]).latest("Project", "orm").blocked == 3 + 20


def test_more_parts_than_subjects_leave_some_empty(stored: Shop) -> None:
    ended = [stored.run("scan", "--shard", f"{n}/6") for n in range(1, 7)]

    assert [one.exit_code for one in ended] == [1, 0, 1, 1, 0, 0], [one.output for one in ended]
    assert scans_of(stored).latest("Project", "orm").blocked == 3


def test_a_terminal_sees_how_far_it_is(stored: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = []

    class Bar:
        pos = 0

        def __init__(self, **options: Any) -> None:
            self.length = options["length"]
            lengths.append(self)

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            self.closed = True

        def update(self, steps: int) -> None:
            self.pos += steps

    monkeypatch.setattr(click, "progressbar", Bar)
    monkeypatch.setattr("flask_diag._cli_scan._on_terminal", lambda: True)

    stored.run("scan")

    (bar,) = lengths
    assert (bar.length, bar.pos, bar.closed) == (3, 3, True)


def test_the_scan_leaves_the_application_alone(database: Database, tmp_path: Path) -> None:
    """Its errors are not the application's, and its connection goes back clean."""
    engine = database.engine(pool_size=1, max_overflow=0)
    Base.metadata.create_all(engine)
    shop = make_shop(engine)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE role_invitations"))

    shop.run("scan")

    assert shop.met == []
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
