"""The settings in force: every ``DIAG_...`` and every argument, where each is from, and never a secret."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from prometheus_client import REGISTRY

from diag_exporters import name_of

from ._address import shown_url
from ._config import KEYS_OF, SECRET, Settings, default_of
from ._state import State
from ._tokens import PERMISSIONS

_REGISTRY = "prometheus_client.REGISTRY"
Origin = Literal["default", "app.config", "argument"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A setting of the diagnostics, as it is in force.

    Attributes:
        name: its key in `app.config`, or the argument's name.
        value: for people; secrets are left out of it.
        default: likewise.
        origin: who said so.
        meaning: what it does.
    """

    name: str
    value: str
    default: str
    origin: Origin
    meaning: str


def in_force(state: State) -> tuple[Setting, ...]:
    """Return every setting: those of `app.config`, then the arguments of `Diagnostics`."""
    return (*_settings(state.settings), *_arguments(state))


def _settings(settings: Settings) -> Iterator[Setting]:
    meanings = _told(Settings, r"``DIAG_\w+`` \(.*?\): ")
    for name, key in KEYS_OF.items():
        yield Setting(
            name=key,
            value=_value(name, getattr(settings, name)),
            default=_value(name, default_of(name)),
            origin="app.config" if name in settings.given else "default",
            meaning=meanings[name],
        )


def _value(name: str, value: Any) -> str:
    if name in SECRET:
        count = len(value.split()) if isinstance(value, str) else len(value)
        return "none" if not count else f"{count} given (hidden)"
    if name == "store_url" and value not in {None, default_of(name)}:
        return shown_url(value)
    return repr(value)


def _arguments(state: State) -> Iterator[Setting]:
    from ._extension import Diagnostics  # it knows us

    meanings = _told(Diagnostics, "")
    for name, (tell, default) in _ARGUMENTS.items():
        yield Setting(
            name=name,
            value=tell(state),
            default=default,
            origin="argument" if name in state.given else "default",
            meaning=meanings[name],
        )


def _databases(state: State) -> str:
    return ", ".join(f"{bind}: {shown_url(engine.url)}" for bind, engine in state.engines.items())


def _subject(state: State) -> str:
    return "none" if state.subject is None else f"{state.subject.name} ({state.subject.table.fullname})"


def _lookup(state: State) -> str:
    columns = () if state.subject is None else state.subject.lookups
    return ", ".join(column.name for column in columns) or "none"


def _tokens(state: State) -> str:
    """Name them: what they open, and until when; those of ``DIAG_TOKENS`` are among them."""
    told = (
        f"{token.name} ({'+'.join(sorted(token.permissions, key=PERMISSIONS.index))}{f', until {token.expires}' if token.expires else ''})"
        for token in state.tokens
    )
    return ", ".join(told) or "none"


def _registry(state: State) -> str:
    return _REGISTRY if state.registry is REGISTRY else "one of the application's own"


def _function(function: Callable[..., Any] | None) -> str:
    """Return where a function is written; what it holds may be anything, and is not shown."""
    if function is None:
        return "none"
    named = inspect.unwrap(function)
    return f"{getattr(named, '__module__', '?')}.{getattr(named, '__qualname__', type(named).__qualname__)}"


_ARGUMENTS: dict[str, tuple[Callable[[State], str], str]] = {
    "db": (_databases, "the application's Flask-SQLAlchemy"),
    "subject": (_subject, "the model named Project of Flask-SQLAlchemy"),
    "policy": (lambda state: "none" if state.policy is None else "given", "none"),
    "lookup": (_lookup, "name, or alike"),
    "exporters": (lambda state: ", ".join(map(name_of, state.exporters)), "prometheus, sentry, log"),
    "registry": (_registry, _REGISTRY),
    "authorize": (lambda state: _function(state.authorize), "none"),
    "tokens": (_tokens, "none"),
    "login": (lambda state: _function(state.login), "none"),
    "actor": (lambda state: _function(state.actor), "none"),
}


def _told(documented: type, lead: str) -> dict[str, str]:
    """Return the words of a docstring's entries (``name: words``) by name, without their *lead*."""
    text = inspect.getdoc(documented) or ""
    entries = re.findall(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", text, flags=re.MULTILINE)
    return {name: _sentence(re.sub(f"^{lead}", "", " ".join(words.split()))) for name, words in entries}


def _sentence(words: str) -> str:
    """Return *words* with a capital, unless they begin with a name, and without the marks of a docstring."""
    plain = re.sub("`+|[*]", "", words)
    return plain if words.startswith("`") else plain[:1].upper() + plain[1:]
