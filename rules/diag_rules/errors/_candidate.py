"""One possible answer, from one link of the chain, and how much it weighs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from ._reading import Reading
from ._row import Row


class Weight(IntEnum):
    """How much an answer weighs: a code beats the flag, the flag beats the class, the class beats text."""

    FOLLOW_UP = 1  # refused because of an earlier error, or nothing known
    WEAK = 2  # something was lost; another link may say why
    FLAG = 3  # SQLAlchemy's connection_invalidated
    SPECIFIC = 4  # a class or a fixed text of a driver, or an error of the operating system
    STRONG = 5  # a code, or a type of SQLAlchemy's own


@dataclass(slots=True)
class Candidate:
    """One possible answer.

    Attributes:
        why: the evidence.
        reading: what the driver's exception says; None for exceptions of no driver.
        wrapper: SQLAlchemy's exception around it, or None.
    """

    weight: Weight
    row: Row
    why: str
    reading: Reading | None = None
    wrapper: Any = None
