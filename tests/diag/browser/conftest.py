"""One browser and one site for all that is seen in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from _servers import NotFound
from diag.browser._browser import Visit, chromium, visit
from diag.browser._site import Site, served


@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """The browser. Of one module: while Playwright runs, no other test in this process can use asyncio."""
    try:
        with chromium() as found:
            yield found
    except NotFound as missing:
        if request.config.getoption("--require"):
            pytest.fail(f"asked for and not found: {missing}")
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The demo, served."""
    with served(tmp_path_factory.mktemp("demo")) as found:
        yield found


@pytest.fixture
def visitor(browser: Browser, site: Site) -> Iterator[Visit]:
    """A visitor, whose browser must have had nothing to complain of."""
    with visit(browser, site.url) as found:
        yield found
    assert found.elsewhere == []
    assert found.complaints == []


@pytest.fixture
def without_script(browser: Browser, site: Site) -> Iterator[Visit]:
    """A visitor whose browser runs no script."""
    with visit(browser, site.url, script=False) as found:
        yield found
    assert found.elsewhere == []
