"""A database's address for people."""

from __future__ import annotations

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError


def shown_url(url: str | URL) -> str:
    """Return a database's address without its password, and without the values of its query, which may hold one."""
    try:
        given = make_url(url)
    except ArgumentError:
        return "hidden: it is no address that SQLAlchemy can read"
    names = "&".join(f"{name}=***" for name in given.query)
    return given.set(query={}).render_as_string(hide_password=True) + (f"?{names}" if names else "")
