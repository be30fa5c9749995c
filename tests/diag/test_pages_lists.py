"""Search, and the list of blocked subjects."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from diag._shop import Project, Shop, make_shop
from diag._stored import keep_a_scan, store_of
from diag_rules.deletion import use_language
from flask_diag.store import BlockedSubject, ShardTotals

if TYPE_CHECKING:
    from conftest import Database

pytestmark = pytest.mark.only("sqlite")


@pytest.fixture
def kept(filled: Engine, tmp_path: Path) -> Iterator[Shop]:
    """The shop with a store."""
    shop = make_shop(filled, config={"DIAG_STORE_URL": f"sqlite:///{tmp_path / 'store.sqlite'}"})
    store_of(shop).upgrade()
    yield shop
    store_of(shop).close()


def keep(shop: Shop, *found: BlockedSubject) -> None:
    """Keep a scan that found these."""
    scans = store_of(shop).scans
    run = scans.begin("Project", "orm")
    scans.record_shard(run, 0, found, ShardTotals(subjects=len(found)))
    scans.finish(run)


def rows(text: str) -> list[list[str]]:
    """Return the cells of the only table of a page."""
    body = text.partition("<tbody>")[2].partition("</tbody>")[0]
    cells = [re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.DOTALL) for row in body.split("</tr>")[:-1]]
    return [[html.unescape(re.sub(r"<[^>]+>", "", one)).strip() for one in row] for row in cells]


# search


def test_one_that_fits_is_gone_to(shop: Shop) -> None:
    assert shop.client.get("/diag/find?q=SAMPLE").location == "/diag/projects/1?by=key"


def test_of_several_the_one_with_that_very_name_is_gone_to(filled: Engine) -> None:
    with Session(filled) as session:
        session.add(Project(id=9, name="Empty-too"))
        session.commit()
    client = make_shop(filled).client

    assert client.get("/diag/find?q=EMPTY").location == "/diag/projects/2?by=key"
    listed = client.get("/diag/find?q=emp")
    assert re.findall(r'by=key">([^<]*)<', listed.text) == ["Empty-too", "empty"]


def test_a_search_goes_on_to_the_next_page(filled: Engine) -> None:
    with Session(filled) as session:
        session.add_all(Project(id=100 + number, name=f"many-{number:03}") for number in range(60))
        session.commit()
    client, seen = make_shop(filled).client, list[str]()
    address: str | None = "/diag/find?q=many"

    while address is not None:
        text = client.get(address).text
        seen += re.findall(r'by=key">(many-\d+)<', text)
        following = re.search(r'href="([^"]*)" rel="next"', text)
        address = None if following is None else html.unescape(following[1])

    assert seen == [f"many-{number:03}" for number in range(60)]


def test_what_nobody_is_called_gets_the_nearest(shop: Shop) -> None:
    page = shop.client.get("/diag/find?q=sampelproject")

    assert (page.status_code, 'href="/diag/find?q=sampleproject"' in page.text) == (200, True)


def test_a_place_in_no_list_begins_anew(shop: Shop) -> None:
    assert shop.client.get("/diag/find?q=emp&after=nonsense").location == "/diag/find?q=emp"


def test_a_reference_number_finds_its_error(kept: Shop) -> None:
    kept.client.delete("/projects/sampleproject", headers={"X-Request-ID": "ref-of-ticket"})
    assert store_of(kept).flush(10)

    text = kept.client.get("/diag/find?q=ref-of-ticket").text

    assert "not_null_violation" in text
    assert re.search(r'href="/diag/projects/\w+">Project', text)


def test_who_searches_too_often_reads_how_long_to_wait(filled: Engine) -> None:
    shop = make_shop(filled, config={"DIAG_SEARCH_LIMIT": 1})
    shop.client.get("/diag/find?q=a")

    page = shop.client.get("/diag/find?q=a")

    assert (page.status_code, page.headers["Retry-After"]) == (429, "60")
    assert "Wait 60 seconds" in page.text


# the blocked


def test_the_list_names_them_and_what_to_do(kept: Shop) -> None:
    keep_a_scan(kept)

    text = kept.client.get("/diag/blocked").text

    assert [row[0].split()[0] for row in rows(text)] == ["badged", "sampleproject", "billed"]
    assert "2 of 4 cannot be deleted" in text
    assert "1 is not known" in text
    assert re.search(r"As of the scan of\s+<time", text)


def test_it_is_filtered_sorted_and_paged(kept: Shop) -> None:
    keep(kept, *(BlockedSubject(key=str(n), rules={"odd" if n % 2 else "even": n}) for n in range(100, 220)))
    address: str | None = "/diag/blocked?rule=odd&order=key"
    seen = []

    while address is not None:
        text = kept.client.get(address).text
        seen += [row[0] for row in rows(text)]
        following = re.search(r'href="([^"]*)" rel="next"', text)
        address = None if following is None else html.unescape(following[1])

    assert seen == [str(n) for n in range(101, 220, 2)]
    most = rows(kept.client.get("/diag/blocked").text)[0]
    assert most[0] == "219"


def test_the_csv_has_all_of_them_as_the_command_line_has(kept: Shop) -> None:
    hint = {"rule": "odd", "relation": "=HYPERLINK()", "count": 3, "reason": "foreign_key", "hint": "-1 them"}
    keep(kept, *(BlockedSubject(key=str(n), rules={"odd": 3}, blockers=(hint,)) for n in range(1200)))

    page = kept.client.get("/diag/blocked.csv?order=key")

    lines = list(csv.reader(io.StringIO(page.text)))
    assert page.content_type == "text/csv; charset=utf-8"
    assert lines[0] == [
        "subject",
        "key",
        "how",
        "outcome",
        "rule",
        "relation",
        "count",
        "capped",
        "reason",
        "hint",
    ]
    assert len(lines) == 1201
    assert lines[1] == [
        "Project",
        lines[1][1],
        "orm",
        "blocked",
        "odd",
        "'=HYPERLINK()",
        "3",
        "0",
        "foreign_key",
        "'-1 them",
    ]


@pytest.mark.parametrize(("scanned", "read"), [("en", "zh"), ("zh", "en")])
def test_who_reads_the_list_reads_it_in_their_language_whichever_the_scan_ran_in(
    kept: Shop, scanned: str, read: str
) -> None:
    hint = {"en": "delete 3 rows of role_invitations first", "zh": "请先删除 role_invitations 中的 3 行"}
    with use_language(scanned):
        assert kept.run("scan", "--how", "orm").exit_code == 1

    page = kept.client.get("/diag/blocked", headers={"Accept-Language": read})
    lines = kept.client.get("/diag/blocked.csv", headers={"Accept-Language": read})
    told = kept.client.get("/diag/api/v1/blocked", query_string={"lang": read}).get_json()

    assert [row[1] for row in rows(page.text) if row[0] == "sampleproject"] == [hint[read]]
    assert [row[-1] for row in csv.reader(io.StringIO(lines.text)) if row[1] == "1"] == [hint[read]]
    assert [one["hint"] for item in told["items"] if item["key"] == "1" for one in item["blockers"]] == [
        hint[read]
    ]


def test_without_a_scan_it_says_how_to_get_one(kept: Shop) -> None:
    page = kept.client.get("/diag/blocked")

    assert "No scan has finished yet" in page.text
    assert "flask diag scan --how orm" in page.text
    assert kept.client.get("/diag/blocked.csv").status_code == 404


def test_without_a_store_it_says_so(shop: Shop) -> None:
    assert "keeps no scans" in shop.client.get("/diag/blocked").text
    assert shop.client.get("/diag/blocked.csv").status_code == 404


def test_a_place_in_no_list_is_not_found(kept: Shop) -> None:
    keep_a_scan(kept)

    assert kept.client.get("/diag/blocked?after=nonsense").status_code == 404
    assert kept.client.get("/diag/blocked.csv?after=nonsense").status_code == 404


def test_the_list_needs_the_store_alone(kept: Shop, database: Database) -> None:
    keep_a_scan(kept)
    file = Path(str(database.url.database))
    kept.engine.dispose()
    file.rename(file.with_suffix(".away"))
    file.mkdir()
    try:
        page, lines = kept.client.get("/diag/blocked"), kept.client.get("/diag/blocked.csv")
    finally:
        file.rmdir()
        file.with_suffix(".away").rename(file)

    assert [row[0].split()[0] for row in rows(page.text)] == ["4", "1", "3"]
    assert lines.text.count("\n") == 5


def test_of_one_rule_only_its_own_rows_are_counted(kept: Shop) -> None:
    keep(kept, BlockedSubject(key="1", rules={"one": 2, "other": 40}))

    assert rows(kept.client.get("/diag/blocked?rule=one").text)[0][2] == "2"
    assert rows(kept.client.get("/diag/blocked").text)[0][2] == "42"
