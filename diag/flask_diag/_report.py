"""One subject's answer, for the page, the command line and JSON alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from diag_rules.deletion import How, Outcome, UnknownSubject, Verdict
from diag_rules.errors import classify

from ._guard import log_once
from ._messages import DEFAULT
from ._state import State, subject_in
from ._subject import Subject, key_text
from ._verdicts import TooLate, own_connection, verdict_by, within

BOTH = (How.ORM, How.SQL)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is known about one subject.

    Attributes:
        label: what people call it.
        verdicts: one for each way of deleting.
        link: the page of it in the application, where the policy says one; else null.
    """

    subject: str
    key: Any
    label: str
    verdicts: tuple[Verdict, ...]
    link: str | None = None

    @property
    def outcome(self) -> Outcome:
        """The worst of the ways: blocked, else uncertain, else deletable."""
        found = {one.outcome for one in self.verdicts}
        return next(one for one in (Outcome.BLOCKED, Outcome.UNCERTAIN, Outcome.DELETABLE) if one in found)

    @property
    def same(self) -> bool:
        """True where every way of deleting has the same outcome."""
        return len({one.outcome for one in self.verdicts}) == 1

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        verdicts = [{**plain(asdict(one)), "deletable": one.deletable} for one in self.verdicts]
        return {
            "subject": self.subject,
            "key": plain(self.key),
            "label": self.label,
            "outcome": str(self.outcome),
            "link": self.link,
            "verdicts": verdicts,
        }


@dataclass(frozen=True, slots=True)
class Unknown:
    """No such subject; *message* names the nearest."""

    message: str
    near: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The database could not be asked.

    Attributes:
        kind: the error's kind, or None where the time was up.
        failure: the name of what was raised where it was our own fault, else None.
    """

    category: str | None
    kind: str | None
    failure: str | None = None


def ways(state: State, wanted: str = "both") -> tuple[How, ...]:
    """Return the ways of deleting to judge; a plain table has no ORM way."""
    mapped = state.subject is not None and isinstance(state.subject.cls, type)
    found = BOTH if wanted == "both" else (How(wanted),)
    return found if mapped else tuple(how for how in found if how is How.SQL)


def report(
    state: State, text: str, hows: tuple[How, ...], language: str = DEFAULT, *, by_key: bool = False
) -> Report:
    """Find the subject that *text* means and judge it; *by_key* takes it for a key before all else.

    Raises:
        RuntimeError: the application named no subject.
        UnknownSubject: there is no such subject; the message names the nearest.
        SQLAlchemyError: the database can't be asked.
    """
    subject = subject_in(state)
    with own_connection(state.engine(), state.settings.check_timeout) as connection:
        key, label = subject.find(connection, text, by_key=by_key)
        link = _link(state, subject, connection, key)
        verdicts = tuple(verdict_by(connection, state, key, how, language) for how in hows)
    return Report(subject=subject.name, key=key, label=label, verdicts=verdicts, link=link)


def _link(state: State, subject: Subject, connection: Connection, key: Any) -> str | None:
    policy = None if state.rules is None else state.rules.policy
    if policy is None or policy.subject.link is None:
        return None
    return policy.subject_link(key, subject.values(connection, key, policy.subject_columns))


def report_in_time(
    state: State, text: str, language: str, hows: tuple[How, ...] = (), *, by_key: bool = False
) -> Report | Unknown | Unreachable:
    """Do the same for a page: within the time limit, and with an answer where there is no database."""
    return in_time(
        state,
        "judging a subject",
        lambda: report(state, text, hows or ways(state), language, by_key=by_key),
    )


def in_time(state: State, doing: str, ask: Callable[[], T]) -> T | Unknown | Unreachable:
    """Return what *ask* answers about the subject's database, or why it does not."""

    def asking() -> T | Unknown | Unreachable:
        try:
            return ask()
        except TooLate:
            raise
        except UnknownSubject as error:
            return Unknown(str(error.args[0]), getattr(error, "near", ()))
        except (SQLAlchemyError, OSError) as error:
            found = classify(error)
            return Unreachable(str(found.category), str(found.kind))
        except Exception as error:  # noqa: BLE001 the page stays up, and does not blame the database
            log_once(doing, error)
            return Unreachable(None, None, type(error).__name__)

    return within(state.settings.check_timeout * 2, asking, state.engine()) or Unreachable(None, None)


def probe(state: State, bind: str) -> Unreachable | None:
    """Ask the database of *bind* for nothing; return what it is that keeps it from answering, or None."""
    found = state.prober.ask(bind)
    return None if found.ok else Unreachable(found.category, found.kind)


def plain(value: Any) -> Any:
    """Return *value* as JSON can hold it: keys of other types as text, tuples as lists."""
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else key_text(value)
