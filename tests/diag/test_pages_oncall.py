"""The pages for whoever is on call: is it down, since when, what changed, what does a reference mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine

from diag._shop import Shop, make_shop
from diag._stored import store_of
from diag_exporters import Incident, Recovery
from diag_rules.errors import Category, Classification, Kind
from flask_diag import _tally
from flask_diag.store import StoreUnavailable

pytestmark = pytest.mark.only("sqlite")
OUT = Classification(category=Category.OUTAGE, kind=Kind.CONNECTION_REFUSED, dialect="postgresql")
RULE = Classification(
    category=Category.BUSINESS_RULE, kind=Kind.UNIQUE_VIOLATION, sqlstate="23505", constraint="uq_mail"
)
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tally, "FRESH", -1.0)


@pytest.fixture
def kept(filled: Engine, tmp_path: Path) -> Iterator[Shop]:
    """The shop with a store."""
    shop = make_shop(filled, config={"DIAG_STORE_URL": f"sqlite:///{tmp_path / 'store.sqlite'}"})
    yield shop
    store_of(shop).close()


def meet(shop: Shop, found: Classification = RULE, **others: Any) -> None:
    """Keep an incident of another replica, by default of now."""
    store_of(shop).intake(Incident(**{"classification": found, "at": NOW, "app": "shop", **others}))
    assert store_of(shop).flush(10)


def recover(shop: Shop, at: datetime, since: datetime) -> None:
    """Keep the end of an outage."""
    store_of(shop).intake.recovered(Recovery(at=at, app="shop", bind="default", since=since))
    assert store_of(shop).flush(10)


def words(shop: Shop, path: str = "/diag/", **query: str) -> str:
    """Return what a page says, without its tags and between single blanks."""
    page = shop.client.get(path, query_string=query)
    assert page.status_code == 200
    main = page.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


# the overview


def test_the_first_line_says_since_when_it_is_down(filled: Engine, tmp_path: Path) -> None:
    gone = create_engine("sqlite:////nowhere/at/all.sqlite")
    shop = make_shop(gone, config={"DIAG_STORE_URL": f"sqlite:///{tmp_path / 'store.sqlite'}"})
    shop.client.post("/run", data={"sql": "SELECT 1"})

    assert re.search(
        r"The database is down Outage since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(.* ago\) ?\. This is not one customer",
        words(shop),
    )
    store_of(shop).close()


def test_the_first_words_are_the_answer(kept: Shop) -> None:
    assert re.search(r"^id.*?> The database answers No outage\.", words(kept))
    assert "No outage in the last week." in words(kept)


def test_which_of_several_databases_is_down_is_the_first_thing_said(filled: Engine) -> None:
    gone = create_engine("sqlite:////nowhere/at/all.sqlite")
    shop = make_shop(filled, db={"default": filled, "billing": gone})

    text = words(shop)

    assert "Down: billing Outage." in text
    assert "billing sqlite (pysqlite) down cannot_open_database" in text
    assert "DiagDatabaseOutage" in shop.client.get("/diag/").text


def test_an_outage_that_other_processes_have_not_seen_the_end_of_is_told(kept: Shop) -> None:
    meet(kept, OUT, at=NOW - timedelta(minutes=3))

    text = words(kept)
    assert "The database answers Not over everywhere." in text
    assert "met by 1 process" in text

    recover(kept, NOW - timedelta(minutes=1), NOW - timedelta(minutes=3))
    assert "No outage. A request that fails now" in words(kept)
    assert "The last outage ended" in words(kept)


def test_an_outage_whose_end_this_process_saw_is_not_called_one_of_others(kept: Shop) -> None:
    """The store is told of it a moment later, and nobody should look for another process until then."""
    meet(kept, OUT, at=NOW - timedelta(minutes=3))
    here = kept.app.extensions["diag"].outages["default"]

    here.last_over = NOW - timedelta(minutes=4)
    assert "Not over everywhere." in words(kept)
    here.last_over = NOW

    text = words(kept)
    assert "The database answers No outage. A request that fails now" in text
    assert "met by" not in text


def test_several_silent_databases_take_no_longer_than_one(
    filled: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each probe would wait the whole time; they wait side by side."""
    import time

    from flask_diag._probe import Prober

    began: list[float] = []
    original = Prober._found

    def silent(self: Prober, bind: str, work: Any) -> Any:
        began.append(time.monotonic())
        work.done.wait(0.3)
        return original(self, bind, work)

    monkeypatch.setattr(Prober, "_found", silent)
    engines = {name: create_engine(filled.url) for name in ("a", "b", "c")}
    shop = make_shop(filled, db=engines, config={"DIAG_CHECK_TIMEOUT": 0.2})

    assert "Down: a, b, c" in words(shop)
    assert len(began) == 3
    assert max(began) - min(began) < 0.2


def test_one_customer_is_told_from_everybody(kept: Shop) -> None:
    for number in range(4):
        meet(kept, subject="Project", subject_key="1", request_id=f"ref-{number}")
    meet(kept)

    assert re.search(r"5 errors since \d\d:\d\d UTC\. One Project has 4 of them: 1 \.", words(kept))


def test_many_customers_are_not_called_one(kept: Shop) -> None:
    for number in range(6):
        meet(kept, subject="Project", subject_key=str(number))

    assert "One Project has" not in words(kept)


def test_the_timeline_is_drawn_and_told_in_words_and_in_a_table(kept: Shop) -> None:
    start = NOW - timedelta(hours=5)
    for _ in range(3):
        meet(kept, OUT, at=start)
    recover(kept, start + timedelta(minutes=20), start)

    text = kept.client.get("/diag/").text
    day, week = re.findall(r"<section aria-labelledby=\"(?:day|week)\">.*?</section>", text, flags=re.DOTALL)

    for section in (day, week):
        assert section.count('class="bar outage"') == 2  # the outage, and its errors
        assert section.count('class="through"') == 1
        assert "3 errors." in section
        assert "The database was out once." in section
        assert "database out: default" in section
        assert re.search(r'<svg role="img" aria-labelledby="(\w+) \1-said">', section)
        assert all(f'id="{name}"' in section for name in re.findall(r'aria-labelledby="(\w+) ', section))
    assert "style=" not in text


def test_what_is_new_and_what_is_gone_is_marked(kept: Shop) -> None:
    meet(kept)
    meet(kept, OUT, at=NOW - timedelta(hours=30))

    text = words(kept)

    assert "unique_violation business rule 1 0 new" in text
    assert "connection_refused outage 0 1 ▼ 1" in text
    assert "uq_mail unique_violation 1 0 new" in text


def test_a_store_that_does_not_tell_leaves_the_rest_of_the_page(
    kept: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    meet(kept)
    assert "1 error since" in words(kept)

    def gone(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("The store can't be asked: outage, disk_full.")

    monkeypatch.setattr("flask_diag.store.Store.totals", gone)
    monkeypatch.setattr("flask_diag.store.Store.outages", gone)
    monkeypatch.setattr("flask_diag.store.Store.incidents", gone)

    text = words(kept)
    assert "The database answers No outage." in text
    assert (
        "The incident store does not tell now. The store can't be asked: outage, disk_full. What follows is of"
        in text
    )
    assert "1 error." in text
    assert "The store can't be asked" in words(kept, "/diag/outages")
    assert "The store can't be asked" in words(kept, "/diag/incidents")


def test_without_a_store_the_overview_has_what_this_process_knows(shop: Shop) -> None:
    shop.client.delete("/projects/sampleproject")

    text = words(shop)

    assert "1 business rule" in text
    assert "Counted in this worker process" in text
    assert "does not tell now" not in text
    for path in ("/diag/incidents", "/diag/outages"):
        assert "This application keeps no incidents" in words(shop, path)


# incidents


def test_a_reference_number_leads_to_what_was_met(kept: Shop) -> None:
    kept.client.delete("/projects/sampleproject", headers={"X-Request-ID": "ref-for-support"})
    assert store_of(kept).flush(10)

    text = words(kept, "/diag/incidents", reference="ref-for-support")

    assert "not_null_violation" in text
    assert "while deleting a Project" in text
    assert 'href="/diag/incidents?reference=ref-for-support"' in kept.client.get("/diag/").text


def test_an_event_is_a_link_where_the_application_says_where_sentry_is(
    filled: Engine, tmp_path: Path
) -> None:
    config = {
        "DIAG_STORE_URL": f"sqlite:///{tmp_path / 'store.sqlite'}",
        "DIAG_SENTRY_URL": "https://acme.sentry.io/issues/?query={event_id}",
    }
    shop = make_shop(filled, config=config)
    meet(shop)
    with store_of(shop).database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE diag_incident SET sentry_event_id = '0123456789abcdef0123456789abcdef'"
        )

    text = shop.client.get("/diag/incidents").text

    assert 'href="https://acme.sentry.io/issues/?query=0123456789abcdef0123456789abcdef"' in text
    store_of(shop).close()


def test_an_earlier_reference_of_the_same_sort_is_known_to_the_process_that_met_it(kept: Shop) -> None:
    for reference in ("ref-earlier", "ref-later"):
        kept.client.delete("/projects/sampleproject", headers={"X-Request-ID": reference})
    assert store_of(kept).flush(10)

    text = words(kept, "/diag/incidents", reference="ref-earlier")

    assert "this process remembers the request" in text
    assert "DELETE /projects/<name>" in text


def test_an_unknown_reference_says_why_that_may_be(kept: Shop) -> None:
    text = words(kept, "/diag/incidents", reference="<b>nobody</b>")

    assert "No row has the reference" in text
    assert "<b>nobody" not in kept.client.get("/diag/incidents?reference=<b>nobody</b>").text


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 3),
        ({"category": "outage"}, 1),
        ({"kind": "unique_violation"}, 2),
        ({"broke": "uq_mail"}, 2),
        ({"subject": "sampleproject"}, 1),
        ({"subject": "1"}, 1),
        ({"subject": "nobody-knows"}, 0),
        ({"category": "no-such", "kind": "none", "bind": "x"}, 3),
        ({"last": "1h"}, 2),
        ({"since": "2020-01-01T00:00"}, 4),
        ({"since": "2020-01-01T00:00", "until": "2020-01-02T00:00"}, 0),
        ({"since": "never", "last": "long"}, 3),
        ({"after": "no place"}, 3),
    ],
)
def test_incidents_are_narrowed(kept: Shop, filters: dict[str, str], count: int) -> None:
    meet(kept, subject="Project", subject_key="1")
    meet(kept, subject="Project", subject_key="2")
    meet(kept, OUT, at=NOW - timedelta(days=2))
    meet(kept, OUT, at=NOW - timedelta(days=20))

    page = kept.client.get("/diag/incidents", query_string=filters)

    assert page.status_code == 200
    assert page.text.count('<td class="right">') == count


def test_the_pages_of_a_list_hold_every_row_once(kept: Shop) -> None:
    for number in range(120):
        store_of(kept).intake(
            Incident(
                classification=RULE,
                at=NOW,
                app="shop",
                subject="Project",
                subject_key=f"k{number}",
                endpoint="e",
            )
        )
    assert store_of(kept).flush(10)

    path, found, pages = "/diag/incidents?category=business_rule", [], 0
    while path:
        text = kept.client.get(path).text
        found += re.findall(r'href="/diag/projects/(k\d+)"', text)
        pages += 1
        onward = re.search(r'href="([^"]+)" rel="next"', text)
        path = onward[1].replace("&amp;", "&") if onward else ""

    assert (pages, len(found), len(set(found))) == (3, 120, 120)


# outages


def test_outages_are_listed_with_their_length(kept: Shop) -> None:
    start = NOW - timedelta(hours=30)
    meet(kept, OUT, at=start)
    recover(kept, start + timedelta(minutes=72, seconds=5), start)

    text = words(kept, "/diag/outages")

    assert "No outage lasts." in text
    assert "1 outage, 1 hour 12 minutes in all." in text
    assert "No outage in the last 24 hours." in words(kept, "/diag/outages", last="24h")


def test_an_outage_that_lasts_is_the_first_thing_said(kept: Shop) -> None:
    meet(kept, OUT)

    assert "Outages An outage lasts: default, since" in words(kept, "/diag/outages")


def test_errors_of_an_outage_are_a_link_away(kept: Shop) -> None:
    start = NOW - timedelta(hours=30)
    meet(kept, OUT, at=start)
    meet(kept, OUT, at=start - timedelta(hours=3))
    recover(kept, start + timedelta(minutes=2), start)

    text = kept.client.get("/diag/outages").text
    link = re.search(r'href="(/diag/incidents\?[^"]+)"', text)

    assert link is not None
    assert kept.client.get(link[1].replace("&amp;", "&")).text.count('<td class="right">') >= 1


# audit and runbooks


def test_findings_are_narrowed_by_severity_and_rule(shop: Shop) -> None:
    everything = shop.client.get("/diag/audit").text
    code = re.findall(r'<option value="(DEL\d+)"', everything)[0]
    errors = shop.client.get("/diag/audit?severity=error").text
    of_rule = shop.client.get(f"/diag/audit?rule={code}").text

    assert everything.count("Fix:") > errors.count("Fix:") >= 1
    assert set(re.findall(r'<p class="note">(DEL\d+) ', of_rule)) == {code}
    assert shop.client.get("/diag/audit?severity=none&rule=x").text.count("Fix:") == everything.count("Fix:")


def test_runbooks_say_what_people_notice_and_those_that_page_come_first(shop: Shop) -> None:
    text = words(shop, "/diag/runbooks/")

    assert "Whatever needs the database answers 503" in text
    assert "ticket" not in text.partition("DiagErrorBudgetBurn")[0].partition("people notice")[2]
