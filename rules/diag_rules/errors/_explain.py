"""What a bare code means: for people who have a code and no exception."""

from __future__ import annotations

from ._classification import Classification
from ._answer import answer
from ._judge import judged
from ._reading import Reading


def explain(dialect: str, code: str | int) -> Classification:
    """Return what *code* means on *dialect*, from the same tables as `classify`.

    ``explain("postgresql", "23503")``, ``explain("mysql", 1451)``, ``explain("sqlite", 787)``,
    ``explain("oracle", "ORA-02292")``. A code that no table knows is ``unknown``.
    """
    text = str(code).strip()
    number = int(text) if text.lstrip("-").isdigit() and len(text) < 10 else None
    if dialect == "postgresql":
        return answer(judged(Reading("", dialect, text, text), None))
    return answer(judged(Reading("", dialect, None, number if number is not None else text), None))
