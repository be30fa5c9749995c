"""The support pages under ``/diag/``: one module a page; `_render` draws them, `_blueprint` says where they are."""

from __future__ import annotations

from ._blueprint import NAME, closed, pages
from ._no_page import no_page

__all__ = ["NAME", "closed", "no_page", "pages"]
