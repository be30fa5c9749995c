"""Tell whoever asked what a safe delete did: the floors above count it, and nothing here knows them."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session

from ._verdict import Verdict

Observer = Callable[[Session, Verdict, bool], None]

_observers: list[Observer] = []


def observe(observer: Observer) -> None:
    """Call *observer* after each safe delete that was no dry run, with its session, its verdict, and whether it was refused.

    A deletion that was done is the session's to commit or to roll back. What *observer* raises reaches the caller.
    """
    if observer not in _observers:
        _observers.append(observer)


def tell(session: Session, verdict: Verdict, *, refused: bool) -> None:
    """Tell every observer."""
    for observer in _observers:
        observer(session, verdict, refused)
