"""Find the line where a mapping is written, by reading the source of the mapped class; nothing is imported or run."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from ._rule import Place

_Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def attribute_place(cls: type, *names: str) -> Place | None:
    """Return where *cls*, or a base or mixin of it, assigns the first of *names*; else where *cls* begins; else None."""
    for name in names:
        for owner in cls.__mro__:
            found = _assignment(owner, name)
            if found is not None:
                return found
    return class_place(cls)


def class_place(cls: type) -> Place | None:
    """Return where *cls* begins, or None where its source is not to be had."""
    definition = _definition(cls)
    return Place(_file(cls) or "", definition.lineno) if definition is not None else None


def _assignment(cls: type, name: str) -> Place | None:
    definition = _definition(cls)
    for statement in definition.body if definition is not None else ():
        if name in _assigned(statement):
            return Place(_file(cls) or "", statement.lineno)
    return None


def _assigned(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that one statement of a class body gives: assignments, and ``@declared_attr`` functions."""
    targets: list[Any] = []
    if isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    elif isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.FunctionDef):
        yield statement.name
    yield from (target.id for target in targets if isinstance(target, ast.Name))


def _file(cls: type) -> str | None:
    return getattr(sys.modules.get(cls.__module__), "__file__", None)


def _definition(cls: type) -> ast.ClassDef | None:
    file = _file(cls)
    return _definitions(file).get(cls.__qualname__) if file else None


@lru_cache(maxsize=256)
def _definitions(file: str) -> dict[str, ast.ClassDef]:
    """Return the classes in *file* by qualified name. Empty where the file is gone or is no Python source."""
    try:
        with open(file, "rb") as source:  # noqa: PTH123  as bytes, so that ast honours the coding line
            tree = ast.parse(source.read())
    except (OSError, SyntaxError, ValueError):
        return {}
    return dict(_classes(tree, ""))


def _classes(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.ClassDef]]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _Definition):
            yield from _classes(child, prefix)
            continue
        name = prefix + child.name
        if isinstance(child, ast.ClassDef):
            yield name, child
            yield from _classes(child, f"{name}.")
        else:
            yield from _classes(child, f"{name}.<locals>.")
