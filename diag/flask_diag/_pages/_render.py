"""Draw a page.

The pages have a template environment of their own: a context processor of the host's may ask the database that is down,
and a name that a template misspells is an error here, not a gap in the page.
"""

from __future__ import annotations

import functools
from typing import Any
from urllib.parse import quote, urlencode

from flask import Response, current_app, make_response, request, url_for
from jinja2 import Environment, PackageLoader, StrictUndefined

from flask_diag._csrf import csrf_token
from flask_diag._state import state
from flask_diag._subject import key_text
from flask_diag._visible import drawn

from ._language import PARAMETER, SPOKEN, page_language, words
from ._navigation import banner, entries
from ._noun import noun
from ._script import nonce
from ._texts import ago, category, day, length_of, moment, number, shown, stamp
from ._worded import Worded


def page(template: str, status: int = 200, **values: Any) -> Response:
    """Return the page of *template* (``audit.html``), which sees *values* and what every page needs.

    These are: ``diag`` (the State), ``app_name``, ``request``, ``language``, ``languages``, ``navigation``, ``banner``,
    ``nonce``, ``here`` (see `here`), ``noun`` (see `Noun`), ``url_for``, ``csrf_token``, and the filters of `_texts`.
    """
    language, found = page_language(), state()
    text = (
        environment(language)
        .get_template(f"flask_diag/{template}")
        .render(
            diag=found,
            app_name=current_app.name,
            request=request,
            language=language,
            languages=SPOKEN,
            navigation=entries(found),
            banner=banner(found),
            nonce=nonce(),
            here=here,
            noun=noun(found, language),
            **values,
        )
    )
    response = make_response(text, status)
    response.content_language = (language,)
    return response


def here(**changed: Any) -> str:
    """Return the current page's address with some of its query changed; None takes a parameter out."""
    args = {**request.args.to_dict(), **changed}
    kept = {name: value for name, value in args.items() if value is not None}
    if request.endpoint is None:  # no route answers there
        return quote(request.script_root + request.path) + (f"?{urlencode(kept)}" if kept else "")
    return url_for(request.endpoint, **{**(request.view_args or {}), **kept})


def in_language(tag: str) -> str:
    """Return the current page's address in another language."""
    return here(**{PARAMETER: tag})


@functools.cache
def environment(language: str) -> Environment:
    """Return the templates in one language."""
    found = Worded(
        words(language),
        loader=PackageLoader("flask_diag"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=drawn,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # a look at each file at each page
    )
    found.globals.update(url_for=url_for, csrf_token=csrf_token, in_language=in_language)
    found.filters.update(
        diag_key=key_text,
        number=number,
        shown=shown,
        stamp=stamp,
        day=day,
        ago=functools.partial(ago, language),
        moment=functools.partial(moment, language),
        length_of=functools.partial(length_of, language),
        category=functools.partial(category, words(language)),
    )
    return found
