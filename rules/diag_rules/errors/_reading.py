"""What one exception of a driver says by itself, before anything is concluded from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._row import Code, Row


DBAPI_CLASSES = frozenset(
    {
        "Error", "DatabaseError", "DataError", "IntegrityError", "InterfaceError", "InternalError", "NotSupportedError",
        "OperationalError", "ProgrammingError", "Warning",
    }
)  # fmt: skip
"""Names that say no more than the class of the DBAPI."""


class Reading:
    """The fields of one driver's exception, read and not yet judged.

    Attributes:
        driver: the import name of the driver.
        family: the name of the table of codes: ``postgresql``, ``mysql``, ``mariadb``, ``sqlite``, ``oracle`` ...
        sqlstate: five characters, or None.
        code: the database's own code as its table lists it, or None; PostgreSQL's is its SQLSTATE.
        message: the primary message, without DETAIL, HINT or SQL; may be localised.
        name: the exception's class name, which says little but survives where codes do not.
        fatal: the server closed the connection with this error; None where it does not say.
        family_is_sure: the caller says which of MySQL and MariaDB it is.
        executing: SQLAlchemy was executing a statement; None where nobody knows.
        routine: the function of the server's source that raised it (PostgreSQL), or None. Never localised.
        constraint, table, columns, referenced_table: as in `Classification`.
        row: what the driver's own text or class says, where there is no code.
        why: the evidence for *row*.
    """

    # defaults of the class, not slots: most fields stay as they are, and setting them costs more than reading does
    fatal: bool | None = None
    executing: bool | None = None
    family_is_sure: bool = False
    routine: str | None = None
    constraint: str | None = None
    table: str | None = None
    columns: tuple[str, ...] = ()
    referenced_table: str | None = None
    row: Row | None = None
    why: str = ""

    def __init__(  # noqa: PLR0913, PLR0917 - what every driver knows
        self,
        driver: str,
        family: str,
        sqlstate: str | None = None,
        code: Code | None = None,
        message: str = "",
        name: str = "",
    ) -> None:
        self.driver = driver
        self.family = family
        self.sqlstate = sqlstate
        self.code = code
        self.message = message
        self.name = name


def text(value: Any) -> str:
    """Return *value* as text: bytes decoded, anything odd as an empty string. Never raises."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "replace")
    if value is None or isinstance(value, (dict, list, tuple)):
        return ""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - foreign code may raise anything
        return ""


def field(source: Any, name: str) -> str | None:
    """Return the text of attribute or key *name* of *source*; None where it is missing or empty."""
    try:
        value = source.get(name) if type(source) is dict else getattr(source, name, None)
    except Exception:  # noqa: BLE001 - foreign code may raise anything
        return None
    if value is None:
        return None
    return value or None if type(value) is str else text(value) or None


def sqlstate_of(value: Any) -> str | None:
    """Return *value* where it is a SQLSTATE: five digits or capital letters."""
    found = text(value)
    if len(found) == 5 and found.isalnum() and found.isascii() and found.upper() == found:
        return found
    return None


def first_argument(error: BaseException) -> Any:
    """Return the first of the exception's arguments, or None."""
    arguments = error.args
    return arguments[0] if arguments else None
