"""What only one process may do at a time, told by a row with a time limit."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from ._tables import lease


def take(connection: Connection, name: str, holder: str, now: datetime, seconds: float) -> bool:
    """Take the lease *name* for *holder*, or keep it; False while another holds it.

    The one who takes it waits for others who try at the same time. No row is updated that is not there: InnoDB would lock
    the gap, which lets several in, and tell all but one of them of a deadlock.
    """
    until = now + timedelta(seconds=seconds)
    if held_until(connection, name) is not None:
        free = or_(lease.c.until <= now, lease.c.holder == holder)
        taken = update(lease).where(lease.c.name == name, free).values(holder=holder, until=until)
        return connection.execute(taken).rowcount == 1
    try:
        with connection.begin_nested():
            connection.execute(insert(lease).values(name=name, holder=holder, until=until))
    except IntegrityError:  # another was first
        return False
    return True


def held_until(connection: Connection, name: str) -> datetime | None:
    """Return when the lease *name* runs out, or None where nobody has it."""
    found: datetime | None = connection.execute(select(lease.c.until).where(lease.c.name == name)).scalar()
    return found


def give_back(connection: Connection, name: str, holder: str) -> None:
    """Give the lease back; nothing happens where it is another's by now."""
    connection.execute(delete(lease).where(lease.c.name == name, lease.c.holder == holder))
