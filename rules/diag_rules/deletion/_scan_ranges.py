"""Ranges of keys that many workers share out: each with about as many subjects, and none left between two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from ._judge import Judge, shown
from ._scan_snapshot import snapshot


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Keys after the one, up to and with the other, as `scan` takes them; None: no end on that side.

    The first range begins and the last one ends with None, so that subjects made later are in one of them.
    """

    after: Any = None
    until: Any = None


def key_ranges(connection: sa.Connection, judge: Judge, count: int, timeout: float | None) -> list[KeyRange]:
    """At most *count* ranges over all keys, fewer where there are fewer subjects. Raises ValueError, ScanTimeout."""
    if count < 1:
        raise ValueError(f"{count} ranges of keys of {judge.name} can't be made: ask for 1 or more.")
    with snapshot(connection, judge.name, timeout):
        ends = [None, *_ends(connection, judge.tables[-1], count), None]
    return [KeyRange(after, until) for after, until in pairwise(ends)]


def _ends(connection: sa.Connection, table: sa.Table, count: int) -> Iterator[Any]:
    """The last keys of all ranges but the last one: one walk over the primary key's index."""
    total = connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
    places = sorted({total * number // count for number in range(1, count)} - {0, total})
    if not places:
        return
    keys = list(table.primary_key.columns)
    place = sa.func.row_number().over(order_by=keys).label("diag_place")
    numbered = sa.select(*keys, place).subquery("diag_numbered")
    ordered = [numbered.c[key.key] for key in keys]
    chosen = sa.select(*ordered).where(numbered.c.diag_place.in_(places)).order_by(*ordered)
    for row in connection.execute(chosen).all():
        yield shown(tuple(row))
