"""Column types that three databases keep alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BINARY, BigInteger, Dialect, Integer, LargeBinary, String, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Return *moment*, which must be aware, as microseconds since 1970 in UTC."""
    return (moment - EPOCH) // _MICROSECOND


def moment(number: int) -> datetime:
    """Undo `microseconds`."""
    return EPOCH + number * _MICROSECOND


class Instant(TypeDecorator[datetime]):
    """An aware moment as a whole number of microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 SQLAlchemy's signature
        """Return what the database keeps."""
        return None if value is None else microseconds(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 SQLAlchemy's signature
        """Return what was kept."""
        return None if value is None else moment(int(value))


def words(length: int) -> TypeEngine[str]:
    """Return text of at most *length* characters that compares letter by letter, in any case and script."""
    exact = String(length, "utf8mb4_bin")  # the collation brings its character set, whatever the server's is
    return (
        String(length).with_variant(exact, "mysql", "mariadb").with_variant(String(length, "C"), "postgresql")
    )


def long_text() -> TypeEngine[str]:
    """Return text without a limit worth speaking of."""
    return Text().with_variant(Text(16_000_000), "mysql", "mariadb")


def digest() -> TypeEngine[bytes]:
    """Return 16 bytes that can be part of a key."""
    return LargeBinary(16).with_variant(BINARY(16), "mysql", "mariadb")


def number() -> TypeEngine[int]:
    """Return a number that the database gives out by itself as a primary key."""
    return BigInteger().with_variant(Integer(), "sqlite")
