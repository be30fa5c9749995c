"""Texts of a policy: one per language and plural form, with placeholders that are checked when the policy is loaded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from string import Formatter
from typing import Any
from urllib.parse import quote

from ._policy_errors import PolicyError, nearest

DEFAULT = "en"


@dataclass(frozen=True, slots=True)
class Texts:
    """What to say, by language tag and then by plural form (``one``, ``few``, ``other``, as Unicode's CLDR names them)."""

    forms: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, written: Any, what: str) -> Texts:
        """Check and take over *written*: a string, or strings or plural forms by language.

        Raises PolicyError, naming *what*, for an unknown language, a plural form that the language lacks, a
        missing ``other``, or a value that is no text.
        """
        if isinstance(written, str):
            written = {DEFAULT: written}
        if not isinstance(written, Mapping) or not written:
            raise PolicyError(
                f"{what} must be a text, or texts by language, as in {{en = '...'}}; it is {written!r}."
            )
        return cls({_tag(tag, what): _plurals(tag, value, what) for tag, value in written.items()})

    def render(self, language: str, count: int, values: Mapping[str, Any]) -> str:
        """Return the text for *count* in the closest *language* there is. Raises KeyError for a value not in *values*."""
        tag = self.closest(language)
        forms = self.forms[tag]
        return forms.get(plural(tag, count), forms["other"]).format_map(values)

    def closest(self, language: str) -> str:
        """Return the tag to use for *language*: itself, its language without the region, English, or the first."""
        return _closest(tuple(self.forms), language)

    def placeholders(self) -> Iterator[str]:
        """Yield each placeholder. Raises PolicyError for anything but a plain ``{name}``."""
        for forms in self.forms.values():
            for text in forms.values():
                yield from placeholders(text)


@lru_cache(maxsize=1024)
def _closest(tags: tuple[str, ...], language: str) -> str:
    parts = language.replace("-", "_").split("_")
    shorter = ["_".join(parts[:length]) for length in range(len(parts), 0, -1)]
    kin = [tag for tag in tags if tag.split("_")[0] == parts[0]]
    return next(tag for tag in (*shorter, *kin, DEFAULT, *tags) if tag in tags)


def placeholders(text: str) -> Iterator[str]:
    """Yield the names in *text*. Raises PolicyError for ``{}``, ``{a.b}``, ``{a[0]}``, ``{a!r}``, ``{a:>9}``, ``{``."""
    try:
        for _, name, spec, conversion in Formatter().parse(text):
            if name is None:
                continue
            if spec or conversion or not name.isidentifier():
                raise PolicyError(
                    f"{text!r} has a placeholder that is more than a name: write {{count}}, {{key}} or a column."
                )
            yield name
    except ValueError as error:
        if isinstance(error, PolicyError):
            raise
        raise PolicyError(
            f"{text!r} has an unmatched brace: write {{{{ for a brace that should stay."
        ) from None


def check_placeholders(texts: Texts, known: Collection[str], what: str) -> frozenset[str]:
    """Return the placeholders of *texts*. Raises PolicyError for one that is not *known*, with the nearest name."""
    used = frozenset(texts.placeholders())
    for name in sorted(used - set(known)):
        raise PolicyError(f"{what} has an unknown placeholder {{{name}}}{nearest(name, known)}")
    return used


def plural(tag: str, count: int) -> str:
    """Return the plural form that the language *tag* uses for *count*: ``one``, ``other``, ..."""
    return _plural_rule(tag)(count)


@lru_cache(maxsize=1024)
def _plural_rule(tag: str) -> Callable[[int], str]:
    """Return what tells a count's plural form: Babel parses the tag anew each time, slower than a database counts."""
    from babel import Locale  # here and below: slow to load, and needed only where there is a hint to word

    rule: Callable[[int], str] = Locale.parse(tag).plural_form
    return rule


def fill_link(template: str, values: Mapping[str, Any]) -> str | None:
    """Fill a link, each value escaped for a URL path; None where a value is not known, as a broken link helps nobody.

    Nor where a value is a step: browsers take ``..``, escaped or not, and would open another page of the application.
    """
    names = list(placeholders(template))
    if any(values.get(name) is None for name in names):
        return None
    filled = template.format_map({name: quote(str(values[name]), safe="") for name in names})
    segments = zip(
        template.split("/"), filled.split("/"), strict=True
    )  # no value adds one: its slashes are escaped
    steps = any(own != segment and segment in _STEPS for own, segment in segments)
    return None if steps else filled


_STEPS = frozenset((".", ".."))


def _tag(tag: str, what: str) -> str:
    from babel import Locale, UnknownLocaleError
    from babel.localedata import locale_identifiers

    try:
        return str(Locale.parse(str(tag).replace("-", "_")))
    except (UnknownLocaleError, ValueError):
        raise PolicyError(
            f"{what} has an unknown language {tag!r}{nearest(str(tag), locale_identifiers())}"
        ) from None


def _plurals(tag: str, value: Any, what: str) -> Mapping[str, str]:
    forms = {"other": value} if isinstance(value, str) else value
    if not isinstance(forms, Mapping) or not all(isinstance(text, str) for text in forms.values()):
        raise PolicyError(f"{what} in {tag!r} must be a text or its plural forms; it is {value!r}.")
    from babel import Locale

    known = {*Locale.parse(_tag(tag, what)).plural_form.tags, "other"}
    for form in forms:
        if form not in known:
            raise PolicyError(
                f"{what} has a plural form {form!r}, which {tag!r} does not know{nearest(form, known)}"
            )
    if "other" not in forms:
        raise PolicyError(f"{what} in {tag!r} lacks the plural form 'other', which every language needs.")
    return dict(forms)
