"""What the printed pages share: their head, tables, and the sections of Google-style docstrings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from griffe import Docstring, DocstringAttribute, DocstringParameter, DocstringSectionKind

PRINTED = "<!-- Printed from the code by `make reference`: change the code, not this page. -->"


def page(title: str, *parts: str) -> str:
    """Return a page with its head."""
    return "\n\n".join((PRINTED, f"# {title}", *(part.strip() for part in parts))) + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a bar inside a cell is escaped."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """Return a docstring's double backticks, and its references to names, as Markdown's single ones."""
    return re.sub(r"``([^`]+)``", r"`\1`", text)


def described(documented: Any) -> Mapping[str, str]:
    """Return the texts of a docstring's ``Attributes:`` or ``Args:``, by name. Names listed together are split.

    Raises:
        LookupError: the docstring has neither.
    """
    sections = Docstring(documented.__doc__ or "").parse("google", warnings=False)
    wanted = (DocstringSectionKind.attributes, DocstringSectionKind.parameters)
    found: list[DocstringAttribute | DocstringParameter] = [
        entry for section in sections if section.kind in wanted for entry in section.value
    ]
    if not found:
        raise LookupError(f"The docstring of {documented!r} has neither Attributes: nor Args:.")
    return {name: code(entry.description) for entry in found for name in _names(entry)}


def _names(entry: DocstringAttribute | DocstringParameter) -> Sequence[str]:
    """Return the names that one text is for: of ``table, columns: ...`` griffe takes all but the first for the type."""
    said = f"{entry.name} {entry.annotation}" if entry.name.endswith(",") else entry.name
    return [name.strip() for name in said.split(",")]


def first_sentence(documented: Any) -> str:
    """Return the first paragraph of a docstring, on one line."""
    return code(" ".join((documented.__doc__ or "").strip().split("\n\n")[0].split()))
