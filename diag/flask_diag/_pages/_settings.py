"""The settings in force."""

from __future__ import annotations

from flask import Response

from flask_diag._in_force import in_force
from flask_diag._state import state

from ._render import page


def settings() -> Response:
    """Show every setting, where it is from, and no secret. Asks no database."""
    found = in_force(state())
    config = tuple(one for one in found if one.name.startswith("DIAG_"))
    return page("settings.html", config=config, arguments=found[len(config) :])
