"""Names that somebody may give to a package, each an attack on one of those who show it."""

from __future__ import annotations

ENGLISH = "plainname"
STORED = {
    "SQL": "x'); DROP TABLE packages; --",
    "LIKE": "%_%\\%",
    "HTML": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "an attribute": '" onmouseover="alert(3)" x=\'',
    "a link": "javascript:alert(4)",
    "Jinja": "{{ 7777*7777 }}{% raw %}{{ config }}",
    "str.format": "{0.__class__} {count!r} {key}",
    "percent": "%s%(key)s%n",
    "lines": "a\r\nSet-Cookie: stolen=1\r\n\r\n<b>body</b>",
    "a log line": "x\n2026-11-23 ERROR outage app=index",
    "a terminal": "\x1b]0;owned\x07\x1b[2J\x1b[31mred",
    "right to left": "\u202egnp.\u2066exe\u200b\u2028",
    "a spreadsheet": '=HYPERLINK("http://evil.example","x")',
    "another spreadsheet": "@SUM(1+1)*cmd|' /C calc'!A0",
    "a path": "../../logout?next=//evil.example",
    "a dot": ".",
    "two dots": "..",
    "slashes": "//evil.example/a//b",
    "a URL": "https://evil.example/",
    "blanks": "a b\tc",
    "separators": "7,de;x=1&y=2#z",
    "a label": 'x"} 1\ndiag_outage_active 1\n#',
    "emoji": "\U0001f600é中",
}
