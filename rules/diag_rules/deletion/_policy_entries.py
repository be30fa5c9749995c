"""The entries of a policy, as written in Python; a rule pack in TOML is read into the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import QueryableAttribute

from ._policy_errors import PolicyError, nearest
from ._policy_texts import Texts, check_placeholders
from ._verdict import RemedyAction

# one scheme or none, and nothing that a browser leaves out before it looks for one
_LINK = re.compile(r"(?:https?://|mailto:|(?![^/?#]*:))[^\x00-\x1f\x7f]*", re.IGNORECASE)


class _Entry:
    """Checks common to all entries."""

    __slots__ = ()

    def _texts(self, name: str) -> None:
        value = getattr(self, name)
        if value is not None and not isinstance(value, Texts):
            object.__setattr__(self, name, Texts.of(value, name))

    def _string(self, name: str) -> None:
        value = getattr(self, name)
        if value is not None and (not isinstance(value, str) or not value.strip()):
            raise PolicyError(f"{name} must be a text; it is {value!r}.")

    def _address(self, name: str) -> None:
        self._string(name)
        value = getattr(self, name)
        if value is not None and not _LINK.fullmatch(value):
            raise PolicyError(
                f"{name} must lead to a page: an address such as '/projects/{{name}}', or https://, http:// or mailto:; "
                f"it is {value!r}."
            )

    def _strings(self, name: str) -> None:
        value = getattr(self, name)
        if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value):
            raise PolicyError(f"{name} must be a list of names; it is {value!r}.")
        object.__setattr__(self, name, tuple(value))

    def _flag(self, name: str) -> None:
        if not isinstance(getattr(self, name), bool):
            raise PolicyError(f"{name} must be true or false; it is {getattr(self, name)!r}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectWords(_Entry):
    """How people call the subject.

    Attributes:
        name: what one of it is called ("project").
        link: the host's page of one subject; placeholders are ``{key}`` and the subject's columns. A path, or
            ``https:``, ``http:`` or ``mailto:``; no other scheme is taken, since pages of the application show it, too.
        delete: people may have one deleted by the safe delete on its support page. What the application does around a
            deletion besides, in its own code, does not happen then: only listeners of the mapping do.
    """

    name: Any = None
    link: str | None = None
    delete: bool = False

    def __post_init__(self) -> None:
        self._texts("name")
        self._address("link")
        self._flag("delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation(_Entry):
    """What the application knows about rows that may block.

    Attributes:
        of: the relationship, ``Project.invitations`` or the same as text; or else
        table, columns, constraint: the referencing table, and where it has several foreign keys, which.
        name: what people call these rows, with plurals and languages ("pending invitation").
        when: only rows of which this condition holds; all, if None. Entries of one relation are tried in order.
        hint: what to do, as a sentence without a full stop; ``{count}``, ``{key}``, ``{relation}`` and the
            subject's columns are filled in.
        link: the host's page where it is done, with the same placeholders.
        remedy: ``delete``, ``detach``, ``reassign`` or ``manual``.
        automatic: the safe delete may apply the remedy by itself; only for ``delete`` and ``detach``.
    """

    of: Any = None
    table: str | None = None
    columns: tuple[str, ...] = ()
    constraint: str | None = None
    name: Any = None
    when: str | None = None
    hint: Any = None
    link: str | None = None
    remedy: RemedyAction = RemedyAction.MANUAL
    automatic: bool = False

    def __post_init__(self) -> None:
        for name in ("name", "hint"):
            self._texts(name)
        for name in ("table", "constraint", "when"):
            self._string(name)
        self._address("link")
        self._strings("columns")
        self._flag("automatic")
        object.__setattr__(self, "remedy", _action(self.remedy))
        self._consistent()

    def _consistent(self) -> None:
        if (self.of is None) is (self.table is None):
            raise PolicyError(
                'A relation needs either of = "Class.relationship" or table = "..."; it has both or none.'
            )
        if self.of is not None and not isinstance(self.of, str | QueryableAttribute):
            raise PolicyError(f"of must name a relationship, as in 'Project.invitations'; it is {self.of!r}.")
        if self.automatic and self.remedy not in (RemedyAction.DELETE, RemedyAction.DETACH):
            raise PolicyError(
                f"automatic needs remedy 'delete' or 'detach': nobody can {self.remedy} without a person."
            )

    @property
    def place(self) -> str:
        """The relation as its entry names it."""
        return str(self.of) if self.of is not None else str(self.table)


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessRule(_Entry):
    """A rule that no foreign key states.

    Attributes:
        name: its name for programs, "legal-hold".
        when: the condition on the subject's row, or on rows of *over*.
        over: a table whose rows refer to the subject, at any distance; the rule applies where *at_least* of them meet *when*.
        columns: the columns of *over*'s foreign key, where several lead to the subject.
        at_least: how many rows of *over* it takes, from 1.
        blocks: True forbids the deletion, False only warns.
        hint: what to do, or what to know; placeholders as in ``Relation``.
        link: as in ``Relation``.
    """

    name: str
    hint: Any
    when: str | None = None
    over: str | None = None
    columns: tuple[str, ...] = ()
    at_least: int = 1
    blocks: bool = True
    link: str | None = None

    def __post_init__(self) -> None:
        self._texts("hint")
        for name in ("name", "when", "over"):
            self._string(name)
        self._address("link")
        self._strings("columns")
        self._flag("blocks")
        self._consistent()

    def _consistent(self) -> None:
        if self.hint is None:
            raise PolicyError(f"The rule {self.name!r} needs a hint: what should people do?")
        if self.when is None and self.over is None:
            raise PolicyError(
                f"The rule {self.name!r} needs when = '...' or over = 'table', else it always applies."
            )
        if type(self.at_least) is not int or self.at_least < 1:
            raise PolicyError(f"at_least must be a whole number from 1; it is {self.at_least!r}.")
        if self.over is None and (self.at_least > 1 or self.columns):
            raise PolicyError(f"The rule {self.name!r} has at_least or columns, which need over = 'table'.")

    @property
    def place(self) -> str:
        """The rule by its name."""
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggers(_Entry):
    """What the application knows about triggers, which no catalog can say.

    Attributes:
        harmless: triggers that neither stop a deletion nor change what it meets (they count rows, or write a log):
            by name, or as ``table.name``. A verdict is not uncertain because of them. Listeners of mapped classes are
            named as ``Project.before_delete``.
    """

    harmless: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._strings("harmless")

    def covers(self, table: str, trigger: str) -> bool:
        """Return whether the *trigger* of the table with the key *table* is named."""
        names = {trigger, f"{table}.{trigger}", f"{table.rpartition('.')[2]}.{trigger}"}
        return not names.isdisjoint(self.harmless)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(_Entry):
    """What the application's own users are told where they break a constraint, such as "That e-mail address is taken".

    Attributes:
        text: the sentence, or sentences by language; no placeholders, so that no value gets into it.
        constraint: the constraint's name, or else
        table, columns: the columns of exactly which it is; for NOT NULL, which has no name, the column.
        kind: only for this kind of error (``unique_violation``), where one set of columns has several constraints.
    """

    text: Any
    constraint: str | None = None
    table: str | None = None
    columns: tuple[str, ...] = ()
    kind: str | None = None

    def __post_init__(self) -> None:
        self._texts("text")
        for name in ("constraint", "table", "kind"):
            self._string(name)
        self._strings("columns")
        self._consistent()

    def _consistent(self) -> None:
        if self.text is None:
            raise PolicyError(f"The message for {self.place} needs a text: what should people read?")
        check_placeholders(self.text, (), "text")
        by_columns = self.table is not None and bool(self.columns)
        if (self.constraint is None) is not by_columns or (self.constraint and (self.table or self.columns)):
            raise PolicyError(
                'A message needs either constraint = "..." or table = "..." and columns = [...]; it has both or neither.'
            )

    @property
    def place(self) -> str:
        """The constraint as its entry names it."""
        return self.constraint or f"{self.table} ({', '.join(self.columns)})"


def _action(value: Any) -> RemedyAction:
    try:
        return RemedyAction(value)
    except ValueError:
        raise PolicyError(f"remedy {value!r} is unknown{nearest(str(value), list(RemedyAction))}") from None
