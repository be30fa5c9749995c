"""What was met, by filter: for the page of incidents and the API alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ._history import keys_of
from ._overview import Met, met_here
from ._state import State
from .store import IncidentFilter, Page, Store, StoredIncident

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which incidents; None means all.

    Attributes:
        broke: the constraint, or ``table.columns``.
        subject: a subject's name or key, as people call it.
        reference: the request's id, as in the answer that its user got.
        since: by default a week ago, but where a reference is given.
    """

    category: str | None = None
    kind: str | None = None
    bind: str | None = None
    endpoint: str | None = None
    broke: str | None = None
    subject: str | None = None
    reference: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def met(state: State, store: Store, asked: Asked, *, after: str | None, limit: int) -> Page[StoredIncident]:
    """Return a page of what was met over all replicas, folded by sort and time, the latest first.

    Raises:
        StoreError: the store can't be asked.
        ValueError: *after* is no place in the incidents.
    """
    since = asked.since
    if since is None and asked.reference is None:
        since = datetime.now(UTC) - WEEK
    subject = state.subject if asked.subject else None
    wanted = IncidentFilter(
        category=asked.category,
        kind=asked.kind,
        bind=asked.bind,
        endpoint=asked.endpoint,
        broke=asked.broke,
        subject=None if subject is None else subject.name,
        subject_key=keys_of(state, asked.subject) if asked.subject else None,
        request_id=asked.reference,
        since=since,
        until=asked.until,
    )
    return store.incidents(wanted, after=after, limit=limit)


def met_by_request(state: State, reference: str) -> tuple[Met, ...]:
    """Return what this process met in a request, of its last errors: the store keeps the last reference of each fold only."""
    return tuple(met_here(one) for one in state.recent if one.request_id == reference)
