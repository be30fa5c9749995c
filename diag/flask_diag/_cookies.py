"""What our cookies have in common."""

from __future__ import annotations

from flask import current_app, request


def cookie_path() -> str:
    """Return where our pages begin as the browser sees it: below what a proxy or a dispatcher has put before them."""
    before: str = request.script_root or current_app.config["APPLICATION_ROOT"].rstrip("/")
    return before + (current_app.extensions["diag"].settings.url_prefix or "/")
