"""The mark of this answer's own script: a page that somebody slipped another script into does not run that."""

from __future__ import annotations

import secrets

from flask import g

_NAME = "_flask_diag_nonce"


def nonce() -> str:
    """Return the current answer's mark: 128 random bits, the same each time within one answer."""
    found: str | None = g.get(_NAME)
    if found is None:
        found = secrets.token_urlsafe(16)
        setattr(g, _NAME, found)
    return found


def given() -> str | None:
    """Return the mark that the current answer's page carries, or None: no page was drawn, and no script may run."""
    found: str | None = g.get(_NAME)
    return found
