"""The browser: Debian's Chromium, driven by Playwright, that reaches no other host."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from _servers import NotFound

OF_LOOKS = ("color-contrast", "target-size", "scrollable-region-focusable", "link-in-text-block")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# colours do not depend on the width, nor widths on the colours: two looks have all four. The second is only asked what it can change
LOOKS = [("light", 320), ("dark", 1280)]
PATIENCE = 60_000  # milliseconds that a busy machine may take for anything
WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser; raises NotFound where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        raise NotFound("chromium: the Debian package chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """A visitor with a page of their own.

    Attributes:
        elsewhere: requests to other hosts.
        complaints: what the browser's console said, errors and warnings.
        script: whether pages may run any.
    """

    context: BrowserContext
    page: Page
    home: str
    script: bool
    elsewhere: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def goes(self, path: str) -> None:
        """Open a page of the site."""
        self.page.goto(self.home + path)

    def looks(self, scheme: str, width: int) -> None:
        """Change the colours and the width of the screen."""
        self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        self.page.set_viewport_size({"width": width, "height": 900})

    def wrong(self) -> list[str]:
        """Return all that is wrong with the page that is open, in any of the `LOOKS`."""
        found = []
        for number, (scheme, width) in enumerate(LOOKS):
            self.looks(scheme, width)
            wrong = self.violations(looks_only=number > 0) + self.too_wide()
            found += [f"{scheme}, {width}: {one}" for one in wrong]
        return found

    def too_wide(self) -> list[str]:
        """Return what makes the page scroll sideways, as tags."""
        found: list[str] = self.page.evaluate(
            """() => {
              const wide = document.documentElement.clientWidth;
              if (document.documentElement.scrollWidth <= wide) return [];
              return [...document.querySelectorAll("body *")]
                .filter(one => one.getBoundingClientRect().right > wide + 1 && !one.closest(".scroll, pre"))
                .map(one => `${one.tagName} ${one.className} ${one.textContent.trim().slice(0, 60)}`);
            }"""
        )
        return found

    def violations(self, *, looks_only: bool = False) -> list[str]:
        """Return what axe-core finds against WCAG 2.2 AA; *looks_only* leaves out what colours and width cannot change."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(_axe())
        found: list[Any] = self.page.evaluate(
            """async rules => {
              const results = await axe.run({ resultTypes: ["violations"], runOnly: rules });
              return results.violations.flatMap(one => one.nodes.map(node => [one.id, one.help, node.html, node.failureSummary]));
            }""",
            {"type": "rule", "values": list(OF_LOOKS)} if looks_only else list(WCAG),
        )
        return [" | ".join(map(str, one)) for one in found]


@contextmanager
def visit(browser: Browser, home: str, *, script: bool = True) -> Iterator[Visit]:
    """Begin a visit; without *script* the browser runs none."""
    context = browser.new_context(java_script_enabled=script, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    found = Visit(context, page, home, script)

    def asks(request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(home).netloc and not request.url.startswith("data:"):
            found.elsewhere.append(request.url)

    context.on("request", asks)
    page.on(
        "console",
        lambda said: (
            found.complaints.append(f"{said.type}: {said.text}")
            if said.type in {"error", "warning"}
            else None
        ),
    )
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    try:
        yield found
    finally:
        context.close()


def _axe() -> str:
    return resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
