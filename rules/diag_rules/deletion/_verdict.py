"""What the engine answers: may this subject go, and if not, why and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from operator import attrgetter
from typing import Any, NamedTuple


class How(StrEnum):
    """The way of deleting that a verdict judges."""

    ORM = "orm"
    SQL = "sql"


class Outcome(StrEnum):
    """What would happen."""

    DELETABLE = "deletable"
    BLOCKED = "blocked"
    UNCERTAIN = "uncertain"


class Reason(StrEnum):
    """Why a relation blocks."""

    FOREIGN_KEY = "foreign_key"  # the database refuses: NO ACTION, RESTRICT, or a default that does not exist
    NOT_NULL = (
        "not_null"  # a column that may not be null would be nulled, by ON DELETE SET NULL or by the ORM
    )
    PRIMARY_KEY = "primary_key"  # the ORM would blank a primary key: AssertionError before any SQL
    CHECK = "check"  # nulling or defaulting would break a CHECK
    UNIQUE = "unique"  # nulling or defaulting would break a UNIQUE
    DEPTH = "depth"  # the cascade is deeper than the database allows
    ORM = "orm"  # the ORM refuses by itself (a write-only relationship without passive_deletes, stale rows)
    RULE = "rule"  # a business rule of the policy


class RemedyAction(StrEnum):
    """What clears a blocker."""

    DELETE = "delete"
    DETACH = "detach"
    REASSIGN = "reassign"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What clears a blocker.

    Attributes:
        automatic: the policy lets the safe delete do it by itself.
        link: a page of the host where a person does it, or None.
    """

    action: RemedyAction
    automatic: bool = False
    link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """One reason why a subject cannot be deleted.

    Attributes:
        table: the table whose rows block, schema-qualified unless in the default schema.
        constraint: the name of the constraint that would be broken, or None where it has none.
        columns: the referencing columns.
        count: rows that block; in the fast mode at most the cap.
        capped: True where *count* is only a lower bound.
        reason: why they block.
        hint: what to do, in a sentence for people: "revoke 3 pending invitations".
        advice: what the developers have to change so that it never comes back; empty where nothing is wrong with the models.
            Not for the application's own users: it names tables and relationships.
        from_schema: True where no policy gave the hint words, so that it names the table.
        relation: the name people use: the policy's, else the table's.
        path: the tables from the subject to the blocking rows.
        relationship: the ORM relationship that causes it (``Project.invitations``), or None.
        clear_after: the relations that must be cleared first, in order.
    """

    table: str
    constraint: str | None
    columns: tuple[str, ...]
    count: int
    reason: Reason
    hint: str
    remedy: Remedy
    relation: str
    path: tuple[str, ...] = ()
    relationship: str | None = None
    capped: bool = False
    clear_after: tuple[str, ...] = ()
    advice: str = ""
    from_schema: bool = False


def mark_of(blocker: Blocker) -> str:
    """A short text that is another as soon as the blocker says anything else, be it one row more or another language."""
    said = (
        blocker.path,
        blocker.columns,
        blocker.constraint,
        blocker.reason,
        blocker.remedy.action,
        blocker.hint,
    )
    return sha256(repr(said).encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Rows of one table that go, or lose their reference, with the subject."""

    table: str
    count: int
    columns: tuple[str, ...] = ()
    capped: bool = False


class Judgement(NamedTuple):
    """What a verdict says but for the key: one object for all subjects of a scan that are blocked alike."""

    subject: str
    how: How
    outcome: Outcome
    blockers: tuple[Blocker, ...] = ()
    uncertain_because: tuple[str, ...] = ()
    deleted: tuple[Effect, ...] = ()
    detached: tuple[Effect, ...] = ()
    warnings: tuple[str, ...] = ()
    depends_on_loaded: tuple[str, ...] = ()
    done: tuple[Effect, ...] = ()
    clear_first: tuple[Blocker, ...] = ()


# Two slots instead of twelve: a scan makes a million of these, and twelve would be most of what it costs.
@dataclass(frozen=True, init=False, kw_only=True)
class Verdict:
    """May the subject be deleted, and if not, why and what to do.

    Attributes:
        subject: the name of the mapped class or table.
        key: the subject's key: a scalar, or a tuple for a composite key.
        how: the way of deleting that was judged.
        blockers: every reason why not, in the order in which they can be cleared.
        uncertain_because: why the answer can't be known; empty unless *outcome* is ``uncertain``.
        deleted: what goes with the subject, the subject's own rows included.
        detached: what loses its reference.
        warnings: rules of the policy that only warn, as sentences.
        depends_on_loaded: relationships (``Project.releases``) whose loaded collections would change the answer.
        done: what the safe delete did, as effects; empty for a check.
        clear_first: what holds the blockers' own rows, in the order in which it can be cleared before them: it does not keep
            the subject itself, so it is not among the blockers. A scan leaves it empty.
    """

    __slots__ = ("_judgement", "key")

    subject: str
    key: Any
    how: How
    outcome: Outcome
    blockers: tuple[Blocker, ...]
    uncertain_because: tuple[str, ...]
    deleted: tuple[Effect, ...]
    detached: tuple[Effect, ...]
    warnings: tuple[str, ...]
    depends_on_loaded: tuple[str, ...]
    done: tuple[Effect, ...]
    clear_first: tuple[Blocker, ...]

    def __init__(  # noqa: PLR0913 - its fields, by keyword
        self,
        *,
        subject: str,
        key: Any,
        how: How,
        outcome: Outcome,
        blockers: tuple[Blocker, ...] = (),
        uncertain_because: tuple[str, ...] = (),
        deleted: tuple[Effect, ...] = (),
        detached: tuple[Effect, ...] = (),
        warnings: tuple[str, ...] = (),
        depends_on_loaded: tuple[str, ...] = (),
        done: tuple[Effect, ...] = (),
        clear_first: tuple[Blocker, ...] = (),
    ) -> None:
        SET_KEY(self, key)
        SET_JUDGEMENT(
            self,
            Judgement(
                subject,
                how,
                outcome,
                blockers,
                uncertain_because,
                deleted,
                detached,
                warnings,
                depends_on_loaded,
                done,
                clear_first,
            ),
        )

    @property
    def deletable(self) -> bool:
        """True only where the deletion is known to pass."""
        return self.outcome is Outcome.DELETABLE

    def __reduce__(self) -> tuple[Any, ...]:
        """For `pickle` and `copy`, whose own way sets attributes."""
        return judged, (self.key, attrgetter("_judgement")(self))


# the slots of a frozen class are set by their descriptors
SET_KEY = Verdict.__dict__["key"].__set__
SET_JUDGEMENT = Verdict.__dict__["_judgement"].__set__
for _name in Judgement._fields:
    setattr(Verdict, _name, property(attrgetter(f"_judgement.{_name}")))


def judged(key: Any, judgement: Judgement) -> Verdict:
    """The verdict on the subject *key*."""
    verdict = object.__new__(Verdict)
    SET_KEY(verdict, key)
    SET_JUDGEMENT(verdict, judgement)
    return verdict
