"""Stores on each database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from flask_diag.store import Store

if TYPE_CHECKING:
    from conftest import Database

MakeStore = Callable[..., Store]


@pytest.fixture
def make_store(database: Database) -> Iterator[MakeStore]:
    """Makes stores in the test's database, each as a process of its own would have it; its schema is there."""
    made: list[Store] = []

    def make(app: str = "shop", **options: Any) -> Store:
        options = {"interval": 0.0, "drain": 0.0, **options}
        store = Store(database.url, app, **options)
        if not made:
            store.upgrade()
        made.append(store)
        return store

    yield make
    for store in made:
        store.close(5)


@pytest.fixture
def store(make_store: MakeStore) -> Store:
    """A store."""
    return make_store()
