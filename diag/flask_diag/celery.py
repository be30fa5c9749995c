"""Scans over the team's own Celery workers, scheduled by beat.

Two lines where the Celery application is made, in workers and beat alike::

    from flask_diag.celery import register

    register(celery_app, flask_app)

A scan's state is in the store alone: which parts it has, which of them are kept, and who does which. The messages are
hints to look there, so that the broker may lose, delay or repeat any of them, and workers may be killed: a task that beat
sends every `tend` seconds sends again what nobody does. All workers need the same store, and the same application database.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from celery import Celery, Task  # type: ignore[import-untyped]
from flask import Flask

from diag_rules.deletion import How

from ._state import State, state_of, subject_in
from ._subject import Subject
from .scanning import SharedScan, Sharing, default_way
from .store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanTasks:
    """What `register` has added.

    Attributes:
        scan: begins a scan, unless one goes on; send it to have one now.
        part: does one part of a scan.
        tend: sends again what nobody does, and gives up what takes too long.
    """

    scan: Task
    part: Task
    tend: Task


def register(  # noqa: PLR0913 each is a setting of its own, by keyword
    celery: Celery,
    app: Flask,
    *,
    every: timedelta | float | Any | None = timedelta(hours=1),
    parts: int = 8,
    how: How | str | None = None,
    queue: str | None = None,
    timeout: float = 300.0,
    tend: float = 60.0,
    claim: float = 120.0,
    give_up: timedelta = timedelta(hours=6),
) -> ScanTasks:
    """Add the tasks of scans of *app*'s subject to *celery*, and their schedule for beat.

    Args:
        celery: the team's own Celery application.
        app: it must have diagnostics with a subject and a store.
        every: when beat begins a scan: a timedelta, seconds or a Celery schedule such as crontab; None: only when
            somebody sends `ScanTasks.scan`.
        parts: into how many parts a scan is split.
        how: the way of deleting that is judged; by default the application's.
        queue: where the tasks go; by default where Celery sends every task.
        timeout: seconds that one statement may take.
        tend: seconds after which beat looks for parts that nobody does.
        claim: seconds without a sign of life after which a worker counts as dead, and another does its part.
        give_up: a scan that takes longer is given up.

    Raises:
        RuntimeError: *app* has no diagnostics, subject or store.
        ValueError: one of the settings can't be.
    """
    if parts < 1 or tend <= 0 or claim <= 0 or timeout <= 0:
        raise ValueError(
            f"parts={parts}, tend={tend}, claim={claim}, timeout={timeout}: give 1 part or more, and some seconds."
        )
    state, subject, store = _checked(app)
    settings = Sharing(
        how=default_way(state) if how is None else How(how),
        parts=parts,
        timeout=timeout,
        claim=claim,
        give_up=give_up,
    )

    def send(scan: int, owner: str, shard: int) -> None:
        tasks.part.apply_async((scan, owner, shard), expires=give_up.total_seconds(), **route)

    route = {} if queue is None else {"queue": queue}  # with each message: Celery 6 has no task.queue
    tasks = _tasks(celery, app.name, SharedScan(state, subject.name, store, settings, send))
    _schedule(partial(celery.add_periodic_task, **route), tasks, app.name, every, tend)
    return tasks


def _checked(app: Flask) -> tuple[State, Subject, Store]:
    state = state_of(app)
    if state is None:
        raise RuntimeError(
            f"The app {app.name!r} has no diagnostics: call Diagnostics(app, db) before register(celery, app)."
        )
    subject = subject_in(state)
    if state.store is None:
        raise RuntimeError(
            "DIAG_STORE_URL is None, so workers can't share a scan: give it a store that all of them reach."
        )
    return state, subject, state.store


def _tasks(celery: Celery, name: str, work: SharedScan) -> ScanTasks:
    def scan() -> None:
        """Begin a scan, unless one goes on."""
        work.scan()

    def part(scan: int, owner: str, shard: int) -> None:
        """Do one part of a scan."""
        work.part(scan, owner, shard)

    def tend() -> None:
        """Look after the scan that goes on."""
        work.tend()

    made = {  # shared: with other Celery applications, that is
        each.__name__: celery.task(
            name=f"flask_diag.{name}.{each.__name__}", ignore_result=True, shared=False
        )(each)
        for each in (scan, part, tend)
    }
    return ScanTasks(**made)


def _schedule(add: Callable[..., Any], tasks: ScanTasks, name: str, every: Any, tend: float) -> None:
    """Beat's messages expire, so that they do not pile up while no worker is there."""
    seconds = every.total_seconds() if isinstance(every, timedelta) else every
    expires = seconds if isinstance(seconds, int | float) else None
    if every is not None:
        add(every, tasks.scan.s(), name=f"flask-diag scan {name}", expires=expires)
    add(tend, tasks.tend.s(), name=f"flask-diag tend {name}", expires=tend * 10)
