"""The Markdown of the runbooks as HTML: headings, paragraphs, lists, code, bold and links, and nothing else.

The runbooks are ours and ship with us; still every text is escaped, and only relative links and https leave here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from markupsafe import Markup, escape

_INLINE = re.compile(r"`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*|\[(?P<text>[^\]]+)\]\((?P<link>[^)\s]+)\)")
_ITEM = re.compile(r"(?P<mark>-|\d+\.) +(?P<text>.*)")
_HEADING = re.compile(r"(?P<marks>#{1,3}) +(?P<text>.*)")
_SAFE_LINK = re.compile(r"https://.+|[^:]+")  # no scheme but one


def as_html(text: str) -> Markup:
    """Return *text* as HTML."""
    return Markup("\n").join(_blocks(text))


def links(text: str) -> list[str]:
    """Return the addresses that *text* links to, in order."""
    return [found["link"] for found in _INLINE.finditer(text) if found["link"]]


def _blocks(text: str) -> Iterator[Markup]:
    for number, part in enumerate(re.split(r"^```.*\n?", text, flags=re.MULTILINE)):
        if number % 2:
            yield Markup('<pre tabindex="0"><code>{}</code></pre>').format(part.rstrip("\n"))
        else:
            for blank, lines in groupby(part.splitlines(), key=lambda line: not line.strip()):
                if not blank:
                    yield _block(list(lines))


def _block(lines: list[str]) -> Markup:
    heading = _HEADING.fullmatch(lines[0])
    if heading is not None and len(lines) == 1:
        level = len(heading["marks"])
        return Markup("<h{0}>{1}</h{0}>").format(level, _inline(heading["text"]))
    if _ITEM.match(lines[0]):
        return _list(lines)
    return Markup("<p>{}</p>").format(_inline(" ".join(line.strip() for line in lines)))


def _list(lines: list[str]) -> Markup:
    """Return a list; a line without a mark goes on with the item above it."""
    items: list[str] = []
    for line in lines:
        item = _ITEM.fullmatch(line)
        if item is not None:
            items.append(item["text"])
        else:
            items[-1] += " " + line.strip()
    tag = "ul" if lines[0].startswith("-") else "ol"
    inner = Markup("").join(Markup("<li>{}</li>").format(_inline(item)) for item in items)
    return Markup("<{0}>{1}</{0}>").format(tag, inner)


def _inline(text: str) -> Markup:
    parts, at = [], 0
    for found in _INLINE.finditer(text):
        parts += [escape(text[at : found.start()]), _marked(found)]
        at = found.end()
    return Markup("").join([*parts, escape(text[at:])])


def _marked(found: re.Match[str]) -> Markup:
    if found["code"]:
        return Markup("<code>{}</code>").format(found["code"])
    if found["strong"]:
        return Markup("<strong>{}</strong>").format(found["strong"])
    if not _SAFE_LINK.fullmatch(found["link"]):
        return escape(found["text"])
    return Markup('<a href="{}">{}</a>').format(found["link"].removesuffix(".md"), found["text"])
