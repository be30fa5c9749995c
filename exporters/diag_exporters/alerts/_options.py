"""What a team may choose about its alerts: each setting once, with its default, its unit and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from diag_exporters._promql import label_name, matchers, split

FASTEST_BURN = 14.4  # times the budget: the highest threshold among the windows, see _slo.py


def _setting(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertOptions:
    """Thresholds, selectors and links of the rules. Every field is an option of ``flask diag alerts``.

    Raises:
        ValueError: a value that no rule could be made of; the message says what to give.
    """

    selector: str = _setting(
        "", 'Only series with these labels, for instance job="shop",env="prod"; by default all.'
    )
    by: str = _setting(
        "job",
        "The labels that tell one service from another, with commas: one alert for each of their values.",
    )
    objective: float = _setting(
        99.9, "Percent of requests that the database may not fail: 99.9 leaves a budget of 0.1."
    )
    min_failures: int = _setting(
        10,
        "Failed requests in the long window, below which no budget burns: keeps one night's failure from paging.",
    )
    pool_full: float = _setting(90.0, "Percent of a connection pool in use that is nearly full.")
    contention: float = _setting(1.0, "Percent of requests that may lose a race or time out on a lock.")
    scan_max_age: float = _setting(48.0, "Hours after which the last scan for blocked projects is stale.")
    blocked_growth: float = _setting(20.0, "Percent by which blocked projects may grow in a day.")
    blocked_min: int = _setting(5, "Newly blocked projects in a day, below which no growth is told.")
    runbook_url: str = _setting(
        "/diag/runbooks",
        "Where the runbooks are: https://shop.example/diag/runbooks, or a path on the replicas that are scraped.",
    )
    time_scale: float = _setting(
        1.0, "Multiplies every window and delay: 0.02 rehearses an hour in 72 seconds. Not for production."
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "selector", matchers(self.selector))
        object.__setattr__(self, "by", ",".join(label_name(one.strip()) for one in self.by.split(",")))
        highest = 100 - 100 / FASTEST_BURN
        if not highest < self.objective < 100:
            raise ValueError(
                f"An objective of {self.objective:g} % leaves no budget that can burn {FASTEST_BURN:g} times as fast: "
                f"give a percentage above {highest:.1f} and below 100."
            )
        for name in ("pool_full", "contention"):
            self._within(name, 100)
        for name in ("min_failures", "scan_max_age", "blocked_growth", "blocked_min", "time_scale"):
            self._within(name, float("inf"))
        if not self.runbook_url.startswith(("http://", "https://", "/")):
            raise ValueError(
                f"The runbooks' address {self.runbook_url!r} is no link: give one with https://, or a path that begins with /."
            )

    def _within(self, name: str, highest: float) -> None:
        value = getattr(self, name)
        if not 0 < value <= highest:
            limit = f" and at most {highest:g}" if highest != float("inf") else ""
            raise ValueError(f"{name} is {value:g}: give a number above 0{limit}.")

    @property
    def budget(self) -> float:
        """The share of requests that may fail, 0.001 for 99.9 %."""
        return 1 - self.objective / 100

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that alerts are told apart by: *by*, and those that the selector holds to one value."""
        fixed = (name for name, operator, _ in split(self.selector) if operator == "=")
        return tuple(dict.fromkeys((*self.by.split(","), *fixed)))

    @property
    def recorded_selector(self) -> str:
        """The part of the selector that the recorded series can be told by: they keep `labels` only."""
        return ",".join("".join(one) for one in split(self.selector) if one[0] in self.labels)


MEANINGS: dict[str, str] = {one.name: one.metadata["meaning"] for one in fields(AlertOptions)}
