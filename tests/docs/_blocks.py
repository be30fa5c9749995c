"""The fenced blocks of a Markdown page, and what the page says of how they are run.

What a block's fence, and a comment on the line before it, mean to the tests:

* ``title="shop.py"`` beside the language: the block is that file's text, or for a ``diff`` a change to it.
* ``<!-- not run: REASON -->``: the block is shown only. Reasons are few, and counted.
* ``<!-- setup: NAME -->`` anywhere: what the page takes for granted, from ``_setups``.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"(?P<indent> *)(?P<mark>`{3,})(?P<info>[^`]*)")
_TITLE = re.compile(r'title="([^"]+)"')
_NOT_RUN = re.compile(r"<!-- not run: (.+) -->")
_SETUP = re.compile(r"^<!-- setup: (\w+) -->$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block.

    Attributes:
        line: of the first line inside, from 1.
        language: the first word of the fence, or "".
        title: the file that it is, or None.
        not_run: why it is shown only, or None.
    """

    page: Path
    line: int
    language: str
    text: str
    title: str | None
    not_run: str | None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Return every page that people read: those at the top, and those of docs."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def setup_of(page: Path) -> str | None:
    """Return the name of what the page takes for granted."""
    found = _SETUP.search(page.read_text("utf-8"))
    return found and found[1]


def blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page in order.

    Raises:
        ValueError: one is not closed.
    """
    lines = page.read_text("utf-8").splitlines()
    at = 0
    while at < len(lines):
        fence = _FENCE.fullmatch(lines[at])
        if fence is None:
            at += 1
            continue
        end = _end(page, lines, at, fence)
        words = fence["info"].split()
        title, reason = _TITLE.search(fence["info"]), _NOT_RUN.search(_before(lines, at))
        yield Block(
            page=page,
            line=at + 2,
            language=words[0] if words else "",
            text=textwrap.dedent("\n".join(lines[at + 1 : end])) + "\n",
            title=title and title[1],
            not_run=reason and reason[1],
        )
        at = end + 1


def _end(page: Path, lines: list[str], start: int, fence: re.Match[str]) -> int:
    for number in range(start + 1, len(lines)):
        if lines[number].strip() == fence["mark"]:
            return number
    raise ValueError(f"{page}:{start + 1}: the block is not closed.")


def _before(lines: list[str], at: int) -> str:
    """Return the last line before *at* that is not blank."""
    return next((line for line in reversed(lines[:at]) if line.strip()), "")
