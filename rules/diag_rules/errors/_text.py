"""The last resort: what a driver's text or class says, family by family."""

from __future__ import annotations

from ._kinds import Kind
from ._reading import Reading
from ._row import Row, row


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
    return judge_family(reading) or _by_class(reading)


_CLASSES = {
    # without a code no server has answered: what is left is the driver refusing a call or a value
    "ProgrammingError": Kind.DRIVER_MISUSE,
    "InterfaceError": Kind.DRIVER_MISUSE,
    "NotSupportedError": Kind.FEATURE_NOT_SUPPORTED,
    "InternalClientError": Kind.INTERNAL_ERROR,
    "ClientConfigurationError": Kind.DRIVER_MISUSE,
    "UnsupportedClientFeatureError": Kind.FEATURE_NOT_SUPPORTED,
    "DataError": Kind.DATA_EXCEPTION,
    "IntegrityError": Kind.INTEGRITY_CONSTRAINT_VIOLATION,
}


def _by_class(reading: Reading) -> tuple[Row, str] | None:
    """Return what the class of DBAPI alone says; OperationalError of SQLite, which covers all, says nothing."""
    kind = _CLASSES.get(reading.name)
    if reading.family == "sqlite" and reading.name == "IntegrityError":
        kind = Kind.RAISE_EXCEPTION  # SQLite's own texts are known: this one is of a trigger
    if kind is None and reading.name == "OperationalError" and reading.family != "sqlite":
        kind = Kind.CONNECTION_FAILURE
    return (row("", kind, weak=True), f"class {reading.name} without a code") if kind is not None else None
