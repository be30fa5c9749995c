"""The operations on what the incident store keeps: incidents, outages, a subject's history, and the last scan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from diag_rules.errors import Category
from flask_diag._access import limit_searches
from flask_diag._history import history
from flask_diag._lately import Changes, Span, Timeline, changes, tallied, timeline
from flask_diag._met import Asked, met
from flask_diag._report import ways
from flask_diag._retold import retold
from flask_diag._state import State
from flask_diag._subject import MAX_TEXT
from flask_diag._trail import record
from flask_diag.store import (
    BlockedSubject,
    History,
    Outage,
    Page,
    ScanSummary,
    Store,
    StoredIncident,
    StoreError,
    StoreOff,
)

from ._operation import AFTER, LANGUAGE, LIMIT, Operation
from ._parameters import Parameter
from ._problems import Unanswered
from ._values import Listed

T = TypeVar("T")
WEEK = timedelta(days=7)
SINCE = Parameter(name="since", kind="moment", words="Not before this moment; by default a week ago.")
UNTIL = Parameter(name="until", kind="moment", words="Before this moment; by default now.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """The subjects that the last finished scan found blocked or uncertain, page by page.

    Attributes:
        next: what to give as `after` for the following ones; null at the end.
    """

    scan: ScanSummary
    items: tuple[BlockedSubject, ...]
    next: str | None


def of_store(found: State) -> tuple[Operation, ...]:
    """Return the operations of an application that has a store."""
    if found.store is None:
        return ()
    bind = Parameter(name="bind", words="Only of this database.", choices=tuple(found.engines))
    of_subject = (
        ()
        if found.subject is None
        else (Parameter(name="subject", words=f"Only of the {found.subject.name} with this name or key."),)
    )
    incidents = Operation(
        path="/incidents",
        call=get_incidents,
        answer=Page[StoredIncident],
        parameters=(
            Parameter(name="category", words="Only of this category.", choices=tuple(map(str, Category))),
            Parameter(name="kind", words="Only of this kind, such as `unique_violation`."),
            bind,
            Parameter(name="endpoint", words="Only of this Flask endpoint."),
            Parameter(name="broke", words="Only of this constraint, or `table.columns`."),
            *of_subject,
            Parameter(name="reference", words="The reference number that an answer named."),
            SINCE,
            UNTIL,
            LIMIT,
            AFTER,
        ),
        problems=(404, 429, 503),
    )
    outages = Operation(
        path="/outages",
        call=get_outages,
        answer=Listed[Outage],
        parameters=(bind, SINCE, UNTIL),
        problems=(503,),
    )
    span = Parameter(
        name="span", words="How far back it goes.", choices=tuple(map(str, Span)), default=str(Span.DAY)
    )
    general = (
        incidents,
        outages,
        Operation(path="/timeline", call=get_timeline, answer=Timeline, parameters=(span,)),
        Operation(path="/changes", call=get_changes, answer=Changes),
    )
    return general if found.subject is None else (*general, *_of_subject(found))


def _of_subject(found: State) -> tuple[Operation, ...]:
    hows = tuple(map(str, ways(found)))
    key = Parameter(name="key", words="A name or a key.", place="path", required=True, most=MAX_TEXT)
    return (
        Operation(
            path="/history/{key}",
            call=get_history,
            answer=History,
            parameters=(key, Parameter(name="since", kind="moment", words="Not before this moment."), LIMIT),
            problems=(429, 503),
        ),
        Operation(
            path="/blocked",
            call=get_blocked,
            answer=Blocked,
            parameters=(
                Parameter(
                    name="how", words="The way of deleting that was judged.", choices=hows, default=hows[0]
                ),
                Parameter(name="rule", words="Only those that this rule blocks."),
                Parameter(
                    name="order",
                    words="By key, or those that most rows block first.",
                    choices=("key", "rows"),
                    default="key",
                ),
                LANGUAGE,
                LIMIT,
                AFTER,
            ),
            problems=(404, 503),
        ),
    )


def get_incidents(  # noqa: PLR0913 the filters, by name
    found: State,
    *,
    category: str | None,
    kind: str | None,
    bind: str | None,
    endpoint: str | None,
    broke: str | None,
    reference: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    after: str | None,
    subject: str | None = None,
) -> Page[StoredIncident]:
    """List what was met, folded by sort and time, over all replicas, the latest first."""
    wanted = Asked(
        category=category,
        kind=kind,
        bind=bind,
        endpoint=endpoint,
        broke=broke,
        subject=subject,
        reference=reference,
        since=since,
        until=until,
    )
    if subject:
        limit_searches(found)
    page = _asked(found, lambda store: met(found, store, wanted, after=after, limit=limit))
    if subject:
        record(found, "history", key=page.items[0].subject_key if page.items else None)
    return page


def get_timeline(found: State, span: str) -> Timeline:
    """Show errors by category and outages over time, over all replicas."""
    return timeline(tallied(found), Span(span), datetime.now(UTC))


def get_changes(found: State) -> Changes:
    """Say what was met in the last 24 hours, and how that differs from the day before."""
    return changes(tallied(found), datetime.now(UTC))


def get_outages(
    found: State, bind: str | None, since: datetime | None, until: datetime | None
) -> Listed[Outage]:
    """List when a database was out, over all replicas, the latest first."""
    last = until or datetime.now(UTC)
    first = since or datetime.now(UTC) - WEEK
    return Listed(_asked(found, lambda store: store.outages(first, last, bind=bind)))


def get_history(found: State, key: str, since: datetime | None, limit: int) -> History:
    """Say what a subject met lately, and whether its database was out then."""
    limit_searches(found)
    told = _asked(found, lambda store: history(found, store, key, since, limit))
    record(found, "history", key=told.key if told.incidents else None)
    return told


def get_blocked(  # noqa: PLR0913 the filters, by name
    found: State, *, how: str, rule: str | None, order: str, lang: str, limit: int, after: str | None
) -> Blocked:
    """List the subjects that the last scan found blocked or uncertain."""
    name = found.subject.name if found.subject is not None else ""
    scan = _asked(found, lambda store: store.scans.latest(name, how))
    if scan is None:
        raise Unanswered(404, "no-scan", "No scan has finished yet: run `flask diag scan`.")
    page = _asked(
        found, lambda store: store.scans.blocked(scan, rule=rule, order=order, after=after, limit=limit)
    )
    return Blocked(scan=scan, items=retold(found, page.items, lang), next=page.next)


def _asked(found: State, ask: Callable[[Store], T]) -> T:
    """Ask the store.

    Raises:
        Unanswered: it can't be asked now, or has no such page.
    """
    try:
        if found.store is None:
            raise StoreOff("This application has no incident store: DIAG_STORE_URL is None.")
        return ask(found.store)
    except StoreError as error:
        raise Unanswered(503, "no-store", str(error), retry_after=found.settings.retry_after) from error
    except (ValueError, OverflowError) as error:  # a cursor that is none of the store's
        raise Unanswered(
            404, "unknown-page", "There is no such page: take `next` of the page before."
        ) from error
