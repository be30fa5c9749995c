"""The how-to page names what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flask_diag._cli import diag_group
from flask_diag._config import KEYS

PAGE = (Path(__file__).parents[2] / "docs" / "access-and-api.md").read_text("utf-8")
OURS = re.compile(r"DIAG_(?:TOKENS|SEARCH|HEALTH|READY)\w*")


@pytest.mark.parametrize("command", sorted(diag_group.commands))
def test_every_command_is_in_the_page(command: str) -> None:
    table = PAGE.partition("## On the command line")[2]

    assert f"`{command}`" in table


def test_every_setting_of_access_and_health_is_in_the_page_and_none_that_is_not() -> None:
    wanted = {key for key in KEYS if OURS.fullmatch(key)}

    assert set(OURS.findall(PAGE)) == wanted


def test_the_page_leads_to_what_is_there() -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", PAGE):
        assert (Path(__file__).parents[2] / "docs" / link).exists(), link
