"""Does a command print what the page shows?

A line of the page must be found in the output, in order; white space counts for nothing, and ``...`` stands for anything.
Lines of the output that the page leaves out are no matter: a reader wants the three that tell.
"""

from __future__ import annotations

import re

_ELLIPSIS = re.escape("...")


def missing(shown: str, printed: str) -> str | None:
    """Return the first line of *shown* that *printed* does not have after the lines before it, or None."""
    rest = _bare(printed)
    for line in shown.splitlines():
        if not line.strip() or line.strip() == "...":
            continue
        found = re.search(re.escape(_bare(line)).replace(_ELLIPSIS, ".*?"), rest)
        if found is None:
            return line
        rest = rest[found.end() :]
    return None


def _bare(text: str) -> str:
    return "".join(text.split())
