"""Headers and the one style of pages that must not depend on anything else."""

from __future__ import annotations

import base64
import functools
import hashlib
from importlib import resources


def pages_csp(nonce: str | None) -> str:
    """Return the policy of a support page: our style, the one script that carries *nonce*, and no other host."""
    script = "" if nonce is None else f"script-src 'nonce-{nonce}'; "
    return (
        f"default-src 'none'; {script}style-src 'self'; img-src 'self' data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


@functools.cache
def answer_style() -> str:
    """Return the style sheet that an answer carries within itself: it must show while all else is down."""
    return resources.files(__package__ or "flask_diag").joinpath("static/answer.css").read_text("utf-8")


@functools.cache
def answer_csp() -> str:
    """Return the policy of an answer: its own style by its hash, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(answer_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src 'self' data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
