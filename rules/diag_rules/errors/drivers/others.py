"""psycopg_pool and ibm_db_dbi."""

from __future__ import annotations

import re
from functools import lru_cache

from diag_rules.errors._kinds import Kind
from diag_rules.errors._reading import Reading, first_argument, sqlstate_of, text
from diag_rules.errors._row import row

_POOL = {
    "PoolTimeout": Kind.POOL_TIMEOUT,
    "TooManyRequests": Kind.POOL_TIMEOUT,
    "PoolClosed": Kind.DRIVER_MISUSE,
}


def read_pool(error: BaseException, driver: str) -> Reading | None:
    """Read psycopg_pool's exceptions, which say everything by their class."""
    name = type(error).__name__
    kind = _POOL.get(name)
    if kind is None:
        return None
    reading = Reading(driver, "postgresql", name=name)
    reading.row, reading.why = row("", kind), f"class psycopg_pool.{name}"
    return reading


@lru_cache(maxsize=1)
def _sqlcode() -> re.Pattern[str]:
    return re.compile(r"SQLSTATE=(?P<state>\w{5})\s+SQLCODE=(?P<code>-?\d+)\s*$")


@lru_cache(maxsize=1)
def _sqlcode_in_front() -> re.Pattern[str]:
    # [IBM][CLI Driver][DB2/LINUXX8664] SQL0803N  One or more values ...
    return re.compile(r"(?:[\w:]+: )?(?:[^\[\]]*)?(?:\[[^\]]*\]\s*)+SQL(?P<code>\d{4,5})[NCW]")


def read_db2(error: BaseException, driver: str) -> Reading:
    """Read ``SQLSTATE=... SQLCODE=...`` from the end of the text, or the message number from its start."""
    message = text(first_argument(error))
    state, code = None, None
    found = _sqlcode().search(message)
    if found:
        state, code = sqlstate_of(found["state"]), int(found["code"])
    else:
        found = _sqlcode_in_front().match(message)
        code = -int(found["code"]) if found else None
    reading = Reading(driver, "db2", state, code, message, type(error).__name__)
    if code in {-530, -531, -532, -545}:
        _add_constraint(reading)
    return reading


def _add_constraint(reading: Reading) -> None:
    """Read ``"SCHEMA.TABLE.CONSTRAINT"``, the first thing that is quoted."""
    quoted = reading.message.split('"')[1:2]
    parts = quoted[0].split(".") if quoted else []
    if len(parts) > 1:
        reading.constraint, reading.table = parts[-1].strip(), parts[-2].strip()
