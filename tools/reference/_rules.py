"""``docs/reference/rules.md``: every rule of the audit, from its docstring."""

from __future__ import annotations

from diag_rules.deletion.audit import REGISTRY, Rule

from ._markdown import code, page, table

HEAD = """
What `flask diag audit` looks for. An *error* will refuse deletions, a *warning* may, a *note* costs only time. Codes are never
used twice. `flask diag audit --explain DEL001` prints one of these on the terminal.
"""


def rules() -> str:
    """Return the page."""
    found = sorted(REGISTRY.values(), key=lambda rule: rule.code)
    index = table(
        ("code", "name", "severity", "flags"),
        [
            (rule.code, f"[{rule.name}](#{_anchor(rule)})", rule.severity, code(rule.summary))
            for rule in found
        ],
    )
    return page("Rules of the audit", HEAD, index, *map(_section, found))


def _anchor(rule: Rule) -> str:
    return f"{rule.code.lower()}-{rule.name}"


def _section(rule: Rule) -> str:
    parts = (
        f"## {rule.code} {rule.name}",
        f"{rule.severity.capitalize()}. {code(rule.summary)}",
        f"**What it flags:** {code(rule.flags)}",
        f"**Why:** {code(rule.why)}",
        f"**Hint:** {code(rule.hint)}",
    )
    return "\n\n".join(parts)
