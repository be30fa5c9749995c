"""The shop with a store, as one of several processes would have it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine

from diag._shop import Shop, make_shop
from flask_diag._state import State, state_of

if TYPE_CHECKING:
    from conftest import Database

MakeShop = Callable[..., Shop]


@pytest.fixture
def make_stored(filled: Engine, database: Database, tmp_path: Path) -> Iterator[MakeShop]:
    """Makes shops that share one store, each as a replica would have it: a file, or tables beside the application's own."""
    made: list[Shop] = []
    file = database.dialect == "sqlite"
    url = f"sqlite:///{tmp_path}/store.sqlite" if file else database.url.render_as_string(hide_password=False)

    def make(**options: Any) -> Shop:
        own = options.pop("config", {})
        config = {"DIAG_STORE_URL": url, "DIAG_STORE_DRAIN": 0} | own
        made.append(make_shop(filled, config=config, **options))
        store = diagnostics(made[-1]).store
        if store is not None and "DIAG_STORE_URL" not in own:
            store.upgrade()
        return made[-1]

    yield make
    for shop in made:
        store = diagnostics(shop).store
        if store is not None:
            store.close(5)


@pytest.fixture
def stored(make_stored: MakeShop) -> Shop:
    """The shop with its store."""
    return make_stored()


def diagnostics(shop: Shop) -> State:
    """Return what the extension keeps of a shop."""
    found = state_of(shop.app)
    assert found is not None
    return found
