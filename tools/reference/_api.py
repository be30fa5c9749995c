"""``docs/reference/api.md``: every public name, in full where the site is built, and in a line on the forge."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence
from typing import Any

from ._markdown import code, first_sentence, page, table

MODULES = (
    "flask_diag",
    "flask_diag.celery",
    "flask_diag.gunicorn",
    "diag_rules.errors",
    "diag_rules.deletion",
    "diag_rules.deletion.audit",
    "diag_exporters",
    "diag_exporters.prometheus",
    "diag_exporters.sentry",
    "diag_exporters.log",
    "diag_exporters.workers",
    "diag_exporters.alerts",
    "diag_exporters.dashboards",
)
HEAD = """
Every public name, with its types. Whatever else a module holds, or starts with an underscore, may change without notice.
Packages import only downwards: `flask_diag` embeds, `diag_exporters` publishes, `diag_rules` decides and needs SQLAlchemy only.
"""


def api() -> str:
    """Return the page; the lines that start with ``:::`` are filled in by mkdocstrings."""
    return page("Python API", HEAD, *map(_section, MODULES))


def _section(name: str) -> str:
    module = importlib.import_module(name)
    public = _public(module)
    rows = [(f"`{one}`", _line(getattr(module, one))) for one in public]
    full = "\n\n".join(f"::: {name}.{one}" for one in public)
    return f"## `{name}`\n\n{first_sentence(module)}\n\n{table(('name', 'what it is'), rows)}\n\n{full}"


def _public(module: Any) -> Sequence[str]:
    """Return what ``__all__`` lists, and the functions and classes that a module defines under a public name."""
    own = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    }
    return sorted(own.union(getattr(module, "__all__", ())))


def _line(value: Any) -> str:
    own = inspect.isclass(value) or inspect.isroutine(value)
    return first_sentence(value) if own else code(type(value).__name__)
