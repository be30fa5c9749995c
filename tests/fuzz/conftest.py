"""The index, as the attacks have it."""

from __future__ import annotations

from diag.conftest import _no_store

__all__ = ["_no_store"]
