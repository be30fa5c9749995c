"""Pages for people, JSON for programs."""

from __future__ import annotations

from flask import request


def wants_page() -> bool:
    """Whether the client would rather have HTML; one that takes anything gets a page to read, and JSON for what it does."""
    reads = request.method in {"GET", "HEAD"}
    offered = ("text/html", "application/json") if reads else ("application/json", "text/html")
    return request.accept_mimetypes.best_match(offered, default=offered[0]) == "text/html"
