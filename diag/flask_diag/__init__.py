"""Embed diagnostics in a Flask application on SQLAlchemy."""

from __future__ import annotations

from ._extension import Diagnostics

__all__ = ["Diagnostics"]
