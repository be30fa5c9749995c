"""The pages of ``docs/reference`` that are printed from the code, so that they cannot say anything else."""

from __future__ import annotations

from ._api import api
from ._commands import commands
from ._configuration import configuration
from ._errors import errors
from ._http import http_api
from ._policy import policy
from ._rules import rules

PAGES = {
    "api": api,
    "cli": commands,
    "configuration": configuration,
    "errors": errors,
    "http-api": http_api,
    "policy": policy,
    "rules": rules,
}
"""The page's name, and what returns its text."""

__all__ = ["PAGES"]
