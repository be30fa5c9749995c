"""Templates in one language: what depends on no value is translated when a template is compiled, and not at each page."""

from __future__ import annotations

from gettext import NullTranslations
from typing import Any

from jinja2 import Environment, nodes
from jinja2.visitor import NodeTransformer
from markupsafe import Markup


class Worded(Environment):
    """A template environment that has the words of one catalogue."""

    def __init__(self, words: NullTranslations, **options: Any) -> None:
        super().__init__(**options, extensions=["jinja2.ext.i18n"])
        self._words = words
        self.install_gettext_translations(words, newstyle=True)  # type: ignore[attr-defined] # the extension's

    def _generate(self, source: nodes.Template, *more: Any, **options: Any) -> str:
        """Return the code of a template; Jinja has this method for others to override."""
        return super()._generate(_Translator(self._words).visit(source), *more, **options)


class _Translator(NodeTransformer):
    def __init__(self, words: NullTranslations) -> None:
        self._words = words

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 Jinja's name
        self.generic_visit(node)
        return nodes.Const(self._said(node.args[0].value), lineno=node.lineno) if _is_plain(node) else node  # type: ignore[attr-defined] # it is a Const

    def _said(self, text: str) -> Markup:
        return Markup(self._words.gettext(text)) % {}  # noqa: S704 our own words; %% is a percent sign, as elsewhere


def _is_plain(node: nodes.Call) -> bool:
    """Tell whether *node* is ``_`` of a text, and nothing to fill in."""
    named = isinstance(node.node, nodes.Name) and node.node.name == "_"
    return named and not node.kwargs and len(node.args) == 1 and isinstance(node.args[0], nodes.Const)
