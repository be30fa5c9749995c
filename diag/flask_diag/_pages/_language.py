"""The language of a page, and its words: the sources are English, other languages are catalogues beside them.

A catalogue is read from its ``.po`` file, so that there is no compiled copy that could fall behind it.
"""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from gettext import NullTranslations
from importlib import resources

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from flask import Response, request

from flask_diag._cookies import cookie_path
from flask_diag._messages import DEFAULT, LANGUAGES
from flask_diag._messages import language as language_of_request

COOKIE = "diag_language"
PARAMETER = "lang"
YEAR = 365 * 24 * 3600  # seconds


@dataclass(frozen=True, slots=True)
class Language:
    """A language that the pages speak.

    Attributes:
        tag: for ``lang=``.
        name: in itself, for whoever chooses.
    """

    tag: str
    name: str


SPOKEN = (Language("en", "English"), Language("zh", "中文"))


def later(text: str) -> str:
    """Return *text* as it is: it is for the catalogue, and translated where it is shown."""
    return text


def page_language() -> str:
    """Return the language of the current page: what the visitor chose, else what the answers of the application speak."""
    for wanted in (request.args.get(PARAMETER), request.cookies.get(COOKIE)):
        if wanted in LANGUAGES:
            return wanted
    return language_of_request()


def keep_choice(response: Response) -> Response:
    """Remember the language that the visitor has just chosen."""
    chosen = request.args.get(PARAMETER)
    if chosen in LANGUAGES and request.cookies.get(COOKIE) != chosen:
        response.set_cookie(
            COOKIE,
            chosen,
            max_age=YEAR,
            path=cookie_path(),
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )
    return response


@functools.cache
def words(tag: str) -> NullTranslations:
    """Return the catalogue of a language; that of English hands the words back as they are."""
    if tag == DEFAULT:
        return NullTranslations()
    source = resources.files("flask_diag").joinpath(f"translations/{tag}.po")
    with source.open("rb") as file:
        catalogue = read_po(file, locale=tag)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)
