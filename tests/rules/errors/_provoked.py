"""What a provoked error must mean, wrapped by SQLAlchemy and bare."""

from __future__ import annotations

from diag_rules.errors import classify
from rules.errors._attempt import Situation


def assert_means(error: BaseException, situation: Situation) -> None:
    """Assert category, kind and constraint of *error*, and of the driver's own exception inside."""
    kinds = {situation.kind, *situation.known}
    orig = getattr(error, "orig", None)
    for each in (error, orig) if situation.bare and orig is not None else (error,):
        answer = classify(each)
        assert answer.category == situation.category, (answer, repr(each))
        assert answer.kind in kinds, (answer, repr(each))
        if situation.constraint is not None:
            assert answer.constraint == situation.constraint, (answer, repr(each))
