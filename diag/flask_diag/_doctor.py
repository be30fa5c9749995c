"""Is this installation right? Each check says what it found, and what to do where that is wrong."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from diag_rules.deletion import Finding, Severity
from diag_rules.errors._drivers import reader_of

from . import _answers as answers
from ._access import is_open
from ._address import shown_url
from ._codes import DIALECTS
from ._csrf import is_refused_by_host
from ._doctor_search import unindexed
from ._findings import NotAsked, database_findings
from ._guard import log_once
from ._in_front import in_front
from ._pages import NAME as PAGES
from ._state import State
from .store._schema import CURRENT, EMPTY

NOT_ENFORCED = "reference-not-enforced"
SOON = timedelta(days=14)
PROBE_SECONDS = 10.0  # somebody waits for the answer, and a database that is slow is not down


class Health(StrEnum):
    """How one thing is: right, right for some, or wrong."""

    OK = "ok"
    MIND = "mind"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What one check found.

    Attributes:
        name: what was looked at: ``database default``.
        fix: what to do; empty where nothing is.
    """

    name: str
    health: Health
    detail: str
    fix: str = ""


def examine(app: Flask, state: State) -> list[Checked]:
    """Return every check's answer. A check that fails itself is wrong, and stops no other."""
    found: list[Checked] = []
    checks: tuple[Callable[[], Iterator[Checked]], ...] = (
        lambda: _databases(state),
        lambda: _drivers(state),
        lambda: _schema(state),
        lambda: _subject(state),
        lambda: _search(state),
        lambda: _access(app, state),
        lambda: _forms(app),
        lambda: _tokens(state),
        _workers,
        lambda: _store(state),
        lambda: _handlers(app, state),
    )
    for check in checks:
        try:
            found.extend(check())
        except Exception as error:  # noqa: BLE001 one more thing that is not right, told with the others
            log_once("examining the installation", error)
            found.append(
                Checked(
                    name="doctor",
                    health=Health.WRONG,
                    detail=f"A check failed with {type(error).__name__}.",
                    fix="Run it with logging at DEBUG, and report what the log of flask_diag says.",
                )
            )
    return found


def _databases(state: State) -> Iterator[Checked]:
    for bind, engine in state.engines.items():
        probed = state.prober.ask(bind, max(PROBE_SECONDS, state.settings.check_timeout))
        name = f"database {bind}"
        if probed.ok:
            yield Checked(name=name, health=Health.OK, detail=f"answers in {probed.seconds * 1000:.0f} ms")
            continue
        why = f"{probed.category}, {probed.kind}" if probed.kind else "no answer in time"
        yield Checked(
            name=name,
            health=Health.WRONG,
            detail=f"does not answer: {why}",
            fix=f"Make {shown_url(engine.url)} reachable from here.",
        )


def _drivers(state: State) -> Iterator[Checked]:
    for bind, engine in state.engines.items():
        error = getattr(engine.dialect.loaded_dbapi, "Error", Exception)
        what = f"{engine.dialect.name} through {engine.dialect.driver}"
        known = reader_of(error) is not None and engine.dialect.name in DIALECTS
        yield Checked(
            name=f"driver of {bind}",
            health=Health.OK if known else Health.MIND,
            detail=what
            if known
            else f"{what} is not known: its errors are unknown unless they have a SQLSTATE",
            fix=""
            if known
            else "Add its codes with diag_rules.errors.register, or use a driver that is known.",
        )


def _schema(state: State) -> Iterator[Checked]:
    """Look at what the database itself says: are foreign keys enforced, are the models' tables there?"""
    if state.subject is None:
        return
    try:
        rows = database_findings(state)
    except NotAsked:
        return  # the database's own check has said so
    except LookupError as error:
        yield Checked(
            name="schema", health=Health.WRONG, detail=str(error.args[0]), fix="Run the migrations."
        )
        return
    off = [row for row in rows if row.rule == NOT_ENFORCED]
    for row in off:
        yield Checked(name="foreign keys", health=Health.WRONG, detail=row.message, fix=row.fix)
    if not off:
        yield Checked(name="foreign keys", health=Health.OK, detail="enforced")
    yield _hazards([row for row in rows if row.severity is Severity.ERROR and row not in off])


def _hazards(errors: list[Finding]) -> Checked:
    if not errors:
        return Checked(
            name="models", health=Health.OK, detail="nothing in them refuses a deletion by mistake"
        )
    return Checked(
        name="models",
        health=Health.MIND,
        detail=f"{len(errors)} hazard{'' if len(errors) == 1 else 's'}, the first at {errors[0].where}",
        fix="Run `flask diag audit --database`, which says what to change.",
    )


def _subject(state: State) -> Iterator[Checked]:
    if state.subject is None:
        yield Checked(
            name="subject",
            health=Health.MIND,
            detail="none: errors are diagnosed, deletions are not",
            fix="Pass subject=Project, the class whose deletions are judged.",
        )
    elif not state.subject.lookups:
        yield Checked(
            name="subject",
            health=Health.MIND,
            detail=f"{state.subject.name} is found by its key only",
            fix='Pass lookup="...", the column that people know it by.',
        )
    else:
        known = ", ".join(column.name for column in state.subject.lookups)
        yield Checked(
            name="subject", health=Health.OK, detail=f"{state.subject.name}, found by {known} or key"
        )


def _search(state: State) -> Iterator[Checked]:
    for one in unindexed(state):
        yield Checked(
            name="search",
            health=Health.MIND,
            detail=f"each search by {one.column} reads all of {one.table}, some {one.rows:,} rows",
            fix=f"{one.create};",
        )


def _access(app: Flask, state: State) -> Iterator[Checked]:
    if not is_open(state):
        yield Checked(
            name="access",
            health=Health.MIND,
            detail="closed: nobody sees pages, API and metrics, scrapers included",
            fix="Pass authorize= or login=, or make a token with `flask diag token`.",
        )
        return
    ways = [name for name, way in (("authorize", state.authorize), ("login", state.login)) if way is not None]
    ways += [f"{len(state.tokens)} token{'' if len(state.tokens) == 1 else 's'}"] if state.tokens else []
    yield Checked(name="access", health=Health.OK, detail=", ".join(ways))
    if not app.secret_key:
        yield Checked(
            name="secret key",
            health=Health.MIND,
            detail="none: people can look, but not act, since no form can be signed",
            fix="Set SECRET_KEY to a long random text, the same in every process.",
        )


def _forms(app: Flask) -> Iterator[Checked]:
    if is_refused_by_host(app, PAGES):
        yield Checked(
            name="forms",
            health=Health.MIND,
            detail="Flask-WTF was set up after the diagnostics, and refuses the forms of their pages",
            fix=f"Call CSRFProtect(app) before diag.init_app(app), or csrf.exempt(app.blueprints[{PAGES!r}]).",
        )


def _tokens(state: State) -> Iterator[Checked]:
    today = datetime.now(UTC).date()
    for token in state.tokens:
        if token.expires is not None and token.expires <= today + SOON:
            yield Checked(
                name=f"token {token.name}",
                health=Health.MIND,
                detail=f"{'expired' if token.expired else 'expires'} on {token.expires}",
                fix=f"Make another with `flask diag token {token.name}`, and remove this one from DIAG_TOKENS.",
            )


def _workers() -> Iterator[Checked]:
    """Look whether metrics are summed over processes. The command can't see the server, only its environment."""
    folder, several = os.environ.get("PROMETHEUS_MULTIPROC_DIR"), _several_workers()
    if folder:
        sound = Path(folder).is_dir() and os.access(folder, os.W_OK)
        yield Checked(
            name="workers",
            health=Health.OK if sound else Health.WRONG,
            detail=f"PROMETHEUS_MULTIPROC_DIR is {folder}" + ("" if sound else ", which can't be written to"),
            fix="" if sound else "Make the folder before the server starts, as flask_diag.gunicorn does.",
        )
    else:
        yield Checked(
            name="workers",
            health=Health.WRONG if several else Health.MIND,
            detail="PROMETHEUS_MULTIPROC_DIR is not set: a scrape shows one process of "
            + ("several" if several else "the server, which is right where there is only one"),
            fix="With several workers, put `from flask_diag.gunicorn import *` in gunicorn.conf.py.",
        )


def _several_workers() -> bool:
    said = os.environ.get("WEB_CONCURRENCY", "")
    given = re.search(r"(?:-w|--workers)[ =]*(\d+)", os.environ.get("GUNICORN_CMD_ARGS", ""))
    return int(given[1] if given else said if said.isdecimal() else 1) > 1


def _store(state: State) -> Iterator[Checked]:
    if state.store is None:
        yield Checked(
            name="store",
            health=Health.MIND,
            detail="none: incidents are not kept",
            fix="Leave DIAG_STORE_URL at its default, or set it to a database that all replicas share.",
        )
        return
    status = state.store.status()
    if status.schema in (CURRENT, EMPTY) and not state.store.database.writable:
        yield Checked(
            name="store",
            health=Health.WRONG,
            detail=f"{status.url}: this user may not write it",
            fix="Let it, or set DIAG_STORE_URL to a place of its own.",
        )
    elif status.schema == CURRENT:
        yield Checked(
            name="store", health=Health.OK, detail=f"{status.url}, {status.incidents:,} incidents kept"
        )
    elif status.schema == EMPTY:
        yield Checked(name="store", health=Health.OK, detail=f"{status.url}, which the first incident makes")
    else:
        yield Checked(
            name="store",
            health=Health.WRONG,
            detail=status.message or f"{status.url}: its schema is {status.schema}",
            fix=f"Make {status.url} reachable and writable, and run `flask diag store upgrade`.",
        )


def _handlers(app: Flask, state: State) -> Iterator[Checked]:
    if not state.settings.answers:
        yield Checked(
            name="answers", health=Health.MIND, detail="DIAG_ANSWERS is False", fix="Is that meant?"
        )
        return
    frameworks = in_front(app)
    if frameworks:
        yield Checked(
            name="answers",
            health=Health.MIND,
            detail=f"{', '.join(frameworks)} answers the errors of its routes itself, with 500",
            fix="Let it ask first: `api.handle_error = lambda error: diag.answer(error) or Api.handle_error(api, error)`.",
        )
        return
    handlers = app.error_handler_spec[None][None]
    own = [
        cls.__name__
        for cls, handler in handlers.items()
        if handler is not answers._handle  # noqa: SLF001 ours, and nothing else
        and (issubclass(cls, SQLAlchemyError) or issubclass(SQLAlchemyError, cls))
    ]
    if own:
        yield Checked(
            name="answers",
            health=Health.MIND,
            detail=f"the application answers {', '.join(own)} itself",
            fix="Is that meant? Its handler may return diag.answer(error) where that is not None.",
        )
    else:
        yield Checked(name="answers", health=Health.OK, detail="database errors get 409, 422, 503 or 500")
