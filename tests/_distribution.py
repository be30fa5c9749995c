"""What would be published: where it is, once built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Distribution:
    """What would be published."""

    wheel: Path
    sdist: Path
