"""Names in addresses: a name may hold slashes and line breaks, and still has a page."""

from __future__ import annotations

from flask import Blueprint
from werkzeug.routing import BaseConverter


class AnyText(BaseConverter):
    """What is left of a path, slashes and line breaks included."""

    regex = r"[\s\S]+"
    part_isolating = False


def add_any_text(blueprint: Blueprint) -> None:
    """Let the rules of *blueprint* say ``<diag_text:name>``."""
    blueprint.record(lambda setup: setup.app.url_map.converters.update(diag_text=AnyText))
