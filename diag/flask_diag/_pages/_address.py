"""Where a subject's page is."""

from __future__ import annotations

from typing import Any

from flask import url_for

from flask_diag._subject import key_text


def address_of(key: Any, *, external: bool = False) -> str:
    """Return the address of the page of the subject with *key*, which no other subject's name can be mistaken for."""
    text = key_text(key)
    # a browser would take the steps, and leave our pages
    name = "subject" if _STEPS.isdisjoint(text.replace("\\", "/").split("/")) else "subject_asked"
    return url_for(f"flask_diag.{name}", text=text, by="key", _external=external)


_STEPS = frozenset((".", ".."))
