"""Pages for people, JSON for programs."""

from __future__ import annotations

from flask import request


def wants_page() -> bool:
    """Whether the client would rather have HTML; curl's ``*/*`` would not."""
    accepted = request.accept_mimetypes
    return accepted.best_match(("application/json", "text/html")) == "text/html"
