"""The support pages under ``/diag/``: one module a page; `_render` draws them, `_blueprint` says where they are."""

from __future__ import annotations

from ._blueprint import NAME, pages

__all__ = ["NAME", "pages"]
