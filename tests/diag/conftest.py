"""The shop, on the databases that were chosen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine

from diag._shop import Shop, fill, make_shop
from flask_diag import _config

if TYPE_CHECKING:
    from conftest import Database


@pytest.fixture(scope="module", autouse=True)
def _no_store() -> Iterator[None]:
    """Applications keep no incidents unless a test says where: the default is a file in the instance folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(_config._DEFAULTS, "store_url", None)
        yield


@pytest.fixture
def filled(database: Database) -> Engine:
    """An engine with the shop's tables and rows."""
    engine = database.engine()
    fill(engine)
    return engine


@pytest.fixture
def shop(filled: Engine) -> Shop:
    """The shop with its diagnostics."""
    return make_shop(filled)
