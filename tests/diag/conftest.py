"""The shop, on the databases that were chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine

from diag._shop import Shop, fill, make_shop

if TYPE_CHECKING:
    from conftest import Database


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
