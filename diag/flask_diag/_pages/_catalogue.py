"""The words of the pages, for translators: ``python -m flask_diag._pages._catalogue`` brings the catalogues up to date."""

from __future__ import annotations

import io
import os
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

PACKAGE = Path(__file__).parents[1]
METHODS = [("_pages/**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {"templates/**.html": {"extensions": "jinja2.ext.i18n", "silent": "false", "trim_blocks": "true"}}
HEAD = """\
msgid ""
msgstr ""
"Language: {tag}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: {plurals}\\n"

"""
KEYWORDS = {"_": None, "gettext": None, "later": None, "say": None, "ngettext": (1, 2)}


def wanted() -> Catalog:
    """Return every text of the pages that is to be translated, with where it stands."""
    found = Catalog(fuzzy=False)
    for file, line, text, comments, context in extract_from_dir(
        PACKAGE, METHODS, OPTIONS, keywords=KEYWORDS, strip_comment_tags=True, directory_filter=_ours
    ):
        del line  # it would change with every edit of the file
        found.add(text, locations=[(file, 0)], auto_comments=comments, context=context)
    return found


def _ours(folder: str | os.PathLike[str]) -> bool:
    """Tell whether to look into *folder*; by default none that begins with an underscore is."""
    return Path(folder).name != "__pycache__"


def catalogue(file: Path) -> Catalog:
    """Return the catalogue in *file*, as it is."""
    with file.open("rb") as source:
        return read_po(source, locale=file.stem)


def files() -> list[Path]:
    """Return the catalogues that there are, one a language."""
    return sorted((PACKAGE / "translations").glob("*.po"))


def write(found: Catalog, file: Path) -> None:
    """Write a catalogue: in the order of its words, so that an edit of a template moves nothing."""
    written = io.BytesIO()
    write_po(written, found, width=0, sort_output=True, no_location=True, omit_header=True)
    head = HEAD.format(tag=file.stem, plurals=found.plural_forms)
    file.write_text(head + written.getvalue().decode().lstrip(), "utf-8")


def main() -> None:
    """Add what is new to each catalogue, empty, and take out what is used no more."""
    for file in files():
        found = catalogue(file)
        found.update(wanted(), no_fuzzy_matching=True, update_creation_date=False)
        found.obsolete.clear()
        write(found, file)


if __name__ == "__main__":
    main()
