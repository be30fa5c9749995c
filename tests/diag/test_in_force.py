"""The settings in force: where each is from, and never a secret, wherever they are shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine

from diag._shop import Project, Shop, body, make_shop
from flask_diag._address import shown_url
from flask_diag._config import KEYS
from flask_diag._in_force import Setting, in_force
from flask_diag._tokens import new_token

pytestmark = pytest.mark.only("sqlite")
PLANTED = "hunter2-planted"
SECRET, TOKEN = new_token("prometheus", ["metrics", "read"])


def told(shop: Shop) -> dict[str, Setting]:
    """Return the settings by name."""
    return {one.name: one for one in in_force(shop.app.extensions["diag"])}


def test_every_setting_is_there_with_its_meaning(shop: Shop) -> None:
    found = told(shop)

    assert set(KEYS) <= set(found)
    assert all(one.value and one.default and one.meaning for one in found.values())
    assert found["DIAG_CHECK_TIMEOUT"].meaning == "Seconds that a verdict may take while a request waits."


def test_what_the_application_has_set_is_told_from_a_default(filled: Engine) -> None:
    found = told(make_shop(filled, config={"DIAG_RETRY_AFTER": 60, "DIAG_HEALTH": True}, lookup="name"))

    assert (found["DIAG_RETRY_AFTER"].value, found["DIAG_RETRY_AFTER"].default) == ("60", "30")
    origins = {name: one.origin for name, one in found.items()}
    assert origins["DIAG_RETRY_AFTER"] == origins["DIAG_HEALTH"] == "app.config"  # set, though to the default
    assert origins["DIAG_STORE_DAYS"] == origins["actor"] == origins["registry"] == "default"
    assert origins["subject"] == origins["lookup"] == origins["db"] == origins["authorize"] == "argument"
    assert found["subject"].value == "Project (projects)"
    assert found["lookup"].value == "name"


def test_two_applications_of_one_object_keep_their_own_origins(filled: Engine) -> None:
    from flask import Flask

    from flask_diag import Diagnostics

    diag, first, second = Diagnostics(db=filled, exporters=[]), Flask("first"), Flask("second")
    second.config["DIAG_HEALTH"] = False
    diag.init_app(first)
    diag.init_app(second)

    origins = [
        {one.name: one.origin for one in in_force(app.extensions["diag"])}["DIAG_HEALTH"]
        for app in (first, second)
    ]
    assert origins == ["default", "app.config"]


class Lock:
    """An object that may be called, and holds a secret."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def __call__(self, _: str) -> bool:
        """Let in."""
        return True

    def __repr__(self) -> str:
        """Tell all."""
        return f"Lock({self.secret})"


def lets_in(_secret: str, _permission: str) -> bool:
    """Let in."""
    return True


@pytest.fixture(params=["object", "partial"])
def secretive(request: pytest.FixtureRequest, filled: Engine) -> Shop:
    """A shop with a secret in every place that can hold one."""
    locks: dict[str, Callable[[str], Any]] = {"object": Lock(PLANTED), "partial": partial(lets_in, PLANTED)}
    away = create_engine(f"postgresql+psycopg://app:{PLANTED}@127.0.0.1:1/away?sslpassword={PLANTED}")
    return make_shop(
        filled,
        db={"default": filled, "away": away},
        config={
            "SECRET_KEY": PLANTED,
            "DIAG_TOKENS": [TOKEN.stored],
            "DIAG_STORE_URL": f"postgresql+psycopg://diag:{PLANTED}@127.0.0.1:1/store?sslpassword={PLANTED}",
            "DIAG_CHECK_TIMEOUT": 0.2,
        },
        subject=Project,
        authorize=locks[request.param],
        policy='[[relation]]\ntable = "role_invitations"\n',
    )


@pytest.mark.parametrize(
    "path", ["/diag/api/v1/settings", "/diag/api/v1/overview", "/diag/settings", "/diag/"]
)
def test_no_secret_is_shown_to_who_may_read(secretive: Shop, path: str) -> None:
    text = secretive.client.get(path).text

    assert "Project" in text or "shop" in text
    for secret in (PLANTED, TOKEN.digest, SECRET):
        assert secret not in text
        assert json.dumps(secret)[1:-1] not in text


def test_the_doctor_shows_no_secret_of_an_address(secretive: Shop) -> None:
    output = secretive.run("doctor").output

    assert "127.0.0.1:1/away" in output
    assert "127.0.0.1:1/store" in output
    assert PLANTED not in output


def test_secrets_are_named_and_counted(secretive: Shop) -> None:
    found = told(secretive)

    assert found["DIAG_TOKENS"].value == "1 given (hidden)"
    assert found["tokens"].value == "prometheus (read+metrics)"
    assert found["policy"].value == "given"
    assert "test_in_force" in found["authorize"].value or "functools" in found["authorize"].value
    assert "postgresql+psycopg://app:***@127.0.0.1:1/away?sslpassword=***" in found["db"].value


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:p@h:1/d", "postgresql://u:***@h:1/d"),
        ("mssql+pyodbc://?odbc_connect=DRIVER%3Dx%3BPWD%3Dp", "mssql+pyodbc://?odbc_connect=***"),
        ("sqlite:////a/b.sqlite", "sqlite:////a/b.sqlite"),
        ("no address", "hidden: it is no address that SQLAlchemy can read"),
    ],
)
def test_an_address_is_shown_without_what_may_be_a_secret(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_the_api_tells_the_same(shop: Shop) -> None:
    answer = body(shop.client.get("/diag/api/v1/settings"))

    assert [one["name"] for one in answer["items"]] == list(told(shop))
