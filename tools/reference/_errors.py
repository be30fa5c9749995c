"""``docs/reference/errors.md``: categories, kinds, and how many codes of which database are known."""

from __future__ import annotations

from collections import defaultdict

from diag_rules.errors import Category, Retry
from diag_rules.errors._meanings import MEANINGS, Meaning

from ._markdown import page, table

HEAD = """
`classify(error)` gives each database error one *category*, which says who has to act, and one *kind*, which says exactly what
happened, by the same name on all databases. `flask diag classify 23505` says it for a code, a line of a log or a traceback.
"""
CATEGORIES = {
    Category.OUTAGE: ("the database cannot serve anyone", "503, `Retry-After`", "page"),
    Category.CONTENTION: ("this attempt lost a race or ran out of time", "503, `Retry-After: 1`", "ticket"),
    Category.BUSINESS_RULE: ("the data says no", "409; 422 for a bad or missing value", "none"),
    Category.DEFECT: ("our code or schema is wrong", "500", "ticket"),
    Category.UNKNOWN: ("not recognised, never taken for one of the others", "500", "ticket"),
}
RETRIES = {
    Retry.NO: "nothing: the same will happen again",
    Retry.STATEMENT: "the statement, in the same transaction",
    Retry.TRANSACTION: "the whole transaction, from its start",
    Retry.UNKNOWN_OUTCOME: "nothing before you have looked: the connection was lost during COMMIT, which may have worked",
}


def errors() -> str:
    """Return the page."""
    categories = [(f"`{name}`", *CATEGORIES[name]) for name in Category]
    retries = [(f"`{name}`", RETRIES[name]) for name in Retry]
    return page(
        "Categories and kinds",
        HEAD,
        table(("category", "means", "answer", "alert"), categories),
        "## What may be repeated",
        table(("`retry`", "what may be repeated"), retries),
        *(_section(category) for category in Category),
    )


def _section(category: Category) -> str:
    """Return the kinds of a category, those with the same advice together."""
    groups: defaultdict[tuple[str, Retry], list[tuple[str, Meaning]]] = defaultdict(list)
    for kind, meaning in MEANINGS.items():
        if meaning.category is category:
            groups[meaning.advice, meaning.retry].append((kind, meaning))
    parts = [f"## `{category}`", "A code's own row may say otherwise where a database means more by it."]
    for (advice, retry), kinds in groups.items():
        parts.append(f"**{advice}** Retry: `{retry}`.")
        parts.append(table(("kind", "means"), [(f"`{kind}`", meaning.summary) for kind, meaning in kinds]))
    return "\n\n".join(parts)
