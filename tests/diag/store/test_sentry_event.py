"""The way from a project's history to the very event in Sentry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from diag.store._incidents import OUT, met
from diag_exporters import publish
from diag_exporters.sentry import sentry
from flask_diag.store import Store


class Kept(Transport):
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[Any] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        """Keep an event's id."""
        self.ids += [event["event_id"] for event in (envelope.get_event(),) if event is not None]


@pytest.fixture
def sent() -> Iterator[list[Any]]:
    """The ids of the events that Sentry got."""
    transport = Kept()
    sentry_sdk.init(dsn="http://key@127.0.0.1:9/1", transport=transport, default_integrations=False)
    yield transport.ids
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


def test_an_incident_that_sentry_got_is_kept_with_its_event(tmp_path: Path, sent: list[Any]) -> None:
    """One that the token bucket held back keeps the event that stands for it."""
    store = Store(f"sqlite:///{tmp_path / 'store.sqlite'}", "shop", interval=0.0, drain=0)
    exporters = (sentry(burst=1), store.intake)

    for _ in range(2):
        publish(met(OUT, error=OSError("gone")), exporters)

    store.flush()
    (found,) = store.incidents().items
    assert len(sent) == 1
    assert (found.count, found.sentry_event_id) == (2, sent[0])
    store.close()
