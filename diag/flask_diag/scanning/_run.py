"""Run a scan in this process, whole or one of its parts, and keep it where there is a store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sqlalchemy.exc import SQLAlchemyError

from diag_rules.deletion import Growth, ScanSummary, Verdict
from flask_diag._state import State, rules_in
from flask_diag._verdicts import asked
from flask_diag.store import ScanIncomplete, ScanRun, ScanRunning, StoreError
from flask_diag.store import ScanSummary as Kept
from flask_diag.store._scans import Scans

from ._heartbeat import beating
from ._keep import BEAT, LEASE, NotKept, drained, growth, join, keep_part, said
from ._read import Asked, Reading, parts_of, reading


class Watcher(Protocol):
    """Told of a scan while it runs."""

    def begins(self, found: Reading) -> None:
        """Learn that the verdicts begin."""

    def sees(self, verdict: Verdict) -> None:
        """Learn of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a scan came to.

    Attributes:
        subjects: how many it looked at.
        seconds: how long it took.
        grew: what changed since the last scan that was kept.
        before: that scan, or None.
        kept: the id of the scan in the store, or None where it is not kept.
        missing: parts that the scan in the store still needs.
        complaint: why it is not kept, or empty.
    """

    summary: ScanSummary
    subjects: int
    seconds: float
    grew: tuple[Growth, ...] = ()
    before: Kept | None = None
    kept: int | None = None
    missing: int = 0
    complaint: str = ""


def run_whole(state: State, wanted: Asked, watcher: Watcher, scans: Scans | None) -> Ran:
    """Scan what is wanted, and keep it where it is whole and *scans* are given.

    Raises:
        ScanRunning: another scan goes on, in the store.
        ScanFailed: the application's database can't be asked, or not in time.
    """
    if scans is None or not wanted.whole:
        return asked(lambda: _unkept(state, wanted, watcher), state.engine())
    subject = rules_in(state).name
    work = _Kept(state, wanted, watcher, scans)
    return asked(
        lambda: work.run(lambda: scans.begin(subject, wanted.how, lease=LEASE), wanted, 0), state.engine()
    )


def run_part(  # noqa: PLR0913, PLR0917 what a part is
    state: State, wanted: Asked, number: int, count: int, watcher: Watcher, scans: Scans | None
) -> Ran:
    """Scan part *number*, from 0, of *count*; with *scans* together with whoever scans the other parts.

    Raises what `run_whole` does, and ScanRunning where a scan goes on that is split in another way.
    """
    parts = parts_of(state, count, wanted.timeout)
    if number >= len(parts):  # fewer subjects than parts
        nothing = ScanSummary(subject=rules_in(state).name, how=wanted.how)
        return Ran(summary=nothing, subjects=0, seconds=0.0)
    part = within(wanted, parts[number])
    if scans is None or wanted.rules:
        return asked(lambda: _unkept(state, part, watcher), state.engine())
    subject = rules_in(state).name
    work = _Kept(state, wanted, watcher, scans)
    return asked(
        lambda: work.run(lambda: join(scans, subject, wanted.how, parts), part, number), state.engine()
    )


def within(wanted: Asked, part: tuple[Any, Any]) -> Asked:
    """Return what is wanted of one part, whose keys are as JSON holds them."""
    return replace(wanted, after=part[0], until=part[1])


def _unkept(state: State, wanted: Asked, watcher: Watcher) -> Ran:
    began = time.monotonic()
    with reading(state, wanted) as found:
        _watched(found, watcher)
        drained(found.verdicts)
        return _ran(found, began)


class _Kept:
    """A scan that is kept, or one part of it."""

    def __init__(self, state: State, wanted: Asked, watcher: Watcher, scans: Scans) -> None:
        self._state, self._wanted, self._watcher, self._scans = state, wanted, watcher, scans

    def run(self, begin: Callable[[], ScanRun], part: Asked, shard: int) -> Ran:
        try:
            run = begin()
            before = self._scans.latest(run.subject, run.how)
        except ScanRunning:
            raise
        except (StoreError, SQLAlchemyError) as error:  # better a scan that is not kept than none
            return replace(_unkept(self._state, part, self._watcher), complaint=said(error))
        if run.parts:  # where the one who began it has divided the keys
            part = within(part, run.parts[shard])
        try:
            return self._read(run, part, shard, before)
        except BaseException:
            if not run.parts:
                self._fail(run)
            raise

    def _read(self, run: ScanRun, part: Asked, shard: int, before: Kept | None) -> Ran:
        began = time.monotonic()
        beat = beating(lambda: self._scans.renew(run, lease=LEASE), BEAT)
        with beat, reading(self._state, part) as found:
            _watched(found, self._watcher)
            try:
                new = keep_part(self._scans, run, shard, found)
            except NotKept as error:
                drained(found.verdicts)
                self._fail(run)
                return replace(_ran(found, began), complaint=str(error))
        ran = replace(_ran(found, began), before=None if run.parts else before)
        ran = replace(ran, grew=growth(ran.summary, ran.before))
        if not new:
            ran = replace(ran, complaint=f"Part {shard + 1} of scan {run.id} is in the store already.")
        return self._finished(run, ran)

    def _finished(self, run: ScanRun, ran: Ran) -> Ran:
        try:
            return replace(ran, kept=self._scans.finish(run).id)
        except ScanIncomplete as error:
            return replace(ran, kept=run.id, missing=len(error.missing))
        except (StoreError, SQLAlchemyError) as error:
            return replace(ran, complaint=said(error))

    def _fail(self, run: ScanRun) -> None:
        if not run.parts:
            with suppress(StoreError, SQLAlchemyError):
                self._scans.fail(run)


def _watched(found: Reading, watcher: Watcher) -> None:
    """Let *watcher* see the verdicts as they are read."""
    verdicts = found.verdicts

    def seen() -> Iterator[Verdict]:
        for verdict in verdicts:
            watcher.sees(verdict)
            yield verdict

    watcher.begins(found)
    found.verdicts = seen()


def _ran(found: Reading, began: float) -> Ran:
    return Ran(summary=found.summary(), subjects=found.subjects, seconds=time.monotonic() - began)
