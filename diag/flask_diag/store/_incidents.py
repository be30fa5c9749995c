"""What was met: by subject, by filter, as totals."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.engine import Row
from sqlalchemy.sql import ColumnElement

from ._outages import outages
from ._tables import BUCKET, incident
from ._types import microseconds, moment
from ._values import History, IncidentFilter, Outage, Page, StoredIncident, Top, Total

MAX_PAGE = 500
_FIELDS = ("category", "kind", "bind", "endpoint", "broke", "subject", "subject_key", "request_id")
TOP_FIELDS = ("broke", "endpoint", "kind", "category", "subject_key", "code")
_LATEST = (incident.c.bucket.desc(), incident.c.digest.desc())
# the few rows of one request or of one subject, sorted: SQLite would walk all in their order rather than take their index
_OF_FEW = ((incident.c.bucket + 0).desc(), incident.c.digest.desc())


def history(  # noqa: PLR0913, PLR0917 what is asked for
    connection: Connection,
    app: str,
    subject: str,
    keys: tuple[str, ...],
    now: datetime,
    since: datetime | None,
    until: datetime | None,
    limit: int,
) -> History:
    """Return what one subject met, and whether its database was out then."""
    wanted = IncidentFilter(subject=subject, subject_key=keys, since=since, until=until)
    rows = connection.execute(_statement(_shape(wanted)), _values(app, wanted, limit)).all()
    met = sorted(map(_incident, rows[:limit]), key=lambda one: one.last_seen, reverse=True)
    if not met:
        return History(subject=subject, key=keys[0])
    around = outages(connection, app, min(one.first_seen for one in met), met[0].last_seen, now)
    told = tuple(replace(one, outage=_outage_of(one, around)) for one in met) if around else tuple(met)
    fallen = tuple(one for one in around if any(incident.outage is one for incident in told))
    return History(subject=subject, key=keys[0], incidents=told, outages=fallen, more=len(rows) > limit)


def _outage_of(met: StoredIncident, around: tuple[Outage, ...]) -> Outage | None:
    fitting = (one for one in around if one.bind == met.bind and one.overlaps(met.first_seen, met.last_seen))
    return next(fitting, None)


def incidents(
    connection: Connection, app: str, wanted: IncidentFilter, after: str | None, limit: int
) -> Page[StoredIncident]:
    """Return a page of the incidents that *wanted* lets through, the latest bucket first."""
    asked = _statement(_shape(wanted))
    if after is not None:
        asked = asked.where(_after(after))
    rows = connection.execute(asked, _values(app, wanted, limit)).all()
    items = tuple(map(_incident, rows[:limit]))
    return Page(items, items[-1].id if len(rows) > limit else None)


def totals(  # noqa: PLR0913 what is asked for
    connection: Connection,
    app: str,
    since: datetime,
    until: datetime,
    seconds: int,
    *,
    by_broke: bool,
) -> tuple[Total, ...]:
    """Return the incidents by time, category and kind, for charts; *seconds* is a multiple of the bucket's."""
    if seconds < BUCKET or seconds % BUCKET:
        raise ValueError(
            f"Totals by {seconds} seconds: give a multiple of {BUCKET}, the store's own time bucket."
        )
    step: ColumnElement[int] = literal_column(
        str(seconds)
    )  # drivers that bind it twice make it two different expressions
    start = (incident.c.bucket - incident.c.bucket % step).label("start")
    by: list[ColumnElement[Any]] = [start, incident.c.category, incident.c.kind]
    by += [incident.c.broke] if by_broke else []
    asked = (
        select(func.sum(incident.c.total), *by)
        .where(incident.c.app == app, *_between(since, until))
        .group_by(*by)
        .order_by(*by)
    )
    return tuple(
        Total(
            start=moment(int(at) * 1_000_000),
            category=category,
            kind=kind,
            count=int(count),
            broke=(broke[0] or None) if broke else None,
        )
        for count, at, category, kind, *broke in connection.execute(asked)
    )


def top(  # noqa: PLR0913, PLR0917 what is asked for
    connection: Connection,
    app: str,
    field: str,
    since: datetime,
    until: datetime,
    category: str | None,
    limit: int,
) -> tuple[Top, ...]:
    """Return the most frequent values of *field*, those that are empty left out."""
    if field not in TOP_FIELDS:
        raise ValueError(f"Top {field!r}: give one of {', '.join(TOP_FIELDS)}.")
    column, count = incident.c[field], func.sum(incident.c.total)
    asked = (
        select(column, count, func.max(incident.c.last_seen))
        .where(incident.c.app == app, column != "", *_between(since, until))
        .group_by(column)
        .order_by(count.desc(), column)
        .limit(_limited(limit))
    )
    if category is not None:
        asked = asked.where(incident.c.category == category)
    rows = connection.execute(asked)
    return tuple(Top(value=value, count=int(number), last_seen=last) for value, number, last in rows)


def _shape(wanted: IncidentFilter) -> frozenset[tuple[str, bool]]:
    """Return which fields a filter has, each with whether it has several values."""
    values = ((name, getattr(wanted, name)) for name in (*_FIELDS, "since", "until"))
    return frozenset((name, isinstance(value, tuple)) for name, value in values if value is not None)


@cache
def _statement(shape: frozenset[tuple[str, bool]]) -> Select[Any]:
    """Return the SELECT for filters of one shape, made once: that takes longer than to run it."""
    asked = select(incident).where(incident.c.app == bindparam("app")).limit(bindparam("rows", type_=Integer))
    for name, several in sorted(shape):
        asked = asked.where(_condition(name, several=several))
    few = any(name in {"request_id", "subject_key"} for name, _ in shape)
    return asked.order_by(*(_OF_FEW if few else _LATEST))


def _condition(name: str, *, several: bool) -> ColumnElement[bool]:
    """Return what the parameter *name* demands."""
    value: BindParameter[Any] = bindparam(name, expanding=several)
    if name == "since":
        return incident.c.bucket >= value
    if name == "until":
        return incident.c.bucket < value
    return incident.c[name].in_(value) if several else incident.c[name] == value


def _values(app: str, wanted: IncidentFilter, limit: int) -> dict[str, Any]:
    """Return what the statement for *wanted* is run with: one row more than is asked for, to know of it."""
    found = {"app": app, "rows": _limited(limit) + 1}
    found |= {name: getattr(wanted, name) for name in _FIELDS}
    found |= {"since": _first(wanted.since), "until": _end(wanted.until)}
    return {name: value for name, value in found.items() if value is not None}


def _between(since: datetime, until: datetime) -> list[ColumnElement[bool]]:
    return [incident.c.bucket >= _first(since), incident.c.bucket < _end(until)]


def _first(since: datetime | None) -> int | None:
    """Return the bucket that *since* falls into, which counts as a whole."""
    seconds = None if since is None else microseconds(since) // 1_000_000
    return None if seconds is None else seconds - seconds % BUCKET


def _end(until: datetime | None) -> int | None:
    """Return up to which bucket *until* lets through."""
    return None if until is None else -(-microseconds(until) // 1_000_000)


def _after(cursor: str) -> ColumnElement[bool]:
    """Return what comes after *cursor*, the id of an incident."""
    bucket, _, digest = cursor.partition("-")
    try:
        place, mark = int(bucket), bytes.fromhex(digest)
    except ValueError:
        raise ValueError(f"after={cursor[:80]!r} is no place in the incidents: give Page.next.") from None
    return or_(incident.c.bucket < place, and_(incident.c.bucket == place, incident.c.digest < mark))


def _limited(limit: int) -> int:
    if not 1 <= limit <= MAX_PAGE:
        raise ValueError(f"limit={limit}: give 1 to {MAX_PAGE}.")
    return limit


def _incident(row: Row[Any]) -> StoredIncident:
    return StoredIncident(
        id=f"{row.bucket}-{bytes(row.digest).hex()}",
        bucket=moment(row.bucket * 1_000_000),
        app=row.app,
        bind=row.bind,
        category=row.category,
        kind=row.kind,
        code=row.code or None,
        broke=row.broke or None,
        endpoint=row.endpoint or None,
        subject=row.subject or None,
        subject_key=row.subject_key or None,
        deletion_of=row.deletion_of or None,
        count=row.total,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        request_id=row.request_id,
        sentry_event_id=row.sentry_event_id,
    )
