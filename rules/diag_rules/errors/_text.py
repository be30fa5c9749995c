"""The last resort: what a driver's text or class says, family by family."""

from __future__ import annotations

from ._reading import Reading
from ._row import Row


def judge(reading: Reading) -> tuple[Row, str] | None:
    """Return the row and the evidence of a *reading* without a code, or None."""
    if reading.row is not None:
        return reading.row, reading.why
    if reading.family == "postgresql":
        from ._postgresql_text import judge as judge_family
    elif reading.family == "sqlite":
        from ._sqlite_text import judge as judge_family
    elif reading.family in {"mysql", "mariadb"}:
        from ._mysql_text import judge as judge_family
    else:
        from ._other_text import judge as judge_family
    return judge_family(reading)
