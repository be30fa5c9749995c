"""The JSON API under ``/diag/api/v1/``: the answers of the pages, from the same functions, and their OpenAPI document."""

from __future__ import annotations

from ._blueprint import PATH as API_PATH
from ._blueprint import api, closed
from ._problems import problem_of

__all__ = ["API_PATH", "api", "closed", "problem_of"]
