"""What a team may choose about its dashboards."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from diag_exporters._promql import label_name, matchers


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardOptions:
    """Every field is an option of ``flask diag dashboard``.

    Raises:
        ValueError: a value that no dashboard could be made of; the message says what to give.
    """

    selector: str = field(
        default="",
        metadata={"meaning": 'Only series with these labels, for instance env="prod"; by default all.'},
    )
    by: str = field(
        default="job",
        metadata={
            "meaning": "The label that tells one service from another: the dashboard has a menu of its values."
        },
    )
    objective: float = field(
        default=99.9,
        metadata={"meaning": "Percent of requests that the database may not fail, as in the alerts."},
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "selector", matchers(self.selector))
        label_name(self.by)
        if not 0 < self.objective < 100:
            raise ValueError(
                f"An objective of {self.objective:g} % is none: give a percentage between 0 and 100, such as 99.9."
            )

    @property
    def budget(self) -> float:
        """The share of requests that may fail, 0.001 for 99.9 %."""
        return 1 - self.objective / 100


MEANINGS: dict[str, str] = {one.name: one.metadata["meaning"] for one in fields(DashboardOptions)}
