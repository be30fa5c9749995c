"""What MkDocs is told besides ``mkdocs.yml``: the list of decisions, and where links out of ``docs`` lead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
DECISIONS = DOCS / "decisions"


def on_config(config: Any, **_: Any) -> Any:
    """Lead to the pages at the top of ``docs`` that the navigation does not name yet."""
    listed = str(config["nav"])
    more = [page.name for page in sorted(DOCS.glob("*.md")) if f"'{page.name}'" not in listed]
    if more:
        config["nav"].append({"More": more})
    return config


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Add to the page of the decisions what the forge shows as a folder."""
    if page.file.src_uri != "decisions/README.md":
        return markdown
    return f"{markdown}\n{decisions()}\n"


def decisions() -> str:
    """Return the list of the decisions, each by its title."""
    pages = sorted(DECISIONS.glob("[0-9]*.md"))
    return "\n".join(f"- [{_title(page)}]({page.name})" for page in pages)


def _title(page: Path) -> str:
    return page.read_text("utf-8").split("\n", 1)[0].lstrip("# ")
