"""The examples of docs/examples: each framework's application gives the same answers."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diag._shop import body

FOLDER = Path(__file__).parents[2] / "docs" / "examples"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("[!_]*.py"))


@pytest.fixture(params=EXAMPLES)
def client(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of the example's application, whose database enforces foreign keys."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(FOLDER)
    app = importlib.import_module(request.param).create_app(f"sqlite:///{tmp_path / 'example.sqlite'}")
    shop = sys.modules["_shop"]
    with app.app_context():
        from sqlalchemy import event

        from conftest import enforce_foreign_keys

        event.listen(shop.db.engine, "connect", enforce_foreign_keys)
        shop.db.engine.dispose()
    yield app.test_client()
    with app.app_context():
        shop.db.engine.dispose()
    for name in set(sys.modules) - before:
        if name in {"_shop", request.param}:
            del sys.modules[name]


def test_there_is_an_example_for_each_framework() -> None:
    assert EXAMPLES == ["plain_flask", "with_apiflask", "with_flask_restful", "with_flask_smorest"]


def test_a_blocked_deletion_is_409_with_what_to_do(client: Any) -> None:
    answer = client.delete("/projects/1")

    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
    assert body(answer)["hints"] == ["delete or reassign 2 entries in “releases”"]
    assert body(answer)["reference"] == answer.headers["X-Request-ID"]


def test_a_duplicate_is_409_in_the_applications_own_words(client: Any) -> None:
    answer = client.post("/projects", json={"name": "sampleproject"})

    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
    assert body(answer)["detail"] == "That project name is taken."


def test_what_is_no_database_error_stays_the_frameworks_own(client: Any) -> None:
    missing, made = client.delete("/projects/99"), client.post("/projects", json={"name": "other"})

    assert (missing.status_code, missing.content_type == "application/problem+json") == (404, False)
    assert (made.status_code, made.get_json()["id"]) == (201, 2)
