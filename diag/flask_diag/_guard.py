"""Keep our own failures from the host: log each cause once, and go on."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

logger = logging.getLogger("flask_diag")

_seen: set[tuple[str, str, int]] = set()
_MAX_SEEN = 1000
_quiet: ContextVar[bool] = ContextVar("diag_quiet", default=False)


class guarded:  # noqa: N801 used as a function; a generator would cost three times as much on each error
    """Swallow what is raised inside, and log it once a cause; *doing* says what was tried, *but* passes."""

    __slots__ = ("_but", "_doing")

    def __init__(self, doing: str, but: type[Exception] | tuple[()] = ()) -> None:
        self._doing, self._but = doing, but

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> bool:
        """Let nothing of ours reach the host; what ends a process or a task is none of ours."""
        if not isinstance(error, Exception) or isinstance(error, self._but):
            return False
        log_once(self._doing, error)
        return True


def log_once(doing: str, error: BaseException) -> None:
    """Log *error* without its text, which may quote SQL parameters; with a traceback where DEBUG is on."""
    trace, line = error.__traceback__, 0
    while trace is not None:
        line, trace = trace.tb_lineno, trace.tb_next
    cause = (doing, type(error).__qualname__, line)
    if cause not in _seen and len(_seen) < _MAX_SEEN:
        _seen.add(cause)
        logger.warning(
            "Diagnostics failed while %s: %s. The application goes on; this cause is logged once.",
            doing,
            type(error).__qualname__,
            exc_info=sys.exc_info() if logger.isEnabledFor(logging.DEBUG) else None,
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Mark database work inside as ours: its errors are not the application's and are not counted."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def is_quiet() -> bool:
    """Tell whether the current database work is ours."""
    return _quiet.get()
