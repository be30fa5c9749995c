"""Who does which part of a scan: for many workers, any of which may be killed."""

from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy import Connection, delete, select

from ._lease import give_back, held_until, take
from ._scan_read import done
from ._tables import lease, scan
from ._values import ScanRun


def running(connection: Connection, app: str, subject: str, how: str, now: datetime) -> ScanRun | None:
    """Return the scan that goes on, or None."""
    mine = (scan.c.app == app, scan.c.subject == subject, scan.c.how == how, scan.c.state == "running")
    found = connection.execute(select(scan).where(*mine)).first()
    until = held_until(connection, lease_name(app, subject, how))
    if found is None or until is None or until <= now:
        return None
    return ScanRun(
        id=found.id,
        subject=found.subject,
        how=found.how,
        owner=found.owner,
        shards=found.shards,
        started=found.started,
        parts=tuple((after, until) for after, until in json.loads(found.parts)),
    )


def claim(  # noqa: PLR0913, PLR0917 what a claim is
    connection: Connection, run: ScanRun, shard: int, holder: str, now: datetime, seconds: float
) -> bool:
    """Take a shard for *holder*, or keep it; False where it is done, or another's."""
    return shard not in done(connection, run.id) and take(
        connection, _claim_name(run, shard), holder, now, seconds
    )


def disclaim(connection: Connection, run: ScanRun, shard: int, holder: str) -> None:
    """Give a shard back; nothing happens where it is another's by now."""
    give_back(connection, _claim_name(run, shard), holder)


def waiting(connection: Connection, run: ScanRun, now: datetime) -> tuple[int, ...]:
    """Return the shards that are neither done nor anybody's."""
    names = {_claim_name(run, shard): shard for shard in range(run.shards)}
    held = select(lease.c.name).where(lease.c.name.in_(names), lease.c.until > now)
    busy = {names[name] for name in connection.execute(held).scalars()} | set(done(connection, run.id))
    return tuple(shard for shard in range(run.shards) if shard not in busy)


def forget_claims(connection: Connection, run: ScanRun) -> None:
    """Delete the claims of a scan that is over."""
    names = [_claim_name(run, shard) for shard in range(run.shards)]
    connection.execute(delete(lease).where(lease.c.name.in_(names)))


def lease_name(app: str, subject: str, how: str) -> str:
    """Return the name of what only one scan may hold."""
    return f"scan:{how}:{subject[:90]}:{app[:90]}"


def _claim_name(run: ScanRun, shard: int) -> str:
    return f"shard:{run.id}:{shard}"
