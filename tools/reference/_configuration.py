"""``docs/reference/configuration.md``: every setting and every argument."""

from __future__ import annotations

import re

from flask_diag import Diagnostics
from flask_diag._config import _CHECKS, _DEFAULTS, Settings

from ._markdown import code, described, page, table

HEAD = """
All settings stand in `app.config` and start with `DIAG_`. They are read once, by `init_app`; one that can't have its value,
or that is spelt nearly like one of them, is refused there, with the way out.
"""
ARGUMENTS = """
## Arguments of `Diagnostics`

What needs an object of the application is an argument: `Diagnostics(app, db, ...)`, or `Diagnostics(...)` and later
`init_app(app, db)`. All but `app` and `db` are given by keyword.
"""


def configuration() -> str:
    """Return the page."""
    texts = described(Settings)
    rows = [
        (f"`{key}`", f"`{_DEFAULTS[name]!r}`", code(wanted), _meaning(texts[name]))
        for name, (key, wanted, _) in _CHECKS.items()
    ]
    arguments = [(f"`{name}`", text) for name, text in described(Diagnostics).items()]
    return page(
        "Configuration",
        HEAD,
        table(("setting", "default", "holds", "meaning"), rows),
        ARGUMENTS,
        table(("argument", "meaning"), arguments),
    )


def _meaning(text: str) -> str:
    """Return a setting's text without its name and default, which have columns of their own."""
    return re.sub(r"^`DIAG_\w+` \((?:[^()]|\(\))*\): ", "", text)
