"""Show names as they are: without what nobody sees and what changes how all around it reads.

A name with a right-to-left mark turns round the sentence that it stands in, one with an escape sequence rewrites a
terminal, one with a line break forges a line.
"""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup

# controls of the text's direction, and what takes no room: a name could look like another by them
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


def visible(text: Any) -> str:
    """Return *text* with what nobody would see, and what would turn its neighbours around, written out (as JSON does)."""
    plain = str(text)
    if plain.isprintable():  # most are, and the look takes a tenth of the other
        return plain
    return _HIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", plain)


def drawn(value: Any) -> Any:
    """Do the same to what a template shows, for its environment's ``finalize``; Markup and numbers are ours."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def one_line(value: object) -> str:
    """Return *value* as text within one line of a terminal, each letter that can't be printed replaced."""
    text = str(value)
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
