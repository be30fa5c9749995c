"""The subjects that the last scan found blocked: a page, and the same as CSV. From the store alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from flask import Response, request, stream_with_context

from flask_diag._cli_scan_text import COLUMNS, unformulated
from flask_diag._report import ways
from flask_diag._retold import retold, teller
from flask_diag._state import State, state
from flask_diag._subject import Subject
from flask_diag._trail import record
from flask_diag._verdicts import own_connection, within
from flask_diag.store import BlockedSubject, Page, ScanSummary, StoreError

from ._address import address_of
from ._language import page_language
from ._render import here, page

LIMIT = 50
CSV_PAGE = 500
ORDERS = ("rows", "key")
LABEL_SECONDS = 1.0  # that a page waits for the names of what it lists


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the visitor wants to see."""

    how: str
    rule: str | None
    order: str
    after: str | None


def blocked() -> Response:
    """List them, those that most rows block first."""
    found, wanted = state(), _asked(state())
    scan = listed = None
    wrong, again = "", False
    try:
        scan = _latest(found, wanted)
        listed = None if scan is None or not scan.rows_kept else _page(found, scan, wanted, LIMIT)
        if listed is not None:
            listed = replace(listed, items=retold(found, listed.items, page_language()))
    except StoreError as error:
        wrong = str(error)
    except (ValueError, OverflowError):
        again = True
    rules = sorted(one.rule for one in scan.relations) if scan is not None else []
    return page(
        "blocked.html",
        404 if again else 200,
        wanted=wanted,
        again=again,
        hows=[str(how) for how in ways(found)],
        orders=ORDERS,
        rules=rules,
        scan=scan,
        listed=listed,
        labels={} if listed is None else _labels(found, listed),
        wrong=wrong,
        address_of=address_of,
        beginning=None if wanted.after is None else here(after=None),
        following=None if listed is None or listed.next is None else here(after=listed.next),
    )


def blocked_csv() -> Response:
    """Send all of them, whatever page is shown, as `flask diag scan --format csv` does."""
    found, wanted = state(), _asked(state())
    try:
        scan = _latest(found, wanted)
        if scan is None or not scan.rows_kept:
            return _page_instead(404)
        first = _page(found, scan, wanted, CSV_PAGE)
    except StoreError:
        return _page_instead(503)
    except (ValueError, OverflowError):
        return _page_instead(404)
    record(found, "export")
    name = f"blocked-{scan.subject}-{scan.how}-{scan.finished:%Y%m%dT%H%M}.csv"
    response = Response(
        stream_with_context(_lines(found, scan, wanted, first)), content_type="text/csv; charset=utf-8"
    )
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def _page_instead(status: int) -> Response:
    """Say on the page why there is no file."""
    response = blocked()
    response.status_code = status
    return response


def _asked(found: State) -> Asked:
    hows = [str(how) for how in ways(found)]
    how, order = request.args.get("how", hows[0]), request.args.get("order", ORDERS[0])
    return Asked(
        how=how if how in hows else hows[0],
        rule=request.args.get("rule") or None,
        order=order if order in ORDERS else ORDERS[0],
        after=request.args.get("after"),
    )


def _latest(found: State, wanted: Asked) -> ScanSummary | None:
    if found.store is None or found.subject is None:
        return None
    return found.store.scans.latest(found.subject.name, wanted.how)


def _page(found: State, scan: ScanSummary, wanted: Asked, limit: int) -> Page[BlockedSubject]:
    assert found.store is not None  # noqa: S101 it has just told of the scan
    return found.store.scans.blocked(
        scan, rule=wanted.rule, order=wanted.order, after=wanted.after, limit=limit
    )


def _labels(found: State, listed: Page[BlockedSubject]) -> dict[str, str]:
    """Return the names of what is listed, by key. They are a comfort: without the database the keys must do."""
    subject = found.subject
    if subject is None or found.out:
        return {}
    keys = [one.key for one in listed.items]
    return within(LABEL_SECONDS, lambda: _names(found, subject, keys), found.engine()) or {}


def _names(found: State, subject: Subject, keys: list[str]) -> dict[str, str]:
    with own_connection(found.engine(), LABEL_SECONDS) as connection:
        return subject.labels(connection, keys)


def _lines(found: State, scan: ScanSummary, wanted: Asked, first: Page[BlockedSubject]) -> Iterator[str]:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(COLUMNS)
    listed, tell = first, teller(found, page_language())
    while True:
        for one in map(tell, listed.items):
            writer.writerows(map(unformulated, row) for row in _rows(scan, one, wanted.rule))
        yield written.getvalue()
        written.seek(0)
        written.truncate()
        if listed.next is None:
            return
        following = Asked(how=wanted.how, rule=wanted.rule, order=wanted.order, after=listed.next)
        listed = _page(found, scan, following, CSV_PAGE)


def _rows(scan: ScanSummary, one: BlockedSubject, rule: str | None) -> Iterator[tuple[Any, ...]]:
    head = (scan.subject, one.key, scan.how, one.outcome)
    for blocker in one.blockers:
        if rule in {None, blocker.get("rule", rule)}:
            yield (*head, *_cells(blocker))
    if not one.blockers:
        for name, count in one.rules.items() or [("", 0)]:
            yield (*head, name, "", count, 0, "", "")


def _cells(blocker: Any) -> tuple[Any, ...]:
    told = {"capped": False, **blocker}
    return (
        *(told.get(name, "") for name in ("rule", "relation", "count")),
        int(told["capped"]),
        *(told.get(name, "") for name in ("reason", "hint")),
    )
