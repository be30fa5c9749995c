"""What one application keeps under ``app.extensions["diag"]``."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from flask import Flask, current_app
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection, Engine

from diag_exporters import Exporter, Incident
from diag_exporters._bucket import Buckets
from diag_exporters._metrics import Metrics
from diag_rules.deletion import DeletionPolicy, DeletionRules, Finding
from diag_rules.errors import Category

from ._config import Settings
from ._engines import DEFAULT_BIND
from ._outage import Outage
from ._own_words import OwnWords
from ._probe import Prober
from ._subject import Subject
from ._tally import Tally
from ._tokens import Token
from ._trail import Trail, to_log
from .store import Store

MAX_RECENT = 50
EXTENSION = "diag"
NO_SUBJECT = "Diagnostics was given no subject: pass subject=Project, the class whose deletions it judges."
Authorize = Callable[[str], Any]
Resolver = Callable[[], Any]
Login = Callable[[Callable[[], Any]], Callable[[], Any]]
Actor = Callable[[], Any]


@dataclass(slots=True, eq=False, weakref_slot=True)
class State:
    """The diagnostics of one application.

    Attributes:
        app: its name.
        engines: by bind.
        outages: by bind.
        subject: what is under diagnosis, or None.
        authorize: says who may enter, or None.
        tokens: the bearer tokens that may enter.
        login: the host's login decorator, or None. Without any of the three everything is closed.
        actor: says what the audit trail calls the current visitor, or None.
        trail: who is told of look-ups and actions.
        searches: how many more searches each visitor may make, or None for no limit.
        words: the application's own messages for its constraints, or None.
        resolvers: functions that say the current request's subject key, or None; asked in order.
        registry: what ``/metrics`` shows.
        metrics: what is counted apart from incidents, or None where no exporter is for Prometheus.
        prober: asks the databases whether they answer.
        findings: what the audit of the models found, once it was asked for.
        recent: the last incidents of this process, without their exceptions, the oldest first.
        totals: incidents of this process since it started.
        store: where incidents and scans are kept, or None.
        tally: what all replicas met lately; None without a store.
        given: the arguments that the application gave to `Diagnostics`.
    """

    app: str
    settings: Settings
    engines: dict[str, Engine]
    exporters: tuple[Exporter, ...]
    registry: CollectorRegistry
    subject: Subject | None = None
    policy: DeletionPolicy | None = None
    authorize: Authorize | None = None
    tokens: tuple[Token, ...] = ()
    login: Login | None = None
    actor: Actor | None = None
    trail: list[Trail] = field(default_factory=lambda: [to_log])
    searches: Buckets | None = None
    words: OwnWords | None = None
    resolvers: list[Resolver] = field(default_factory=list)
    outages: dict[str, Outage] = field(default_factory=dict)
    recent: deque[Incident] = field(default_factory=lambda: deque(maxlen=MAX_RECENT))
    totals: Counter[Category] = field(default_factory=Counter)
    metrics: Metrics | None = None
    prober: Prober = field(init=False)
    store: Store | None = None
    tally: Tally | None = field(init=False, default=None)
    given: frozenset[str] = frozenset()
    findings: tuple[Finding, ...] | None = None
    _rules: DeletionRules | None = None
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.outages = {bind: Outage() for bind in self.engines}
        if self.settings.search_limit is not None:
            self.searches = Buckets(self.settings.search_limit, self.settings.search_limit * 60)
        self.prober = Prober(self)
        if self.store is not None:
            self.tally = Tally(self.store)

    @property
    def rules(self) -> DeletionRules | None:
        """The rules of the subject, built at their first use; None without a subject."""
        if self._rules is None and self.subject is not None:
            with self._lock:
                if self._rules is None:
                    self._rules = DeletionRules(self.subject.cls, policy=self.policy)
        return self._rules

    @property
    def out(self) -> bool:
        """True while any database is out."""
        return any(outage.active for outage in self.outages.values())

    def has_engine(self, bind: Engine | Connection) -> bool:
        """Tell whether *bind* is one of ours; an engine with execution options shares its dialect."""
        dialect = bind.dialect
        return any(engine.dialect is dialect for engine in self.engines.values())

    def engine(self) -> Engine:
        """Return the engine that holds the subject: by its bind key, else the default one, else the first."""
        table = self.subject.table if self.subject is not None else None
        key = (
            (table.info.get("bind_key") or table.metadata.info.get("bind_key")) if table is not None else None
        )
        for bind in (key, DEFAULT_BIND):
            if bind in self.engines:
                return self.engines[bind]
        return next(iter(self.engines.values()))


def subject_in(state: State) -> Subject:
    """Return the subject. Raises RuntimeError where the application named none."""
    if state.subject is None:
        raise RuntimeError(NO_SUBJECT)
    return state.subject


def rules_in(state: State) -> DeletionRules:
    """Return the rules of the subject. Raises RuntimeError where the application named none."""
    if state.rules is None:
        raise RuntimeError(NO_SUBJECT)
    return state.rules


def state_of(app: Flask) -> State | None:
    """Return the diagnostics of *app*, or None where it has none."""
    found: State | None = app.extensions.get(EXTENSION)
    return found


def state() -> State:
    """Return the current application's diagnostics.

    Raises:
        RuntimeError: it has none.
    """
    found = state_of(current_app)
    if found is None:
        raise RuntimeError(
            f"The app {current_app.name!r} has no diagnostics: call Diagnostics(app, db) or diag.init_app(app)."
        )
    return found
