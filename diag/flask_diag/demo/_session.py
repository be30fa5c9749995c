"""The demo's state, and one database session a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import current_app, g
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from ._app import Demo


def the_demo() -> Demo:
    """Return the current application's state."""
    demo: Demo = current_app.extensions["demo"]
    return demo


def the_session() -> Session:
    """Return the request's session, opened at the first call and closed when the request ends."""
    if "session" not in g:
        g.session = the_demo().sessions()
    session: Session = g.session
    return session
