"""What an operation of the API is, and the parameters that several share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask_diag._messages import DEFAULT, LANGUAGES

from ._parameters import Parameter
from ._schema import summary

LIMIT = Parameter(name="limit", kind="number", words="How many at most.", default=50, most=200)
LANGUAGE = Parameter(
    name="lang", words="The language of the hints.", choices=tuple(LANGUAGES), default=DEFAULT
)
AFTER = Parameter(name="after", words="What `next` of the page before was.", most=6000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One path of the API.

    Attributes:
        path: below the API's own, with ``{key}`` for a parameter of it.
        call: takes the diagnostics and the parameters by name; returns a value of the type *answer*.
        problems: statuses that it answers with, besides those of every operation.
    """

    path: str
    call: Callable[..., Any]
    answer: Any
    parameters: tuple[Parameter, ...] = ()
    problems: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """Its id in the document."""
        return self.call.__name__.removeprefix("get_")

    @property
    def summary(self) -> str:
        """The first sentence of its docstring."""
        return summary(self.call)
