"""Take pictures of the pages with the demo's data: ``python -m diag.browser._screenshots FOLDER [all | NAME ...]``.

Without names they are those that docs/ shows, and the page that Alertmanager sends for an outage.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from diag.browser._browser import Visit, chromium, visit
from diag.browser._mail import mail_of
from diag.browser._pages import PAGES, WHILE_DOWN
from diag.browser._site import served

LOOKS = (("light", 1280), ("dark", 1280), ("light", 320))
DOCS = {
    "overview": LOOKS[:1],
    "project-blocked": LOOKS,
    "project-chinese": LOOKS[:1],
    "blocked": LOOKS[1:2],
    "search": LOOKS[2:],
}


def main(folder: str, *names: str) -> None:
    """Write a picture of each page and look into *folder*, those of a database that is down included where all are asked for."""
    wanted = dict.fromkeys(PAGES if names == ("all",) else names, LOOKS) or DOCS
    Path(folder).mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as data,
        served(Path(data)) as site,
        chromium() as browser,
        visit(browser, site.url) as visitor,
    ):
        for name, looks in wanted.items():
            _take(visitor, Path(folder) / name, PAGES[name], looks)
        with site.outage():
            for name in WHILE_DOWN if names else ():
                if name in wanted:
                    _take(visitor, Path(folder) / f"{name}-down", PAGES[name], wanted[name])
        if not names:
            _take_mail(visitor, Path(folder), "DiagDatabaseOutage")


def _take(visitor: Visit, file: Path, path: str, looks: Iterable[tuple[str, int]]) -> None:
    visitor.context.clear_cookies()  # one page's language is not the next one's
    for scheme, width in looks:
        visitor.looks(scheme, width)
        visitor.goes(path)
        visitor.page.screenshot(path=file.with_name(f"{file.name}-{scheme}-{width}.png"), full_page=True)


def _take_mail(visitor: Visit, folder: Path, alert: str) -> None:
    visitor.looks("light", 640)
    visitor.page.set_content(mail_of(alert))
    visitor.page.locator("body").screenshot(path=folder / f"alert-{alert}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
