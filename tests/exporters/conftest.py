"""A Sentry SDK whose events stay in a list."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport


class Kept(Transport):
    """Keeps what would be sent."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        super().__init__({"dsn": "https://key@sentry.invalid/1"})
        self.events = events

    def capture_envelope(self, envelope: Envelope) -> None:
        """Keep the events and transactions of *envelope*."""
        for item in envelope.items:
            if item.type in ("event", "transaction"):
                self.events.append(item.payload.json)  # type: ignore[arg-type] # both kinds have a JSON payload


@pytest.fixture
def start_sentry() -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Start the SDK with the options given; return the list that its events go to."""
    known = sentry_sdk.get_global_scope().client

    def start(**options: Any) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # send_default_pii, which people still set
            sentry_sdk.init(dsn="https://key@sentry.invalid/1", transport=Kept(events), **options)
        return events

    with sentry_sdk.isolation_scope():
        yield start
    sentry_sdk.get_global_scope().set_client(known)
