"""What the ORM refuses before any statement is sent: by its own classes, and by texts of its own, English always.

Source: SQLAlchemy 2.0.58 and 2.1.9, ``orm/sync.py``, ``orm/writeonly.py``, ``orm/persistence.py``, ``util/topological.py``.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ._candidate import Candidate, Weight
from ._kinds import Kind
from ._reading import Reading
from ._row import row

_CLASSES = {
    "CircularDependencyError": row(
        "",
        Kind.ORM_MISUSE,
        summary="Rows or tables refer to each other in a circle, and no order of statements satisfies it.",
        advice="Set post_update=True on one of the relationships of the circle, or use_alter=True on its foreign key.",
    ),
    "FlushError": row(
        "",
        Kind.ORM_MISUSE,
        summary="The ORM cannot write an object in the state it is in.",
        advice="Correct the object or the mapping in the code; the text names it: repeating it fails the same way.",
    ),
}

_BLANKED = row(
    "",
    Kind.ORM_MISUSE,
    summary="The ORM would have blanked a reference that is part of a primary key, and refused.",
    advice="On the relationship set cascade='all, delete-orphan', or passive_deletes='all' and let the database delete.",
)
_UNLOADABLE = row(
    "",
    Kind.ORM_MISUSE,
    summary="The ORM must not load a write-only collection, and needs it in order to delete its parent.",
    advice="Set passive_deletes=True on the relationship, and ON DELETE on its foreign key.",
)


@lru_cache(maxsize=1)
def _blanked_column() -> re.Pattern[str]:
    # SQLAlchemy 1.4 names the column that is blanked, later ones the column that it follows, too
    return re.compile(
        r"Dependency rule (?:on column '[^']*' )?tried to blank-out primary key column "
        r"'(?P<table>[^']+)\.(?P<column>[^'.]+)'"
    )


@lru_cache(maxsize=1)
def _unloadable() -> re.Pattern[str]:
    return re.compile(
        r"Attribute \S+ can't load the existing state from the database for this operation; full iteration"
    )


def look(error: BaseException, name: str) -> Candidate | None:
    """Return what the ORM says with *error*, of the class called *name*; None where it is none of its own."""
    if name in _CLASSES:
        return Candidate(Weight.STRONG, _CLASSES[name], f"class sqlalchemy {name}, of the ORM")
    message = error.args[0] if error.args else None
    if not isinstance(message, str):
        return None
    if name == "AssertionError":
        return _blanked(message)
    if name == "InvalidRequestError" and _unloadable().match(message):
        return Candidate(Weight.STRONG, _UNLOADABLE, "text of SQLAlchemy, of a write-only collection")
    return None


def _blanked(message: str) -> Candidate | None:
    names = _blanked_column().match(message)
    if names is None:
        return None
    reading = Reading("", "")
    reading.table, reading.columns = names["table"], (names["column"],)
    return Candidate(Weight.STRONG, _BLANKED, "text of SQLAlchemy's AssertionError", reading)
