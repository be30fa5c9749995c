"""Is a database down, and what happened lately: for the overview page and the API alike."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from diag_exporters import Incident
from diag_rules.errors import Category, Kind

from ._lately import LastHour, last_hour, tallied
from ._state import State
from ._tally import Tallied
from .store import Outage


class Now(StrEnum):
    """Is it down?

    Attributes:
        DOWN: a database does not answer.
        ELSEWHERE: all answer here, but other processes met an outage that they have not seen the end of.
        BACK: all answer, but the application has not used them since the outage that this process met.
        UP: all answer, and nobody knows of an outage.
    """

    DOWN = "down"
    ELSEWHERE = "elsewhere"
    BACK = "back"
    UP = "up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """One of the application's databases, now.

    Attributes:
        dialect: SQLAlchemy's name of it (`postgresql`).
        answers: whether it answered just now.
        seconds: how long that took, or how long was waited for it.
        kind: what kept it from answering; null where it did, or where the time was up.
        outage_since: when this process first met the outage that lasts, or null.
        outage_kind: what this process met last in that outage, or null.
        outage_errors: how many errors this process met in it.
        last_outage_ended: when this process last saw one end, or null.
    """

    bind: str
    dialect: str
    driver: str
    answers: bool
    seconds: float
    kind: str | None
    outage_since: datetime | None
    outage_kind: Kind | None
    outage_errors: int
    last_outage_ended: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """An error that this process met.

    Attributes:
        deletion_of: the class of the subject whose deletion it broke, or null.
        reference: the request's id, as in the answer that its user got.
    """

    at: datetime
    category: Category
    kind: Kind
    bind: str
    method: str | None
    route: str | None
    endpoint: str | None
    subject: str | None
    subject_key: str | None
    deletion_of: str | None
    reference: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Is it down, or is it one customer?

    Attributes:
        now: the answer in one word.
        last_hour: null where the incident store has told nothing yet, or there is none.
        down: whether any database failed to answer just now.
        outage: whether this process has met an outage that it has not seen the end of.
        errors: by category, in this process since it started; the sum over all is in the metrics.
        recent: the last errors of this process, the latest first.
    """

    app: str
    now: Now
    last_hour: LastHour | None
    down: bool
    outage: bool
    databases: tuple[Database, ...]
    errors: dict[str, int]
    recent: tuple[Met, ...]


def overview(state: State) -> Overview:
    """Ask each database and the store, within one time limit, and tell what this process has met."""
    deadline = time.monotonic() + state.settings.check_timeout
    tallied(state, 0.0)  # reads, while the databases are asked
    told = databases(state, deadline)
    down = not all(one.answers for one in told)
    known = tallied(state, max(0.0, deadline - time.monotonic()))
    elsewhere = bool(lasting(state, known))
    return Overview(
        app=state.app,
        now=Now.DOWN if down else Now.BACK if state.out else Now.ELSEWHERE if elsewhere else Now.UP,
        last_hour=last_hour(known, datetime.now(UTC)),
        down=down,
        outage=state.out,
        databases=told,
        errors={str(category): state.totals[category] for category in Category},
        recent=tuple(map(met_here, list(state.recent)[::-1])),
    )


def lasting(state: State, known: Tallied) -> tuple[Outage, ...]:
    """Return the outages that last, but for those whose end this process saw and the store has yet to be told of."""
    return tuple(one for one in known.outages if one.ended is None and not _seen_over(state, one, known))


def _seen_over(state: State, one: Outage, known: Tallied) -> bool:
    here = state.outages.get(one.bind)
    over = here.last_over if here is not None else None
    if over is None or over < one.started or known.at is None:
        return False
    return one.replicas == 1 or over >= known.at


def databases(state: State, deadline: float) -> tuple[Database, ...]:
    """Ask each database for nothing, all at once: several silent servers take no longer than one.

    *deadline* is when the last answer is waited for, by `time.monotonic`.
    """
    state.prober.recent(0.0, 0.0)
    return tuple(_database(state, bind, deadline) for bind in state.engines)


def _database(state: State, bind: str, deadline: float) -> Database:
    probed = state.prober.ask(bind, max(0.0, deadline - time.monotonic()))
    outage, dialect = state.outages[bind], state.engines[bind].dialect
    return Database(
        bind=bind,
        dialect=dialect.name,
        driver=dialect.driver,
        answers=probed.ok,
        seconds=probed.seconds,
        kind=probed.kind,
        outage_since=outage.since,
        outage_kind=outage.kind,
        outage_errors=outage.count,
        last_outage_ended=outage.last_over,
    )


def met_here(incident: Incident) -> Met:
    """Return what is told of an incident of this process."""
    return Met(
        at=incident.at,
        category=incident.classification.category,
        kind=incident.classification.kind,
        bind=incident.bind,
        method=incident.method,
        route=incident.route,
        endpoint=incident.endpoint,
        subject=incident.subject,
        subject_key=incident.subject_key,
        deletion_of=incident.deletion_of,
        reference=incident.request_id,
    )
