"""Where an error was met, from SQLAlchemy's exception and its traceback."""

from __future__ import annotations

from typing import Any

from ._classification import Phase

_FUNCTIONS = {
    "do_commit": Phase.COMMIT,
    "do_commit_twophase": Phase.COMMIT,
    "_commit_impl": Phase.COMMIT,
    "_commit_twophase_impl": Phase.COMMIT,
    "__connect": Phase.CONNECT,  # of the pool's record, also where a failed pre-ping makes it connect again
    "_create_connection": Phase.CONNECT,
    "do_connect": Phase.CONNECT,
    "_do_get": Phase.CHECKOUT,
}
_MOST_FRAMES = 200


def phase_of(wrapper: Any, error: BaseException | None) -> Phase | None:
    """Return the phase that a driver's exception was raised in; None: not known.

    A statement in SQLAlchemy's *wrapper* means execute. COMMIT and connecting have none: the names of SQLAlchemy's own
    functions in the traceback, of the wrapper or of the bare *error*, tell them apart.
    """
    if getattr(wrapper, "statement", None) is not None:
        return Phase.EXECUTE
    source = error if wrapper is None else wrapper
    phase = None
    frame = None if source is None else source.__traceback__
    for _ in range(_MOST_FRAMES):
        if frame is None:
            break
        found = _FUNCTIONS.get(frame.tb_frame.f_code.co_name)
        # drivers and applications have functions of these names, too
        if found is not None and str(frame.tb_frame.f_globals.get("__name__")).startswith("sqlalchemy"):
            phase = found
        frame = frame.tb_next
    return phase
