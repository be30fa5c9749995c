"""What only the operator can know."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal, TypeAlias, TypedDict, Unpack, get_args

ReadOnly: TypeAlias = Literal["failover", "transaction"]
Flavour: TypeAlias = Literal["auto", "mysql", "mariadb"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How codes are decided that mean two things.

    Attributes:
        read_only: what "this is read-only" means here: ``failover`` (the server became a standby: an outage) or
            ``transaction`` (this application opens read-only transactions: a defect of the code).
        mysql_flavour: which server answers where a driver does not tell: ``mysql``, ``mariadb``, or ``auto``
            (by the code and its SQLSTATE, then ``mysql``).
    """

    read_only: ReadOnly = "failover"
    mysql_flavour: Flavour = "auto"


class Changes(TypedDict, total=False):
    """The settings that `configure` is given."""

    read_only: ReadOnly
    mysql_flavour: Flavour


_CHOICES = {"read_only": get_args(ReadOnly), "mysql_flavour": get_args(Flavour)}

current = Settings()
generation = 0
"""Counts changes of settings and registered rows, so that answers kept from before are not given again."""


def changed() -> None:
    """Say that answers may be others from now on."""
    global generation  # noqa: PLW0603 - one process has one set of operators
    generation += 1


def configure(**settings: Unpack[Changes]) -> Settings:
    """Change settings of this process and return them all; see `Settings` for names and values.

    Raises:
        ValueError: an unknown setting or value; nothing is changed.
    """
    global current  # noqa: PLW0603 - one process has one set of operators
    known = {each.name for each in fields(Settings)}
    for name, value in settings.items():
        if name not in known:
            raise ValueError(f"There is no setting {name!r}: use one of {', '.join(sorted(known))}.")
        if value not in _CHOICES[name]:
            raise ValueError(f"{name} cannot be {value!r}: use one of {', '.join(_CHOICES[name])}.")
    current = replace(current, **settings)
    changed()
    return current
