"""What an exception means: `classify` an exception, `explain` a code."""

from ._classification import Category, Classification, Phase, Retry
from ._classify import classify
from ._explain import explain, explain_line
from ._kinds import Kind
from ._meanings import PAIRS
from ._registry import register
from ._settings import Settings, configure

__all__ = [
    "PAIRS",
    "Category",
    "Classification",
    "Kind",
    "Phase",
    "Retry",
    "Settings",
    "classify",
    "configure",
    "explain",
    "explain_line",
    "register",
]
