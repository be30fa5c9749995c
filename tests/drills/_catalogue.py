"""The drills: what goes wrong, what it has to be called, what people see and who is woken. One entry a drill."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sqlalchemy import NullPool

from diag_rules.errors import Category, Kind
from drills import _faults as faults
from drills import _grounds as grounds
from drills import _works as works
from drills._hosts import Work, insert, read, write

BOTH = ("postgresql", "mariadb")
POSTGRESQL = ("postgresql",)
OUTAGE, BURN, READ_ONLY = {"DiagDatabaseOutage"}, {"DiagErrorBudgetBurn"}, {"DiagDatabaseReadOnly"}
STATUS = {
    Category.OUTAGE: 503,
    Category.CONTENTION: 503,
    Category.BUSINESS_RULE: 409,
    Category.DEFECT: 500,
    Category.UNKNOWN: 500,
}
GONE = frozenset(
    (
        Kind.ADMIN_SHUTDOWN,
        Kind.CRASH_SHUTDOWN,
        Kind.CONNECTION_FAILURE,
        Kind.CONNECTION_DOES_NOT_EXIST,
        Kind.CONNECTION_REFUSED,
        Kind.CANNOT_CONNECT_NOW,
        Kind.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION,
    )
)
NO_POOL = MappingProxyType({"poolclass": NullPool})
DEFAULT: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {  # PyMySQL reads all certificates of the machine for each connection: 40 ms of work that is not what is looked at
        "postgresql": {},
        "mysql": {"ssl_disabled": True},
    }
)
HASTY: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {  # seconds, and milliseconds; what each driver has against silence
        "postgresql": {"connect_timeout": 2, "tcp_user_timeout": 1000},
        "mysql": {"connect_timeout": 2, "read_timeout": 2, "write_timeout": 2},
    }
)


@dataclass(frozen=True, kw_only=True)
class Drill:
    """One drill.

    Attributes:
        fault: what goes wrong.
        kinds: what it may be called, all of `category`.
        pages: the alerts that page when it goes on for five minutes and every request fails.
        on: the servers that it is held on.
        quick: it is part of ``make test``.
        patient: each request takes seconds; few are sent, to all four applications at once.
        fails: every request fails while it lasts.
        lasts: an outage that the next connection does not end.
        options: of the applications' engines.
        hasty: the driver gives up a silent server.
    """

    name: str
    fault: faults.Fault
    category: Category
    kinds: frozenset[Kind]
    pages: set[str]
    work: Work = read
    ground: grounds.Ground = grounds.plain
    on: tuple[str, ...] = BOTH
    quick: bool = False
    patient: bool = False
    fails: bool = True
    lasts: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    hasty: bool = False

    def engine_options(self, dialect: str) -> dict[str, Any]:
        """Return the options of the applications' engines."""
        hasty = HASTY[dialect] if self.hasty else {}
        return {**self.options, "connect_args": {**DEFAULT[dialect], **hasty}}

    @property
    def well(self) -> Work:
        """What succeeds before the fault and after it."""
        return read if self.fault is faults.none else self.work

    @property
    def status(self) -> int:
        """What people see."""
        return STATUS[self.category]


def outage(name: str, fault: faults.Fault, *kinds: Kind, **more: Any) -> Drill:
    """Return a drill in which the database serves nobody."""
    found = frozenset(kinds) or GONE
    return Drill(
        **{"name": name, "fault": fault, "category": Category.OUTAGE, "kinds": found, "pages": OUTAGE, **more}
    )


def met(name: str, work: Callable[..., object], category: Category, *kinds: Kind, **more: Any) -> Drill:
    """Return a drill in which what the application asks for fails."""
    kind = frozenset(kinds)
    pages = set() if category is Category.BUSINESS_RULE else BURN
    return Drill(
        **{
            "name": name,
            "fault": faults.none,
            "work": work,
            "category": category,
            "kinds": kind,
            "pages": pages,
            **more,
        }
    )


DRILLS = (
    outage("stopped", faults.stopped),
    outage("killed with -9", faults.killed, quick=True),
    outage("hung (SIGSTOP)", faults.hung, Kind.CONNECT_TIMEOUT, Kind.NETWORK_UNREACHABLE, *GONE, patient=True, hasty=True, options=NO_POOL),
    outage(
        "network: no carrier", faults.unplugged, Kind.CONNECT_TIMEOUT, Kind.NETWORK_UNREACHABLE, *GONE,
        ground=grounds.network, patient=True, hasty=True,
    ),
    outage(
        "network: packets vanish", faults.vanishing, Kind.CONNECT_TIMEOUT, Kind.NETWORK_UNREACHABLE, *GONE,
        ground=grounds.network, patient=True, hasty=True,
    ),
    outage("network: 64 kbit/s", faults.crawling, ground=grounds.network, fails=False, pages=set()),
    outage("name does not resolve", faults.nameless, Kind.HOST_UNKNOWN, options=NO_POOL, quick=True),
    outage("too many connections", faults.crowded, Kind.TOO_MANY_CONNECTIONS, options=NO_POOL, quick=True),
    outage(
        "pool exhausted", faults.exhausted, Kind.POOL_TIMEOUT,
        options={"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.05}, quick=True,
    ),
    outage("disk full", faults.full, Kind.DISK_FULL, work=insert),
    outage("read-only", faults.read_only, Kind.READ_ONLY_SQL_TRANSACTION, work=write, pages=READ_ONLY, quick=True),
    outage(
        "failed over, not promoted", faults.failed_over, Kind.READ_ONLY_SQL_TRANSACTION, *GONE,
        work=write, ground=grounds.standby, on=POSTGRESQL, pages=READ_ONLY,
    ),
    outage(
        "password changed", faults.locked_out, Kind.INVALID_PASSWORD, Kind.INVALID_AUTHORIZATION_SPECIFICATION,
        options=NO_POOL, quick=True,
    ),
    outage("pgbouncer killed", faults.bouncer_killed, ground=grounds.bouncer, on=POSTGRESQL),
    outage(
        "server behind pgbouncer killed", faults.killed, Kind.PROTOCOL_VIOLATION, *GONE,
        ground=grounds.bouncer, on=POSTGRESQL, patient=True,
    ),
    met("lock time-out", works.impatient_write, Category.CONTENTION, Kind.LOCK_NOT_AVAILABLE, fault=faults.row_held, quick=True),
    met("statement time-out", works.long_read, Category.CONTENTION, Kind.QUERY_CANCELED, quick=True),
    met("COMMIT: write skew", works.write_skew, Category.CONTENTION, Kind.SERIALIZATION_FAILURE, on=POSTGRESQL, quick=True),
    met("COMMIT: deferred rule", works.broken_promise, Category.BUSINESS_RULE, Kind.FOREIGN_KEY_VIOLATION,
        on=POSTGRESQL, quick=True),
    met("COMMIT: connection lost", works.lost_before_commit, Category.OUTAGE, *GONE, lasts=False, quick=True),
    met("codes nobody knows", works.garbage, Category.UNKNOWN, Kind.UNRECOGNISED, on=("mariadb",), quick=True),
    met("codes nobody knows, by RAISE", works.garbage, Category.BUSINESS_RULE, Kind.RAISE_EXCEPTION,
        on=POSTGRESQL, quick=True),
)  # fmt: skip
