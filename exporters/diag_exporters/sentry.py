"""Sentry: tags on the scope, events of few sorts, and nothing private in either.

An incident becomes an event at once, where it was met, so an error that a handler answers is seen too. A
business rule makes no event unless asked for. Outages and contention pass a token bucket for each
fingerprint; defects and unknown errors always pass. An event that the SDK makes of the same exception
afterwards is dropped when ours said it, else it gets our tags and our fingerprint.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import sentry_sdk
from sentry_sdk.integrations import Integration
from sentry_sdk.integrations.logging import ignore_logger
from sentry_sdk.scope import add_global_event_processor
from sentry_sdk.utils import current_stacktrace, event_from_exception

from diag_rules.deletion import Verdict, rule_of
from diag_rules.errors import Category

from ._bucket import Buckets
from ._incident import Incident
from ._scrub import chain, is_database_error, scrub_event, secrets_of
from ._sent import note_event_id

if TYPE_CHECKING:
    from sentry_sdk._types import LogLevelStr
    from sentry_sdk.types import Event, Hint

MAX_TAG = 200
MAX_BLOCKERS = 20
CONTEXT = "diag"
DELETION = "deletion"
LEVELS: dict[Category, LogLevelStr] = {
    Category.OUTAGE: "error",
    Category.CONTENTION: "warning",
    Category.BUSINESS_RULE: "info",
    Category.DEFECT: "error",
    Category.UNKNOWN: "error",
}
LIMITED = frozenset((Category.OUTAGE, Category.CONTENTION))
_OURS = "flask_diag"  # the key in an event's hint that says we made it
_MARK = "_diag_sentry"  # the attribute of an exception that says what we decided


@dataclass(frozen=True, slots=True)
class Mark:
    """What was decided about an exception: its tags, its fingerprint, and whether the SDK may send it too."""

    tags: dict[str, str]
    fingerprint: list[str]
    told: str
    limited: bool
    decided: bool


class SentryExporter:
    """Tags the scope and sends events. An `Exporter` with ``judged`` and ``request_finished``.

    Attributes:
        held_back: events that the token buckets kept.
        counted_by: told the category of each of them.
    """

    name = "sentry"

    def __init__(self, buckets: Buckets, business_sample_rate: float) -> None:
        self._buckets = buckets
        self._business = business_sample_rate
        self._lock = Lock()
        self.held_back = 0
        self.counted_by: Callable[[str], None] | None = None

    def __call__(self, incident: Incident) -> None:
        """Tag the request's scope, and send an event where the incident's category asks for one."""
        if not sentry_sdk.get_client().is_active():
            return
        tags, prints = tags_of(incident), fingerprint(incident)
        category = incident.classification.category
        wanted = category is not Category.BUSINESS_RULE or random.random() < self._business  # noqa: S311 sampling
        limited = category in LIMITED
        _mark(incident.error, Mark(tags, prints, told(incident), limited, decided=wanted))
        if incident.endpoint is not None:
            _tag_scope(tags)
        if not wanted:
            return
        if limited and not self._buckets.take(tuple(prints)):
            self._hold_back(category)
            return
        event, hint = _event_of(incident)
        event["level"], event["fingerprint"], event["tags"] = LEVELS[category], prints, {**tags}
        event["contexts"] = {CONTEXT: context_of(incident)}
        if category is Category.BUSINESS_RULE and incident.deletion_of and incident.endpoint is not None:
            event["event_id"] = uuid4().hex
            note_event_id(incident.error, event["event_id"])
            _send_waiting()
            _waiting.set((event, hint))  # until the answer knows what blocks the deletion
            return
        note_event_id(incident.error, sentry_sdk.capture_event(event, hint=hint))

    def judged(self, verdict: Verdict) -> None:
        """Add what blocks the deletion to the events of this request, the one that waits for it included."""
        if not sentry_sdk.get_client().is_active():
            return
        shown = verdict_context(verdict)
        scope = sentry_sdk.get_isolation_scope()
        scope.set_context(DELETION, shown)
        _tagged.set((*_tagged.get(), (scope, ())))
        waiting = _waiting.get()
        if waiting is not None:
            waiting[0].setdefault("contexts", {})[DELETION] = shown
            _send_waiting()

    def _hold_back(self, category: Category) -> None:
        with self._lock:
            self.held_back += 1
        if self.counted_by is not None:
            self.counted_by(str(category))

    def request_finished(self) -> None:
        """Take tags and contexts off the scope: without a scope for each request they would reach the next one."""
        _send_waiting()
        tagged = _tagged.get()
        if not tagged:
            return
        for scope, keys in tagged:
            scope.remove_context(DELETION)
            for key in keys:
                scope.remove_tag(key)
        _tagged.set(())


def sentry(
    *, burst: int = 1, per_hour: float = 6, business_sample_rate: float = 0.0, buckets: Buckets | None = None
) -> SentryExporter:
    """Return an exporter to the Sentry SDK, which may be initialised before, later or never.

    Args:
        burst: outages (or contentions) of one fingerprint that may follow at once.
        per_hour: how many an hour after that.
        business_sample_rate: share of broken business rules that become an event, 0 to 1.
        buckets: the token buckets themselves, for a clock of one's own.
    """
    if not 0 <= business_sample_rate <= 1:
        raise ValueError(
            f"business_sample_rate={business_sample_rate} is no share: give a number from 0 to 1."
        )
    _install()
    return SentryExporter(buckets or Buckets(burst, per_hour), business_sample_rate)


def tags_of(incident: Incident) -> dict[str, str]:
    """Return the tags: keys of at most 32 characters, values of 1 to 200, on one line."""
    found = incident.classification
    tags = {
        "db.category": found.category,
        "db.kind": found.kind,
        "db.system": found.dialect,
        "db.code": found.sqlstate or found.vendor_code,
        "db.constraint": found.constraint,
        "db.table": found.table,
        "diag.bind": incident.bind,
        "diag.subject": incident.subject,
        "diag.subject_key": incident.subject_key,
        "diag.deletion_of": incident.deletion_of,
        "diag.request_id": incident.request_id,
        "diag.outage": incident.outage_id,
    }
    return {key: text for key, value in tags.items() if value is not None and (text := _tag(value))}


def context_of(incident: Incident) -> dict[str, Any]:
    """Return what an event says of its incident beyond the tags: names and codes, never values."""
    found = incident.classification
    return {
        "type": CONTEXT,
        "category": str(found.category),
        "kind": str(found.kind),
        "retry": str(found.retry),
        "evidence": found.evidence,
        "columns": ", ".join(found.columns) or None,
        "endpoint": incident.endpoint,
        "outage": incident.outage_id,
    }


def verdict_context(verdict: Verdict) -> dict[str, Any]:
    """Return what blocks a deletion, as the person was told."""
    return {
        "type": DELETION,
        "subject": verdict.subject,
        "how": str(verdict.how),
        "outcome": str(verdict.outcome),
        "blockers": [
            {"rule": rule_of(one), "relation": one.relation, "count": one.count, "hint": one.hint}
            for one in verdict.blockers[:MAX_BLOCKERS]
        ],
        "uncertain_because": list(verdict.uncertain_because),
    }


def fingerprint(incident: Incident) -> list[str]:
    """Return what groups events: database, category, kind, and the constraint or the endpoint.

    An outage has no fourth part: it breaks every endpoint and is one issue.
    """
    found = incident.classification
    parts = ["db", str(found.category), str(found.kind)]
    if found.category is Category.OUTAGE:
        return parts
    named = found.constraint or ".".join(filter(None, (found.table, ",".join(found.columns))))
    return [*parts, _tag(named or incident.endpoint or "outside-requests")]


def told(incident: Incident) -> str:
    """Return what stands for the exception's own text, which may quote rows: the kind, the code, the place."""
    found = incident.classification
    code = found.sqlstate or found.vendor_code
    place = found.constraint or ".".join(filter(None, (found.table, ",".join(found.columns))))
    words = [str(found.kind), f"({code})" if code is not None else "", f"on {place}" if place else ""]
    return _tag(" ".join(filter(None, words)))


def _tag(value: object) -> str:
    """Return a name or a code as Sentry takes it: at most 200 characters, on one line."""
    text = str(value)[:MAX_TAG].strip()
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    return text


_tagged: ContextVar[tuple[tuple[sentry_sdk.Scope, tuple[str, ...]], ...]] = ContextVar(
    "diag_tagged", default=()
)


_waiting: ContextVar[tuple[Event, Hint] | None] = ContextVar("diag_waiting", default=None)


def _send_waiting() -> None:
    waiting = _waiting.get()
    if waiting is not None:
        _waiting.set(None)
        sentry_sdk.capture_event(waiting[0], hint=waiting[1])


def _tag_scope(tags: dict[str, str]) -> None:
    """Tag the request's scope and its transaction; a second incident's tags replace the first's."""
    scope = sentry_sdk.get_isolation_scope()
    for tagged, keys in _tagged.get():
        for key in keys:
            tagged.remove_tag(key)
    for key, value in tags.items():
        scope.set_tag(key, value)
    _tagged.set(((scope, tuple(tags)),))
    transaction = sentry_sdk.get_current_scope().transaction
    if transaction is not None:
        for key in ("db.category", "db.kind"):
            transaction.set_tag(key, tags[key])


def _event_of(incident: Incident) -> tuple[Event, Hint]:
    """Build the event from the exception and from the stack we stand on: it is not raised yet, so it has none."""
    if incident.error is None:
        return {"logentry": {"message": told(incident)}, "logger": "flask_diag"}, {_OURS: True}
    options = {**sentry_sdk.get_client().options, "include_local_variables": False, "add_full_stack": False}
    mechanism = {"type": "flask_diag", "handled": True}
    event, hint = event_from_exception(incident.error, client_options=options, mechanism=mechanism)
    frames = current_stacktrace(include_local_variables=False)["frames"]
    values = event["exception"]["values"]
    values[-1]["stacktrace"] = {"frames": _without_ours(frames)}
    return event, {**hint, _OURS: True}


def _without_ours(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop the frames at the end that are our own: what failed stands above them."""
    last = len(frames)
    while last > 1 and str(frames[last - 1].get("module")).partition(".")[0] in (
        "diag_exporters",
        "flask_diag",
    ):
        last -= 1
    return frames[:last]


def _mark(error: BaseException | None, mark: Mark) -> None:
    if error is not None:
        try:
            setattr(error, _MARK, mark)
        except AttributeError:  # an exception class without a __dict__: the SDK's own event stays unmarked
            return


_install_lock = Lock()
_installed: list[bool] = []


class DiagIntegration(Integration):
    """For the list ``sentry_sdk.init(integrations=[...])``: events are scrubbed from the first one on.

    `Diagnostics` installs the same by itself when it is set up; installed twice, it works once.
    """

    identifier = "flask_diag"

    @staticmethod
    def setup_once() -> None:
        """Scrub every event of this process."""
        _install()


def _install() -> None:
    """Once a process: scrub every event, and keep our own log lines from becoming events."""
    with _install_lock:
        if not _installed:
            _installed.append(True)
            add_global_event_processor(_process)
            for name in ("flask_diag", "flask_diag.incident"):
                ignore_logger(name)


def _process(event: Event, hint: Hint) -> Event | None:
    """Scrub *event*; drop it where ours has said the same. Never raises: a failure leaves the bare event."""
    raw = cast("dict[str, Any]", event)
    try:
        return cast("Event | None", _processed(raw, hint or {}))
    except Exception:  # noqa: BLE001 rather an event without details than one with somebody's data
        for key in ("exception", "breadcrumbs", "extra", "threads", "spans", "logentry", "message"):
            raw.pop(key, None)
        return event


def _processed(event: dict[str, Any], hint: dict[str, Any]) -> dict[str, Any] | None:
    error = (hint.get("exc_info") or (None, None, None))[1]
    mark, own = _mark_of(error)
    if _OURS not in hint and mark is not None:
        if mark.decided and (own or mark.limited):
            return None
        event["tags"] = {**(event.get("tags") or {}), **mark.tags}
        event["fingerprint"] = mark.fingerprint
    if _OURS not in hint and mark is None and _is_pool_noise(event):
        return None
    return scrub_event(
        event, secrets_of(error), database=is_database_error(error), told=mark.told if mark else None
    )


def _mark_of(error: BaseException | None) -> tuple[Mark | None, bool]:
    """Return the mark of *error* or of what it wraps, and whether it is of *error* itself.

    What *error* only followed (``__context__``) does not count: a bug in an except block is a bug of its own.
    """
    for link in chain(error, contexts=False):
        mark = getattr(link, _MARK, None)
        if isinstance(mark, Mark):
            return mark, link is error
    return None, False


def _is_pool_noise(event: dict[str, Any]) -> bool:
    """Tell the pool's own log of a connection that it could not reset: the loss itself is an incident already."""
    return str(event.get("logger") or "").startswith("sqlalchemy.pool")
