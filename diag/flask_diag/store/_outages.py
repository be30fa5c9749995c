"""Outages over all replicas, derived from what each process saw.

A process tells when it met the first and the last incident, and when it had the first contact afterwards. The end
of what it saw is the first contact *of any process* after its last incident: a replica without traffic has nothing
to tell, and the database is the same. Where nobody had contact, the outage lasts while the process lives; where
that is gone (it said goodbye, was found dead, or showed no sign of life for `ALIVE`), nothing is known past its
last incident, and that is taken as the end. What then overlaps, or follows within `GAP`, is one outage.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import Connection, bindparam, or_, select
from sqlalchemy.engine import Row

from ._tables import outage, writer
from ._values import Outage

ALIVE = timedelta(seconds=120)  # four heartbeats
GAP = timedelta(seconds=10)  # pooled connections that broke in the outage are met for a while after it
MAX_SEEN = 20_000  # rows that are read at most, the latest

_SEEN = (
    select(outage, writer.c.seen.label("alive"), writer.c.ended.label("gone"))
    .join_from(outage, writer, outage.c.writer == writer.c.id, isouter=True)
    .where(
        outage.c.app == bindparam("app"),
        outage.c.started <= bindparam("until"),
        or_(outage.c.ended.is_(None), outage.c.ended >= bindparam("since")),
    )
    .order_by(outage.c.started.desc())
    .limit(MAX_SEEN)
)
_CONTACTS = (
    select(outage.c.bind, outage.c.ended)
    .where(outage.c.app == bindparam("app"), outage.c.ended >= bindparam("since"))
    .order_by(outage.c.ended)
)


def outages(  # noqa: PLR0913, PLR0917 what is asked for
    connection: Connection, app: str, since: datetime, until: datetime, now: datetime, bind: str | None = None
) -> tuple[Outage, ...]:
    """Return the outages that fall into the time from *since* to *until*, the latest first."""
    seen = _seen(connection, app, since, until, bind)
    if not seen:
        return ()
    contacts = _contacts(connection, app, min(row.last_seen for row in seen))
    found = []
    for _, rows in groupby(sorted(seen, key=lambda row: (row.bind, row.started)), key=lambda row: row.bind):
        found += _merged(_ended(row, contacts[row.bind], now) for row in rows)
    inside = (one for one in found if one.overlaps(since, until))
    return tuple(sorted(inside, key=lambda one: one.started, reverse=True))


def _seen(
    connection: Connection, app: str, since: datetime, until: datetime, bind: str | None
) -> list[Row[tuple[object, ...]]]:
    asked = _SEEN if bind is None else _SEEN.where(outage.c.bind == bind)
    return list(connection.execute(asked, {"app": app, "since": since, "until": until}).all())


def _contacts(connection: Connection, app: str, since: datetime) -> dict[str, list[datetime]]:
    """Return when any process had contact again, by database, in order."""
    found: dict[str, list[datetime]] = defaultdict(list)
    for bind, ended in connection.execute(_CONTACTS, {"app": app, "since": since}):
        found[bind].append(ended)
    return found


def _ended(row: Row[tuple[object, ...]], contacts: list[datetime], now: datetime) -> Outage:
    """Return one process's outage with the end that the rule above gives it."""
    place = bisect_left(contacts, row.last_seen)
    ended, assumed = (contacts[place], False) if place < len(contacts) else (None, False)
    if ended is None and not _lives(row, now):
        ended, assumed = row.last_seen, True
    return Outage(
        bind=row.bind,
        started=row.started,
        ended=ended,
        kinds=tuple(sorted(filter(None, row.kinds.split(",")))),
        count=row.total,
        assumed=assumed,
    )


def _lives(row: Row[tuple[object, ...]], now: datetime) -> bool:
    return row.gone is None and row.alive is not None and row.alive >= now - ALIVE


def _merged(rows: Iterable[Outage]) -> list[Outage]:
    """Join what overlaps; *rows* are of one database, in the order in which they started."""
    found: list[Outage] = []
    for row in rows:
        last = found[-1] if found else None
        if last is not None and (last.ended is None or row.started <= last.ended + GAP):
            found[-1] = _joined(last, row)
        else:
            found.append(row)
    return found


def _joined(first: Outage, second: Outage) -> Outage:
    lasts = first.ended is None or second.ended is None
    later = first if lasts or first.ended >= second.ended else second  # type: ignore[operator] # neither is None here
    return Outage(
        bind=first.bind,
        started=first.started,
        ended=None if lasts else later.ended,
        kinds=tuple(sorted({*first.kinds, *second.kinds})),
        count=first.count + second.count,
        replicas=first.replicas + second.replicas,
        assumed=not lasts and later.assumed,
    )
