"""What drills found, as rows of docs/reliability.md."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from drills._hosts import Phase


@dataclass(frozen=True, slots=True)
class Row:
    """What one drill found."""

    name: str
    during: Phase
    woken: set[str]

    def text(self, server: str) -> str:
        """Return it as a row of a table: what people saw, what was counted, who was woken, and milliseconds."""
        statuses = ", ".join(f"{status}" for status in sorted(Counter(self.during.statuses())))
        counted = ", ".join(f"`{kind}`" for _, kind in sorted(self.during.counted)) or "nothing"
        category = "/".join(sorted({category for category, _ in self.during.counted})) or "-"
        woken = ", ".join(sorted(self.woken)) or "nobody"
        times = [
            1000 * one
            for one in (
                self.during.seconds("bare"),
                self.during.slower,
                self.during.noise,
                self.during.busier,
                self.during.beyond_silence,
            )
        ]
        figures = " | ".join(f"{value:.2f}" for value in times)
        return f"| {self.name} | {server} | {statuses} | {category}: {counted} | {woken} | {figures} |"


@dataclass
class Report:
    """The rows of this run."""

    rows: list[str] = field(default_factory=list)

    def add(self, server: str, row: Row) -> None:
        """Keep *row*, for the end of the run."""
        self.rows.append(row.text(server))


HEAD = (
    "| drill | server | answered | counted | pages | without, ms | we add, ms | noise, ms | work we add, ms | beyond silence, ms |",
    "|---|---|---|---|---|---|---|---|---|---|",
)
