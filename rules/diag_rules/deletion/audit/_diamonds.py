"""Rows that go with the subject by one way and refer to it by another: which of the two the database sees first.

Rules of PostgreSQL: a check for a row deleted at level k runs with level k + 1. The referring row, deleted at level d, is gone
before if d < k + 1; it is not yet gone if d > k + 1, and the check refuses; at d = k + 1 the names of triggers decide.
InnoDB goes depth first in the order of the constraints' names. SQLite looks at the end, except for RESTRICT.
"""

from __future__ import annotations

from enum import StrEnum

from diag_rules.deletion._schema import Action, ForeignKey

from ._model import Model


class Order(StrEnum):
    """What the order of the cascades does to a reference within them."""

    LATE = "late"  # the referring row always goes too late
    OPEN = "open"  # names or the order of creation decide


def refusals(model: Model, fk: ForeignKey) -> Order | None:
    """Return how *fk* stands to the cascades that take both its sides away; None where the order is safe."""
    child, parent = model.reached.get(fk.table), model.reached.get(fk.referred)
    if child is None or parent is None or not child.levels or not parent.levels or fk.table == fk.referred:
        return None
    if not fk.ondelete.refuses or (fk.initially_deferred and fk.ondelete is Action.NO_ACTION):
        return None
    deepest, first = max(child.levels), min(parent.levels)
    return _ORDERS.get(model.schema.dialect, _postgresql)(fk, deepest, first)


def _postgresql(_: ForeignKey, child: int, parent: int) -> Order | None:
    if child <= parent:
        return None
    return Order.LATE if child > parent + 1 else Order.OPEN


def _sqlite(fk: ForeignKey, child: int, parent: int) -> Order | None:
    return Order.OPEN if fk.ondelete is Action.RESTRICT and child > parent else None


def _innodb(_: ForeignKey, child: int, parent: int) -> Order | None:  # noqa: ARG001  depth first: levels decide nothing
    return Order.OPEN


_ORDERS = {"postgresql": _postgresql, "sqlite": _sqlite, "mysql": _innodb, "mariadb": _innodb}
