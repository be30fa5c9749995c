"""``flask diag store``, ``incidents`` and ``outages``: what was met, and how the store is."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from flask.cli import AppGroup, with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from diag_rules.deletion import UnknownSubject
from diag_rules.errors import Category

from ._cli_exit import NO_DATABASE, USAGE, as_json_text, fail
from ._cli_text import CATEGORY_COLOURS
from ._state import State, state
from ._subject import key_text
from ._verdicts import asked, own_connection
from ._visible import one_line
from .store import IncidentFilter, Outage, Store, StoredIncident, StoreError, StoreStatus, as_json

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGE = re.compile(r"(\d{1,6})([mhdw])")
NEEDS_ATTENTION = 1


class Age(click.ParamType[timedelta]):
    """A length of time: ``90m``, ``24h``, ``7d``, ``2w``."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the length, or fail with what may be given."""
        if isinstance(value, timedelta):
            return value
        found = _AGE.fullmatch(str(value))
        if found is None:
            self.fail(f"{str(value)[:40]!r} is no length of time: give 90m, 24h, 7d or 2w.", param, ctx)
        return timedelta(**{_UNITS[found[2]]: int(found[1])})


@click.command("incidents")
@click.argument("name_or_key", required=False)
@click.option("--category", type=click.Choice([str(one) for one in Category]), help="Only of this category.")
@click.option("--kind", help="Only of this kind, such as unique_violation.")
@click.option("--request-id", help="The reference number that an answer named.")
@click.option("--since", type=Age(), default="7d", show_default=True, help="Not older: 90m, 24h, 7d, 2w.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@click.option("--after", help="Go on where the page before ended: its --json says where.")
@click.option("--json", "as_json_", is_flag=True, help="For programs.")
@with_appcontext
def incidents(  # noqa: PLR0913, PLR0917 click passes each option as an argument
    name_or_key: str | None,
    category: str | None,
    kind: str | None,
    request_id: str | None,
    since: timedelta,
    limit: int,
    after: str | None,
    as_json_: bool,  # noqa: FBT001 as above
) -> None:
    """List what was met lately, folded, or what the subject NAME_OR_KEY met, and whether there was an outage then.

    Exit code: 0, 2 wrong usage, 4 the store can't be asked.

    Example: flask diag incidents sampleproject --since 30d
    """
    found, start = state(), datetime.now(UTC) - since
    with _store_errors():
        store = _store(found)
        if name_or_key is not None and found.subject is not None:
            keys = _keys(found, name_or_key)
            history = store.history(found.subject.name, keys, since=start, limit=limit)
            rows, answer = history.incidents, as_json(history)
        else:
            wanted = IncidentFilter(category=category, kind=kind, request_id=request_id, since=start)
            page = store.incidents(wanted, after=after, limit=limit)
            rows, answer = page.items, as_json(page)
    if as_json_:
        click.echo(as_json_text(answer))
    else:
        click.echo("\n".join(map(_incident_text, rows)) or "No incidents.")


@click.command("outages")
@click.option("--since", type=Age(), default="7d", show_default=True, help="Not older: 90m, 24h, 7d, 2w.")
@click.option("--bind", help="Only of this database of the application.")
@click.option("--json", "as_json_", is_flag=True, help="For programs.")
@with_appcontext
def outages(since: timedelta, bind: str | None, as_json_: bool) -> None:  # noqa: FBT001 click passes flags by name
    """List when a database was out, over all replicas.

    Exit code: 0 none lasts, 1 one does, 2 wrong usage, 4 the store can't be asked.

    Example: flask diag outages --since 24h
    """
    now = datetime.now(UTC)
    with _store_errors():
        found = _store(state()).outages(now - since, now, bind=bind)
    click.echo(
        as_json_text(as_json(found)) if as_json_ else "\n".join(map(_outage_text, found)) or "No outages."
    )
    sys.exit(1 if any(one.ended is None for one in found) else 0)


store_group = AppGroup(
    "store",
    help="The incident store: how it is, its schema, its retention.\n\nExample: flask diag store status",
)


@store_group.command("status")
@click.option("--json", "as_json_", is_flag=True, help="For programs.")
@with_appcontext
def status(as_json_: bool) -> None:  # noqa: FBT001 click passes flags by name
    """Say where the store is, whether its schema is the one we write, what it holds and what was lost.

    Exit code: 0 all is well, 1 its schema needs attention, 2 there is none, 4 it can't be reached.

    Example: flask diag store status
    """
    with _store_errors():
        found = _store(state()).status()
    click.echo(as_json_text(as_json(found)) if as_json_ else _status_text(found))
    if found.schema == "unreachable":
        sys.exit(NO_DATABASE)
    sys.exit(NEEDS_ATTENTION if found.message else 0)


@store_group.command("upgrade")
@click.option("--json", "as_json_", is_flag=True, help="For programs.")
@with_appcontext
def upgrade(as_json_: bool) -> None:  # noqa: FBT001 click passes flags by name
    """Make the store's tables, or bring them to the newest version. Safe to run again, and by several at once.

    Exit code: 0 done, 2 the tables are not ours, 4 the store can't be reached.

    Example: flask diag store upgrade
    """
    with _store_errors():
        store = _store(state())
        store.upgrade()
        found = store.status()
    click.echo(as_json_text(as_json(found)) if as_json_ else _status_text(found))


@store_group.command("prune")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="By default DIAG_STORE_DAYS.")
@click.option("--rows", type=click.IntRange(min=1), help="By default DIAG_STORE_ROWS.")
@click.option("--json", "as_json_", is_flag=True, help="For programs.")
@with_appcontext
def prune(days: float | None, rows: int | None, as_json_: bool) -> None:  # noqa: FBT001 click passes flags by name
    """Delete what is too old, and the oldest incidents above a number of rows; the application does so by itself.

    Exit code: 0 done, 4 the store can't be reached.

    Example: flask diag store prune --days 30
    """
    with _store_errors():
        gone = _store(state()).prune(days=days, rows=rows)
    click.echo(as_json_text({"deleted": gone}) if as_json_ else f"{gone:,} rows deleted.")


def _store(found: State) -> Store:
    if found.store is None:
        fail("This application has no incident store: DIAG_STORE_URL is None.", USAGE)
    return found.store


@contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        fail(str(error), NO_DATABASE)
    except ValueError as error:
        fail(str(error), USAGE)
    except (SQLAlchemyError, OSError) as error:
        fail(f"The store can't be reached: {type(error).__name__}.", NO_DATABASE)


def _keys(found: State, text: str) -> tuple[str, ...]:
    """Return how incidents may name the subject that *text* means: as typed, by its key, by its name."""
    keys = [text]
    if found.subject is not None:
        with suppress(
            UnknownSubject, SQLAlchemyError, OSError
        ):  # the history outlives the subject, and the database
            keys += asked(lambda: _spellings(found, text), found.engine())
    return tuple(dict.fromkeys(keys))


def _spellings(found: State, text: str) -> list[str]:
    subject = found.subject
    if subject is None:
        return []
    with own_connection(found.engine(), found.settings.check_timeout) as connection:
        key, label = subject.find(connection, text)
        return [key_text(key), label]


def _incident_text(met: StoredIncident) -> str:
    head = click.style(met.category, fg=CATEGORY_COLOURS[Category(met.category)], bold=True)
    words = [f"{met.last_seen:%Y-%m-%d %H:%M:%S}", f"{met.count:>6,} x", head, met.kind]
    words += [f"({met.code})"] if met.code else []
    words += [f"on {met.broke}"] if met.broke else []
    words += [f"{met.subject} {one_line(met.subject_key)}"] if met.subject_key else []
    words += [f"in {met.endpoint}"] if met.endpoint else []
    words += [f"request {met.request_id}"] if met.request_id else []
    words += [f"Sentry {met.sentry_event_id}"] if met.sentry_event_id else []
    words += [click.style("during an outage", fg="red")] if met.outage else []
    return "  ".join(words)


def _outage_text(found: Outage) -> str:
    start = f"{found.started:%Y-%m-%d %H:%M:%S}"
    if found.ended is None:
        end = click.style("it lasts", fg="red", bold=True)
    else:
        end = f"to {found.ended:%Y-%m-%d %H:%M:%S}, {(found.ended - found.started).total_seconds():,.1f} s"
        end += " (nobody saw its end)" if found.assumed else ""
    kinds = ", ".join(found.kinds) or "kinds not known"
    return f"{start}  {end}  {found.bind}: {kinds}; {found.count:,} incidents in {found.replicas} processes"


def _status_text(found: StoreStatus) -> str:
    version = f" ({found.version})" if found.version else ""
    lines = [f"store     {found.url}", f"schema    {found.schema}{version}"]
    if not found.message:
        oldest = f", since {found.oldest:%Y-%m-%d %H:%M}" if found.oldest else ""
        lines.append(f"incidents {found.incidents:,} rows{oldest}")
        lines.append(f"written   {found.written:,} by {found.writers:,} processes")
        lines.append(f"lost      {found.dropped:,} dropped, {found.lost:,} in the memory of killed processes")
    lines.append(f"waiting   {found.queued:,}")
    if found.message:
        lines.append(click.style(found.message, fg="red"))
    return "\n".join(lines)
