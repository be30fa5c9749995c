"""What the store raises, to whoever asks it; never into a request of the application."""

from __future__ import annotations

from datetime import datetime


class StoreError(Exception):
    """The store can't do what it was asked."""


class StoreOff(StoreError):
    """The application has no store (``DIAG_STORE_URL`` is None)."""


class StoreUnavailable(StoreError):
    """The store does not answer now: it is down, locked, full or unreadable."""


class StoreSchemaError(StoreError):
    """The store's schema is not the one that this version writes."""


class ScanRunning(StoreError):
    """Another scan of the same subject is running.

    Attributes:
        scan: its id.
        started: when it began.
        until: when it may be overtaken, unless it goes on.
    """

    def __init__(self, scan: int, started: datetime, until: datetime) -> None:
        super().__init__(
            f"Scan {scan} is running since {started:%Y-%m-%d %H:%M:%S} UTC: wait for it, or until {until:%H:%M:%S} UTC, "
            "when it may be overtaken if it has stopped."
        )
        self.scan, self.started, self.until = scan, started, until


class ScanOvertaken(StoreError):
    """The scan is over, or another has taken its place: its late results are not kept."""


class ScanIncomplete(StoreError):
    """Shards of the scan are missing.

    Attributes:
        missing: their numbers.
    """

    def __init__(self, scan: int, missing: tuple[int, ...]) -> None:
        super().__init__(
            f"Scan {scan} has no result of the shards {', '.join(map(str, missing))}: do them, or fail the scan."
        )
        self.missing = missing
